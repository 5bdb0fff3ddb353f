"""Config of jobs and graphs: presets, mappings, nested ops, unknown parts."""

import pytest

from tests.conformance.api import dg


def test_op_config():
    """Config reaches the op through its context."""

    @dg.op(config_schema={"n": int, "s": dg.Field(str, default_value="d")})
    def f(context):
        return context.op_config["n"], context.op_config["s"]

    @dg.job
    def j():
        f()

    assert j.execute_in_process(run_config={"ops": {"f": {"config": {"n": 1}}}}).output_for_node("f") == (1, "d")


def test_job_config_presets():
    """A job's own `config` is used when none is given."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.job(config={"ops": {"f": {"config": {"n": 8}}}})
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") == 8


def test_missing_config_fails_before_the_run():
    """Nothing runs on invalid config."""
    ran = []

    @dg.op(config_schema={"n": int})
    def f(context):
        ran.append(1)

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterInvalidConfigError):
        j.execute_in_process()
    assert ran == []


def test_configured_op():
    """`configured` fixes an op's config."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    seven = f.configured({"n": 7}, name="seven")

    @dg.job
    def j():
        seven()

    assert j.execute_in_process().output_for_node("seven") == 7


def test_config_mapping():
    """A config mapping turns one outer config into the inner one."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.config_mapping(config_schema={"outer": int})
    def mapping(val):
        return {"ops": {"f": {"config": {"n": val["outer"] * 2}}}}

    @dg.job(config=mapping)
    def j():
        f()

    assert j.execute_in_process(run_config={"outer": 3}).output_for_node("f") == 6


def test_graph_config_mapping():
    """A graph may hide its ops' config behind its own."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.graph(config=dg.ConfigMapping(config_schema={"m": int}, config_fn=lambda c: {"f": {"config": {"n": c["m"]}}}))
    def g():
        return f()

    @dg.job
    def j():
        g()

    assert j.execute_in_process(run_config={"ops": {"g": {"config": {"m": 4}}}}).output_for_node("g.f") == 4


def test_job_run_config_with_partition():
    """Partition and config together come from the partitioned config."""
    config = dg.PartitionedConfig(
        partitions_def=dg.StaticPartitionsDefinition(["a"]),
        run_config_for_partition_key_fn=lambda key: {"ops": {"f": {"config": {"k": key}}}},
    )

    @dg.op(config_schema={"k": str})
    def f(context):
        return context.op_config["k"], context.partition_key

    @dg.job(config=config)
    def j():
        f()

    assert j.execute_in_process(partition_key="a").output_for_node("f") == ("a", "a")


def test_nested_graph_config():
    """Config of nested ops is nested too."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.graph
    def inner():
        return f()

    @dg.job
    def j():
        inner()

    result = j.execute_in_process(run_config={"ops": {"inner": {"ops": {"f": {"config": {"n": 3}}}}}})

    assert result.output_for_node("inner.f") == 3


def test_same_op_different_config():
    """Two uses of an op have config of their own."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.job
    def j():
        f.alias("x")()
        f.alias("y")()

    result = j.execute_in_process(run_config={"ops": {"x": {"config": {"n": 1}}, "y": {"config": {"n": 2}}}})

    assert (result.output_for_node("x"), result.output_for_node("y")) == (1, 2)


class Deep(dg.Config):
    """Inside another one."""

    n: int = 1


def test_config_mapping_of_a_job():
    """One outer config makes the config of the ops."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    @dg.config_mapping(config_schema={"n": int})
    def outer(value):
        return {"ops": {"takes": {"config": value["n"] * 2}}}

    @dg.job(config=outer)
    def j():
        takes()

    assert j.execute_in_process(run_config={"n": 4}).output_for_node("takes") == 8


def test_config_mapping_typed():
    """The outer config may be typed."""

    @dg.op
    def takes(config: Deep):
        return config.n

    @dg.config_mapping
    def outer(value: Deep) -> dg.RunConfig:
        return dg.RunConfig(ops={"takes": Deep(n=value.n + 1)})

    @dg.job(config=outer)
    def j():
        takes()

    assert j.execute_in_process(run_config={"n": 4}).output_for_node("takes") == 5


def test_config_mapping_error():
    """A mapping that fails is an error of user code."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    @dg.config_mapping(config_schema={"n": int})
    def outer(value):
        raise ValueError("no")

    @dg.job(config=outer)
    def j():
        takes()

    with pytest.raises(dg.DagsterConfigMappingFunctionError):
        j.execute_in_process(run_config={"n": 4})


def test_graph_config_in_nested_ops():
    """Ops in a graph are configured below it."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    @dg.graph
    def inner():
        return takes()

    @dg.job
    def j():
        inner()

    result = j.execute_in_process(run_config={"ops": {"inner": {"ops": {"takes": {"config": 3}}}}})
    assert result.output_for_node("inner.takes") == 3
    assert result.output_for_node("inner") == 3


@pytest.mark.parametrize(
    "config",
    [
        {"nothing": {}},
        {"ops": {"other": {}}},
        {"resources": {"other": {"config": 1}}},
        {"ops": {"takes": {"other": 1}}},
        {"ops": 5},
        {"loggers": {"nope": {}}},
    ],
)
def test_unknown_parts_of_run_config(config):
    """What is not known is refused."""

    @dg.op(config_schema=dg.Field(int, default_value=1))
    def takes(context):
        return context.op_config

    @dg.job
    def j():
        takes()

    with pytest.raises(dg.DagsterInvalidConfigError):
        j.execute_in_process(run_config=config)


def test_ops_and_solids():
    """Only the current name of the section is known."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    @dg.job
    def j():
        takes()

    with pytest.raises(dg.DagsterInvalidConfigError):
        j.execute_in_process(run_config={"solids": {"takes": {"config": 1}}})


def test_execution_config():
    """The executor is configured as well."""

    @dg.op
    def takes():
        return 1

    @dg.job(executor_def=dg.multiprocess_executor.configured({"max_concurrent": 2}))
    def j():
        takes()

    assert j.execute_in_process().success
    assert dg.validate_run_config(j, {}) is not None


def test_resource_config_and_defaults():
    """Resources take config with defaults."""

    @dg.resource(config_schema={"a": dg.Field(int, default_value=1), "b": dg.Field(str, is_required=False)})
    def made(context):
        return dict(context.resource_config)

    @dg.op(required_resource_keys={"r"})
    def takes(context):
        return context.resources.r

    @dg.job(resource_defs={"r": made})
    def j():
        takes()

    assert j.execute_in_process().output_for_node("takes") == {"a": 1}
    config = {"resources": {"r": {"config": {"a": 2, "b": "x"}}}}
    assert j.execute_in_process(run_config=config).output_for_node("takes") == {"a": 2, "b": "x"}


def test_the_schema_of_a_jobs_run_config():
    """A job says what run config it takes, section by section."""

    @dg.op(config_schema={"limit": int})
    def rows(context):
        return context.op_config["limit"]

    @dg.job
    def load_rows():
        rows()

    of_rows = load_rows.run_config_schema.run_config_schema_type.fields["ops"].config_type.fields["rows"]

    assert of_rows.is_required
    assert of_rows.config_type.fields["config"].config_type.fields["limit"].is_required


@pytest.mark.parametrize("value", ["redshift", {"applyLimitPerUniqueValue": True}, None])
def test_limits_of_tags_in_the_config_of_an_executor(value):
    """A limit is for any value of a tag, for one, or for each by itself."""

    @dg.op
    def nothing(): ...

    limit = {"key": "database", "limit": 2, **({} if value is None else {"value": value})}

    @dg.job(config={"execution": {"config": {"multiprocess": {"tag_concurrency_limits": [limit]}}}})
    def limited():
        nothing()

    assert limited.execute_in_process().success
