"""What is told when definitions are resolved, and what jobs and graphs then show."""

import pytest

from tests.conformance.api import dg


def needy():
    """Return an asset whose resource nobody gives."""

    @dg.asset(required_resource_keys={"db"})
    def table(): ...

    return table


@pytest.mark.parametrize(
    "resolve",
    [
        lambda defs: defs.get_repository_def(),
        lambda defs: defs.resolve_job_def("other"),
        lambda defs: defs.resolve_implicit_global_asset_job_def(),
        lambda defs: defs.resolve_all_job_defs(),
    ],
    ids=["repository", "another job", "all assets", "all jobs"],
)
def test_a_missing_resource_of_an_asset(resolve):
    """A resource that an asset needs is missed whatever is asked of the definitions."""

    @dg.asset
    def fine(): ...

    defs = dg.Definitions([needy(), fine], jobs=[dg.define_asset_job("other", [fine])])
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="'db' required by op 'table' was not provided."):
        resolve(defs)


def test_a_resource_of_another_asset_is_not_enough():
    """What one asset brings with it is for that asset."""

    @dg.asset(resource_defs={"db": dg.ResourceDefinition.hardcoded_resource(1)})
    def brings(): ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="'db' required by op 'table' was not provided."):
        dg.Definitions([needy(), brings]).get_repository_def()


def test_a_missing_resource_of_a_resource():
    """Resources that nobody uses need their own resources too."""

    @dg.asset
    def table(): ...

    @dg.resource(required_resource_keys={"address"})
    def db(_): ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="'address' required by resource with key 'db'"):
        dg.Definitions([table], resources={"db": db}).get_repository_def()


def test_a_missing_io_manager_of_a_source():
    """An asset that is only loaded is asked for its IO manager too."""
    source = dg.SourceAsset("raw", io_manager_key="lake")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"'lake' required by SourceAsset with key \[\"raw\"\]"):
        dg.Definitions([source]).get_repository_def()


def test_different_resources_of_one_key():
    """An asset and a source that is made with it cannot bring different resources under one key."""

    @dg.io_manager(required_resource_keys={"db"})
    def manager(_): ...

    @dg.asset(resource_defs={"db": dg.ResourceDefinition.hardcoded_resource(1)})
    def table(): ...

    source = dg.SourceAsset(
        "raw", io_manager_def=manager, resource_defs={"db": dg.ResourceDefinition.hardcoded_resource(2)}
    )
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Conflicting versions of resource with key 'db'"):
        dg.materialize([table, source])


def test_a_job_over_different_partitions():
    """A run is for one partition, so that the assets of a job have the same ones, or none."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def one(): ...

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["b"]))
    def other(): ...

    defs = dg.Definitions([one, other], jobs=[dg.define_asset_job("both", [one, other])])
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Failed to resolve asset job both"):
        defs.resolve_job_def("both")


def test_dependencies_of_a_job():
    """A job shows its dependencies by the use of a node, as `GraphDefinition` takes them."""

    @dg.op
    def start():
        return 1

    @dg.op
    def add(number):
        return number

    @dg.job
    def adds():
        add.alias("twice")(add(start()))

    assert adds.dependencies == {
        dg.NodeInvocation("start", alias="start"): {},
        dg.NodeInvocation("add", alias="add"): {"number": dg.DependencyDefinition("start", "result")},
        dg.NodeInvocation("add", alias="twice"): {"number": dg.DependencyDefinition("add", "result")},
    }

    @dg.asset
    def raw(): ...

    @dg.asset
    def report(raw): ...

    made = dg.Definitions([raw, report]).resolve_implicit_global_asset_job_def()
    assert made.dependencies == {
        dg.NodeInvocation("raw"): {},
        dg.NodeInvocation("report"): {"raw": dg.DependencyDefinition("raw", "result")},
    }
    again = dg.GraphDefinition("again", node_defs=[start, add], dependencies=adds.graph.dependencies)
    assert again.execute_in_process().output_for_node("twice") == 1


@pytest.mark.parametrize(
    ("inner", "value"), [(list[int], lambda given: [given]), (int, lambda given: given)], ids=["fan-in", "direct"]
)
def test_the_type_of_a_graphs_input(inner, value):
    """An input of a graph that says nothing has the type of what takes it, alone or as one of several."""

    @dg.op(ins={"numbers": dg.In(inner)})
    def takes(numbers):
        return numbers

    @dg.graph
    def passes(number):
        takes(value(number))

    assert passes.input_defs[0].dagster_type.typing_type is int
    run = passes.execute_in_process(run_config={"inputs": {"number": {"value": 5}}})
    assert run.output_for_node("takes") == value(5)


def test_inputs_that_disagree_give_a_graphs_input_no_type():
    """A graph's input is not Nothing where one of those behind it takes a value."""

    @dg.op(ins={"number": dg.In(dg.Nothing)})
    def waits(): ...

    @dg.op
    def takes(number): ...

    @dg.graph
    def passes(number):
        waits(number)
        takes(number)

    assert not passes.input_defs[0].dagster_type.is_nothing


@dg.op(config_schema={"size": int, "color": dg.Field(str, default_value="red")})
def paints(context):
    """Return what the config says."""
    return context.op_config["size"], context.op_config["color"]


@dg.op(config_schema={"size": int})
def cuts(context):
    """Return what the config says."""
    return context.op_config["size"]


@dg.graph
def works():
    """Paint and cut."""
    paints()
    cuts()


@pytest.mark.parametrize(
    ("given", "painted", "cut"),
    [
        (None, (1, "blue"), 2),
        ({"ops": {}}, (1, "blue"), 2),
        ({"ops": {"paints": {"config": {"size": 5}}}}, (5, "red"), 2),
        ({"resources": {}}, (1, "blue"), 2),
    ],
    ids=["none", "empty", "one op", "no ops"],
)
def test_config_of_a_job_fills_in(given, painted, cut):
    """Run config takes the place of the job's own op by op; the job's own holds for the others."""
    own = {"ops": {"paints": {"config": {"size": 1, "color": "blue"}}, "cuts": {"config": {"size": 2}}}}
    run = works.to_job(config=own).execute_in_process(run_config=given)
    assert (run.output_for_node("paints"), run.output_for_node("cuts")) == (painted, cut)


def test_a_mapping_gets_defaults_unprocessed():
    """With `receive_processed_config_values=False` defaults are there, and variables stand as they are written."""
    seen = []

    @dg.config_mapping(
        config_schema={"size": dg.Field(int, default_value=3), "host": dg.StringSource},
        receive_processed_config_values=False,
    )
    def outer(config):
        seen.append(config)
        return {"ops": {"cuts": {"config": {"size": config["size"]}}, "paints": {"config": {"size": 1}}}}

    run = works.to_job(config=outer).execute_in_process(run_config={"host": {"env": "HOST_OF_NOBODY"}})
    assert run.output_for_node("cuts") == 3
    assert seen[0] == {"size": 3, "host": {"env": "HOST_OF_NOBODY"}}


def test_the_error_of_a_nested_mapping():
    """The message has the node, the job, and the way to it."""

    def breaks(_):
        raise ValueError("no")

    @dg.graph(config=dg.ConfigMapping(breaks, {"any": str}))
    def mapped():
        cuts()

    @dg.graph
    def between():
        mapped.alias("below")()

    @dg.job
    def top():
        between.alias("above")()

    with pytest.raises(dg.DagsterConfigMappingFunctionError) as caught:
        top.execute_in_process({"ops": {"above": {"ops": {"below": {"config": {"any": "x"}}}}}})
    assert "on graph 'below' in job 'top'" in str(caught.value)
    assert 'at stack "above:below"' in str(caught.value)


@pytest.mark.parametrize("parts", [["a/b"], ["a\\", "b"], ["a\\", "/b"], ["a\\/b"], ["a", "b\\c"]])
def test_escaped_keys(parts):
    """Backslashes and slashes within parts come back from the escaped text."""
    key = dg.AssetKey(parts)
    assert dg.AssetKey.from_escaped_user_string(key.to_escaped_user_string()) == key
