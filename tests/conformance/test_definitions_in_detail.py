"""What definitions tell of themselves, and what they say where they are wrong."""

import warnings

import pytest

from tests.conformance.api import dg

# -- ops made by hand -----------------------------------------------------------------------------------------------


def test_an_op_made_by_hand_takes_its_inputs_in_a_dict():
    """The function of an `OpDefinition` gets the context and the values by name."""

    def scale(context, inputs):
        yield dg.Output(inputs["value"] * inputs["by"], "scaled")

    made = dg.OpDefinition(scale, "scale", ins={"value": dg.In(int), "by": dg.In(int)}, outs={"scaled": dg.Out(int)})

    @dg.graph
    def scales(value, by):
        return made(value, by)

    result = scales.execute_in_process(input_values={"value": 6, "by": 7})
    assert result.output_for_node("scale", "scaled") == 42


def test_an_op_made_by_hand_declares_all_it_has():
    """Nothing is inferred from the function: without `ins` there are no inputs, and `outs` is one, `result`."""

    def counts(_context, *_inputs):
        yield dg.Output(1)

    made = dg.OpDefinition(counts, "counts")
    assert not made.input_defs
    assert [one.name for one in made.output_defs] == ["result"]
    result = dg.GraphDefinition("only", node_defs=[made]).to_job().execute_in_process()
    assert result.output_for_node("counts") == 1
    assert not dg.OpDefinition(lambda _context, _inputs: None, "silent", outs={}).output_defs


def test_declared_inputs_come_before_inferred_ones():
    """The inputs of `ins` are first, those of other parameters follow."""

    @dg.op(ins={"late": dg.In(description="d")})
    def three(early, middle, late):
        return early, middle, late

    assert [one.name for one in three.input_defs] == ["late", "early", "middle"]
    assert three(1, 2, 3) == (1, 2, 3)


def test_ins_and_outs_of_an_op_are_declarations():
    """`ins` and `outs` equal what could have been declared."""

    @dg.op(ins={"value": dg.In(metadata={"a": 1})}, out={"whole": dg.Out(), "rest": dg.Out(is_required=False)})
    def split(value: int):
        yield dg.Output(value, "whole")

    assert split.ins == {"value": dg.In(int, metadata={"a": 1})}
    assert split.outs == {"whole": dg.Out(), "rest": dg.Out(is_required=False)}
    assert split.ins["value"] != dg.In(str, metadata={"a": 1})


# -- graphs wired by hand -------------------------------------------------------------------------------------------


@dg.op
def emit():
    return 1


@dg.op
def take(value):
    return value


@pytest.mark.parametrize(
    ("dependencies", "said"),
    [
        ({"take": {"value": dg.DependencyDefinition("take")}}, "circular reference"),
        ({"nowhere": {}}, 'node "nowhere" in dependency dictionary not found'),
        ({"take": {"wrong": dg.DependencyDefinition("emit")}}, 'op "take" does not have input "wrong"'),
        ({"take": dg.DependencyDefinition("emit")}, "one layer too high under key take"),
        ({"take": {"value": "emit"}}, 'Expected IDependencyDefinition for node "take" input "value"'),
        ([], 'The expected type for "dependencies" is Union'),
    ],
)
def test_dependencies_that_cannot_be(dependencies, said):
    """What is wrong with a dictionary of dependencies is named."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=said):
        dg.GraphDefinition("wired", node_defs=[emit, take], dependencies=dependencies)


def test_a_function_is_no_node():
    """A function without the decorator is named in the error."""

    def plain():
        return 1

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="You have passed a lambda or function plain"):
        dg.GraphDefinition("wired", node_defs=[plain])


def test_uses_that_are_not_called_are_warned_of():
    """An alias, tags or hooks in a body without a call of it make no node."""
    with pytest.warns(UserWarning, match="received an uninvoked op") as seen:

        @dg.job
        def forgets():
            emit()
            take.alias("again")
            take.tag({"a": "b"})

    assert len(seen) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)

        @dg.job
        def calls():
            take.alias("again").tag({"a": "b"})(emit())


# -- what ops return ------------------------------------------------------------------------------------------------


def test_dynamic_outputs_that_are_not():
    """A dynamic output that is no list, or holds something else, is refused with its place."""

    @dg.op(out=dg.DynamicOut())
    def nothing():
        return None

    with pytest.raises(dg.DagsterInvariantViolationError, match="instead received instead an object of type"):
        nothing()

    @dg.op(out=dg.DynamicOut())
    def mixed():
        return [dg.DynamicOutput(1, mapping_key="a"), 2]

    with pytest.raises(dg.DagsterInvariantViolationError, match="at position 0 expected a list of DynamicOutput"):
        mixed()


def test_outputs_in_the_place_of_others():
    """An output with the name of another is refused."""

    @dg.op(out={"left": dg.Out(), "right": dg.Out()})
    def swapped():
        return dg.Output(1, "right"), dg.Output(2, "left")

    said = "Output was explicitly named 'right', which does not match the output definition specified for position 0"
    with pytest.raises(dg.DagsterInvariantViolationError, match=said):
        swapped()


def test_a_wrong_type_names_op_and_output():
    """A direct call says whose output has the wrong type."""

    @dg.op
    def wrong() -> int:
        return "x"

    with pytest.raises(dg.DagsterTypeCheckDidNotPass, match='Type check failed for op "wrong" output "result"'):
        wrong()


# -- checks ---------------------------------------------------------------------------------------------------------


def test_checks_name_the_materialization_of_their_own_step():
    """A check in the op that makes the asset tells which materialization it is of."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("positive", asset="made")])
    def made():
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    with dg.instance_for_test() as instance:
        for _ in range(2):
            result = dg.materialize([made], instance=instance)
            (record,) = instance.fetch_materializations(made.key, limit=1).records
            (evaluation,) = result.get_asset_check_evaluations()
            assert evaluation.target_materialization_data.storage_id == record.storage_id
            assert evaluation.target_materialization_data.run_id == result.run_id


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            dg.AssetCheckResult(check_name="b", passed=True),
            "No checks currently being evaluated target asset 'made' and",
        ),
        (dg.AssetCheckResult(asset_key="other", passed=True), "Targeted assets: \\['made'\\]"),
    ],
)
def test_results_of_checks_that_are_not_there(result, said):
    """A result of another check, or for another asset, is refused with what there is."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("a", asset="made")])
    def made():
        yield dg.Output(1)
        yield result

    with pytest.raises(dg.DagsterInvariantViolationError, match=said):
        dg.materialize([made])


def test_missing_results_of_checks():
    """A check without a result is an output that is missing."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("a", asset="made")])
    def made():
        yield dg.Output(1)

    with pytest.raises(dg.DagsterStepOutputNotFoundError, match='for non-optional output "made_a"'):
        dg.materialize([made])


def test_bounds_checks_say_their_bounds():
    """The description of a check of bounds, and a check without any."""
    (check,) = dg.build_metadata_bounds_checks(
        assets=["made"], metadata_key="rows", min_value=1, max_value=9, exclusive_max=True
    )
    (spec,) = check.check_specs
    assert spec.description.endswith("`rows` greater than or equal to 1 and less than 9")
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.build_metadata_bounds_checks(assets=["made"], metadata_key="rows")


# -- locations ------------------------------------------------------------------------------------------------------


def test_merged_definitions_name_the_ones_that_disagree():
    """Which of the merged definitions have different loggers, resources or executors."""
    one = dg.Definitions(resources={"a": 1}, executor=dg.in_process_executor)
    with pytest.raises(
        dg.DagsterInvariantViolationError, match="objects 0 and 2 have different resources with same key 'a'"
    ):
        dg.Definitions.merge(one, dg.Definitions(), dg.Definitions(resources={"a": 2}))
    with pytest.raises(dg.DagsterInvariantViolationError, match="objects 0 and 1 both have an executor"):
        dg.Definitions.merge(one, dg.Definitions(executor=dg.multiprocess_executor))


def test_a_schedule_or_sensor_without_its_resource():
    """A direct call without the resource it needs is a definition that cannot work."""

    class Folder(dg.ConfigurableResource):
        path: str

    @dg.sensor(job_name="work")
    def looks(folder: Folder):
        return dg.SkipReason(folder.path)

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="'folder' required by sensor 'looks' was not provided"):
        looks()
