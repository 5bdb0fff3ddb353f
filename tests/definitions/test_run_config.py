"""Run config of jobs: the schema that follows from a job, and what each part of the job gets."""

from __future__ import annotations

from typing import Any

import pytest
from cellmill.definitions.config.config_mapping import config_mapping
from cellmill.definitions.config.configured import configured
from cellmill.definitions.config.env_var import EnvVar
from cellmill.definitions.config.pydantic_config import Config
from cellmill.definitions.configurable_resource import ConfigurableResource
from cellmill.definitions.graph import GraphDefinition, graph
from cellmill.definitions.init_resource_context import InitResourceContext
from cellmill.definitions.job_decorator import job
from cellmill.definitions.op import op
from cellmill.definitions.port import In
from cellmill.definitions.resource import ResourceDefinition
from cellmill.definitions.run_config import RunConfig, resolve_run_config, validate_run_config
from cellmill.definitions.run_config_schema import is_trivial, run_config_schema
from cellmill.definitions.types.loader import type_loader
from cellmill.definitions.types.runtime_type import Type
from cellmill.errors import (
    ConfigMappingFunctionError,
    InvalidConfigError,
    InvalidDefinitionError,
    ParameterCheckError,
)
from pydantic import Field as PydanticField
from pydantic import ValidationError


@op(config_schema={"a": int})
def reads(context: Any) -> int:
    """An op with config."""
    value: int = context.op_config["a"]
    return value


@op
def takes(x: int) -> int:
    """An op with an input."""
    return x


@op
def bare() -> int:
    """An op without anything."""
    return 1


@job
def plain() -> None:
    """A job of an op with config and one without."""
    reads()
    bare()


@config_mapping(config_schema={"b": int})
def to_reads(config: dict[str, int]) -> dict[str, Any]:
    """Config of the nodes inside."""
    return {"reads": {"config": {"a": config["b"]}}}


@graph(config=to_reads)
def mapped() -> None:
    """A graph with a mapping."""
    reads()


@job
def nested() -> None:
    """A job of a graph with a mapping."""
    mapped()


def problems(made: Any, config: Any) -> list[str]:
    """The paths of the problems of this config."""
    with pytest.raises(InvalidConfigError) as caught:
        resolve_run_config(made, config)
    return [error.path for error in caught.value.errors]


def test_an_op_gets_its_config() -> None:
    """The config of an op is found by its handle; one without config has an empty one."""
    resolved = resolve_run_config(plain, {"ops": {"reads": {"config": {"a": 1}}}})

    assert resolved.ops[("reads",)].config == {"a": 1}
    assert resolved.ops[("bare",)].config is None


def test_a_run_sees_its_config() -> None:
    """The config reaches the op's function."""
    result = plain.execute_in_process(run_config={"ops": {"reads": {"config": {"a": 4}}}})

    assert result.output_for_node("reads") == 4


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ({}, ["root"]),
        (None, ["root"]),
        ({"ops": {}}, ["root:ops"]),
        ({"ops": {"reads": {}}}, ["root:ops:reads"]),
        ({"ops": {"reads": None}}, ["root:ops:reads"]),
        ({"ops": {"reads": {"config": {"a": "x"}}}}, ["root:ops:reads:config:a"]),
        ({"ops": {"reads": {"config": {"a": 1}}, "raeds": {}}}, ["root:ops"]),
        ({"ops": {"reads": {"config": {"a": 1}, "outputs": {}}}}, ["root:ops:reads"]),
        ({"op": {}}, ["root", "root"]),
        ({"ops": {"reads": {"config": {"a": 1}}}, "resources": {"zz": {}}}, ["root:resources"]),
        ({"ops": {"reads": {"config": {"a": 1}}}, "loggers": {"zz": {}}}, ["root:loggers"]),
        (
            {"ops": {"reads": {"config": {"a": "x", "b": 1}}, "zz": {}}, "loggers": {"console": {"config": {"q": 1}}}},
            ["root:ops", "root:ops:reads:config", "root:ops:reads:config:a", "root:loggers:console:config"],
        ),
    ],
)
def test_every_problem_is_in_one_error(config: Any, paths: list[str]) -> None:
    """Nothing runs on wrong config, and the error has all that is wrong."""
    assert sorted(problems(plain, config)) == sorted(paths)


def test_the_error_names_the_job_and_the_nearest_name() -> None:
    """The message has the job, the path, and what was probably meant."""
    with pytest.raises(InvalidConfigError, match="Error in config for job plain") as caught:
        plain.execute_in_process(run_config={"ops": {"raeds": {"config": {"a": 1}}}})

    assert "Did you mean 'reads'?" in str(caught.value)
    assert 'Missing required config entry "reads" at path root:ops' in str(caught.value)


def test_config_that_is_no_dictionary_is_refused() -> None:
    """Run config is a dictionary or a RunConfig."""
    with pytest.raises(ParameterCheckError):
        resolve_run_config(plain, 3)


def test_the_config_of_the_job_is_its_default() -> None:
    """Without run config the job's own is used, and run config replaces it."""

    @job(config={"ops": {"reads": {"config": {"a": 7}}}})
    def with_default() -> None:
        reads()

    assert resolve_run_config(with_default).ops[("reads",)].config == {"a": 7}
    assert resolve_run_config(with_default, {"ops": {"reads": {"config": {"a": 8}}}}).ops[("reads",)].config == {"a": 8}
    assert validate_run_config(with_default)["ops"] == {"reads": {"config": {"a": 7}}}


class TestMappings:
    """Config of graphs and jobs that is made by functions."""

    def test_a_graph_inside_a_job(self) -> None:
        """The outer config is under the graph's name."""
        resolved = resolve_run_config(nested, {"ops": {"mapped": {"config": {"b": 3}}}})

        assert resolved.ops[("mapped", "reads")].config == {"a": 3}

    def test_a_graph_as_a_job(self) -> None:
        """The outer config is under ops."""
        assert resolve_run_config(mapped.to_job(), {"ops": {"config": {"b": 3}}}).ops[("reads",)].config == {"a": 3}

    def test_the_inner_config_cannot_be_given(self) -> None:
        """Where there is a mapping, only its own config is taken."""
        assert set(problems(nested, {"ops": {"mapped": {"ops": {"reads": {"config": {"a": 1}}}}}})) == {
            "root:ops:mapped"
        }

    def test_a_mapping_of_the_whole_job(self) -> None:
        """The run config is the outer config as a whole."""

        @config_mapping(config_schema={"b": int})
        def outer(config: dict[str, int]) -> RunConfig:
            return RunConfig(ops={"reads": {"config": {"a": config["b"]}}})

        @job(config=outer)
        def whole() -> None:
            reads()

        assert resolve_run_config(whole, {"b": 3}).ops[("reads",)].config == {"a": 3}
        with pytest.raises(InvalidConfigError, match="Error in config mapping"):
            resolve_run_config(whole, {"ops": {}})

    def test_what_a_mapping_makes_must_fit(self) -> None:
        """Wrong inner config is the mapping's fault, and the error says so."""

        @config_mapping
        def wrong(config: Any) -> dict[str, Any]:
            return {"reads": {"config": {"a": "zz"}}}

        @graph(config=wrong)
        def broken() -> None:
            reads()

        with pytest.raises(InvalidConfigError, match="top level graph 'broken' has a configuration error"):
            resolve_run_config(broken.to_job(), {})

    def test_a_mapping_that_raises_is_named(self) -> None:
        """The error names graph and job."""

        @config_mapping
        def raises(config: Any) -> dict[str, Any]:
            raise ValueError("boom")

        @graph(config=raises)
        def broken() -> None:
            reads()

        with pytest.raises(ConfigMappingFunctionError, match="graph 'broken' in job 'broken'.*ValueError: boom"):
            resolve_run_config(broken.to_job(), {})

    def test_fixed_config_of_a_graph(self) -> None:
        """A dictionary as the graph's config is for its nodes."""

        @graph(config={"reads": {"config": {"a": 5}}})
        def fixed() -> None:
            reads()

        assert resolve_run_config(fixed.to_job(), {}).ops[("reads",)].config == {"a": 5}


class TestConfigured:
    """Ops and graphs with their config given."""

    def test_an_op_with_fixed_config(self) -> None:
        """Nothing is left to configure."""
        fixed = reads.configured({"a": 1}, name="fixed")
        made = GraphDefinition(name="g", node_defs=[fixed]).to_job()

        assert resolve_run_config(made, {}).ops[("fixed",)].config == {"a": 1}
        assert made.execute_in_process().output_for_node("fixed") == 1

    def test_an_op_configured_by_a_function(self) -> None:
        """The new config is checked, and the function makes the old of it."""

        @configured(reads, config_schema=int)
        def by_number(value: int) -> dict[str, int]:
            return {"a": value + 1}

        made = GraphDefinition(name="g", node_defs=[by_number]).to_job()

        assert resolve_run_config(made, {"ops": {"by_number": {"config": 4}}}).ops[("by_number",)].config == {"a": 5}
        assert problems(made, {"ops": {"by_number": {"config": "s"}}}) == ["root:ops:by_number:config"]

    def test_wrong_fixed_config_names_the_op(self) -> None:
        """The error says which configured op is wrong."""
        made = GraphDefinition(name="g", node_defs=[reads.configured({"a": "x"}, name="bad")]).to_job()
        with pytest.raises(InvalidConfigError, match="Error in config for op 'bad'"):
            resolve_run_config(made, {})

    def test_a_graph_with_a_mapping(self) -> None:
        """The config of the mapping is given."""
        made = GraphDefinition(name="g", node_defs=[mapped.configured({"b": 4}, name="four")]).to_job()

        assert resolve_run_config(made, {}).ops[("four", "reads")].config == {"a": 4}

    def test_a_graph_without_a_mapping_has_nothing_to_configure(self) -> None:
        """Only a mapping's config can be given."""
        with pytest.raises(InvalidDefinitionError, match="does not have a config mapping"):
            GraphDefinition(name="g", node_defs=[bare]).configured({}, name="x")


class TestInputs:
    """Inputs that nothing is connected to."""

    def test_an_unconnected_input(self) -> None:
        """Its value is under inputs, as it stands or by source."""
        made = GraphDefinition(name="g", node_defs=[takes]).to_job()

        assert (
            made.execute_in_process(run_config={"ops": {"takes": {"inputs": {"x": 3}}}}).output_for_node("takes") == 3
        )
        by_source = {"ops": {"takes": {"inputs": {"x": {"value": 4}}}}}
        assert made.execute_in_process(run_config=by_source).output_for_node("takes") == 4
        assert problems(made, {"ops": {"takes": {"inputs": {"x": "s"}}}}) == ["root:ops:takes:inputs:x"]
        assert problems(made, {}) == ["root"]

    def test_config_of_an_op_without_a_schema_binds_inputs(self) -> None:
        """A value under config is the input of that name."""
        made = GraphDefinition(name="g", node_defs=[takes]).to_job()

        assert (
            made.execute_in_process(run_config={"ops": {"takes": {"config": {"x": 3}}}}).output_for_node("takes") == 3
        )

    def test_an_input_with_a_default_may_be_left_out(self) -> None:
        """Config may give it all the same."""

        @op
        def defaults(x: int = 5) -> int:
            return x

        made = GraphDefinition(name="g", node_defs=[defaults]).to_job()

        assert made.execute_in_process().output_for_node("defaults") == 5
        given = {"ops": {"defaults": {"inputs": {"x": 6}}}}
        assert made.execute_in_process(run_config=given).output_for_node("defaults") == 6

    def test_inputs_of_the_job(self) -> None:
        """An input of the job itself is under inputs at the root."""

        @job
        def with_input(x: int) -> None:
            takes(x)

        assert resolve_run_config(with_input, {"inputs": {"x": 4}}).inputs == {"x": 4}
        assert with_input.execute_in_process(input_values={"x": 5}).output_for_node("takes") == 5
        assert problems(with_input, {}) == ["root"]

    def test_a_loader_of_a_type(self) -> None:
        """A type's own loader says what config is taken."""

        @type_loader(config_schema={"a": int})
        def from_a(context: Any, config: Any) -> int:
            return int(config["a"]) * 2

        kind = Type(name="K", type_check_fn=lambda _, value: isinstance(value, int), loader=from_a)

        @op(ins={"x": In(kind)})
        def loads(x: Any) -> int:
            return int(x)

        made = GraphDefinition(name="g", node_defs=[loads]).to_job()

        assert made.execute_in_process(run_config={"ops": {"loads": {"inputs": {"x": {"a": 3}}}}}).success
        assert problems(made, {"ops": {"loads": {"inputs": {"x": 3}}}}) == ["root:ops:loads:inputs:x"]


class Settings(Config):
    """The config of an op."""

    a: int
    ratio: float = PydanticField(default=0.5, gt=0)


class Adds(ConfigurableResource[Any]):
    """A number."""

    n: int = 0


@op
def uses(context: Any, config: Settings, adds: Adds) -> int:
    """An op with a config class and a resource class."""
    return config.a + adds.n


class TestClasses:
    """Config classes and resource classes in jobs."""

    def make(self) -> Any:
        """A job with both."""

        return GraphDefinition(name="g", node_defs=[uses]).to_job(resource_defs={"adds": Adds.configure_at_launch()})

    def test_objects_in_run_config(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A RunConfig may hold objects, and references to variables."""
        monkeypatch.setenv("CELLMILL_TEST_VALUE", "5")
        config = RunConfig(
            ops={"uses": Settings(a=1)}, resources={"adds": {"config": {"n": EnvVar.int("CELLMILL_TEST_VALUE")}}}
        )

        assert self.make().execute_in_process(run_config=config).output_for_node("uses") == 6

    def test_constraints_are_checked_before_anything_runs(self) -> None:
        """A value outside a field's bounds stops the run, and the error says where it stands."""
        with pytest.raises(ValidationError) as caught:
            resolve_run_config(self.make(), {"ops": {"uses": {"config": {"a": 1, "ratio": -1.0}}}})

        assert caught.value.__notes__ == ["In the config of op 'uses' (Settings)."]


class TestResources:
    """Config of resources."""

    def test_only_what_is_needed_must_be_configured(self) -> None:
        """A resource that no op uses may lack its config."""

        @op(required_resource_keys={"needed"})
        def uses(context: Any) -> Any:
            return context.resources.needed

        def of_config(context: InitResourceContext) -> Any:
            return context.resource_config["q"]

        defs = {
            "needed": ResourceDefinition(of_config, config_schema={"q": int}),
            "unused": ResourceDefinition(of_config, config_schema={"q": int}),
        }
        made = GraphDefinition(name="g", node_defs=[uses]).to_job(resource_defs=defs)

        assert problems(made, {}) == ["root"]
        config = {"resources": {"needed": {"config": {"q": 1}}}}
        assert made.execute_in_process(run_config=config).output_for_node("uses") == 1

    def test_variables_of_unused_resources_are_not_read(self) -> None:
        """A variable that is not set matters only to the runs that use it."""

        class Reads(ConfigurableResource[Any]):
            s: str

        made = GraphDefinition(name="g", node_defs=[bare]).to_job(
            resource_defs={"reads": Reads(s=EnvVar("CELLMILL_NOT_SET"))}
        )

        assert made.execute_in_process().success

    def test_a_resource_with_fixed_config(self) -> None:
        """A configured resource gets its config in a run without run config."""

        @op(required_resource_keys={"r"})
        def uses(context: Any) -> Any:
            return context.resources.r

        fixed = ResourceDefinition.string_resource().configured("hello")
        made = GraphDefinition(name="g", node_defs=[uses]).to_job(resource_defs={"r": fixed})

        assert made.execute_in_process().output_for_node("uses") == "hello"


def test_a_job_without_config_has_nothing_to_resolve() -> None:
    """The empty result is shared, so that plain jobs pay nothing."""

    @job
    def nothing() -> None:
        takes(bare())

    assert is_trivial(nothing)
    assert resolve_run_config(nothing) is resolve_run_config(nothing, {})
    assert not is_trivial(plain)


def test_the_schema_shows_the_whole_job() -> None:
    """The schema of run config names every node, resource and logger."""
    label = run_config_schema(plain).config_type.label

    assert "ops: { bare?: { config?: Any } reads: { config: { a: Int } } }" in label
    assert "loggers?: { console?:" in label


def test_config_of_ops_that_are_not_selected_is_ignored() -> None:
    """Run config for the whole job serves for a part of it."""
    config = {"ops": {"reads": {"config": {"a": 1}}}}

    assert plain.execute_in_process(run_config=config, op_selection=["bare"]).success
    assert plain.execute_in_process(op_selection=["bare"]).success
