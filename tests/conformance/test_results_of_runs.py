"""What a run's result gives: values within a `with` block, of other processes too; and what a step must give."""

import pytest

from tests.conformance.api import dg

UP: list[str] = []


@dg.resource
def counted():
    UP.append("up")
    yield "shelf"
    UP.append("down")


class Shelf(dg.IOManager):
    """Keeps values in the instance's folder, by way of a resource."""

    kept: dict = {}

    def handle_output(self, context, obj):
        self.kept[context.get_identifier()[1:][0], context.mapping_key] = obj

    def load_input(self, context):
        up = context.upstream_output
        return self.kept[up.step_key, up.mapping_key]


@dg.io_manager(required_resource_keys={"counted"})
def shelf(_):
    return Shelf()


@dg.op(out=dg.DynamicOut())
def letters():
    for letter in "ab":
        yield dg.DynamicOutput(letter, mapping_key=letter)


@dg.op
def doubled(letter):
    return letter * 2


@dg.op
def joined(letters):
    return "".join(letters)


@dg.job(executor_def=dg.multiprocess_executor)
def in_processes():
    joined(letters().map(doubled).collect())


@dg.job(executor_def=dg.in_process_executor, resource_defs={"io_manager": shelf, "counted": counted})
def on_a_shelf():
    joined(letters().map(doubled).collect())


@dg.graph
def unbound():
    letters()


bound = unbound.to_job(name="bound")


def test_values_of_mapped_steps_come_from_other_processes():
    """By mapping key, of a dynamic output and of the steps behind it."""
    with dg.instance_for_test() as instance:
        with dg.execute_job(dg.reconstructable(in_processes), instance) as result:
            assert result.output_for_node("letters") == {"a": "a", "b": "b"}
            assert result.output_for_node("doubled") == {"a": "aa", "b": "bb"}
            assert result.output_for_node("joined") == "aabb"


def test_values_are_read_in_a_with_block_alone():
    """Before and behind it there are no resources to read them by."""
    with dg.instance_for_test() as instance:
        UP.clear()
        result = dg.execute_job(dg.reconstructable(on_a_shelf), instance)
        assert result.success and UP == ["up", "down"]
        with pytest.raises(dg.DagsterInvariantViolationError, match="must be opened as a context manager"):
            result.output_for_node("joined")
        with result:
            assert result.output_for_node("joined") == "aabb"
        with pytest.raises(dg.DagsterInvariantViolationError, match="must be opened as a context manager"):
            result.output_for_node("joined")
        assert UP.count("up") == UP.count("down")


def test_a_job_of_to_job_is_not_found_by_its_graphs_name():
    """Another process would make a job without its config and executor."""
    with pytest.raises(dg.DagsterInvariantViolationError, match="wrap the ``to_job`` call in a function"):
        dg.reconstructable(bound)


def test_a_run_again_keeps_the_op_selection():
    """And steps outside of it are unknown, all of them named."""
    with dg.instance_for_test() as instance:
        job = dg.reconstructable(on_a_shelf)
        with dg.execute_job(job, instance, op_selection=["letters"]) as first:
            assert first.success
        options = dg.ReexecutionOptions(first.run_id)
        with dg.execute_job(job, instance, reexecution_options=options) as again:
            assert [one.step_key for one in again.get_step_success_events()] == ["letters"]
        options = dg.ReexecutionOptions(first.run_id, ["joined", "doubled"])
        with pytest.raises(dg.DagsterExecutionStepNotFoundError, match="unknown steps: joined, doubled"):
            dg.execute_job(job, instance, reexecution_options=options)


def test_of_a_mapped_step_behind_a_skipped_one_nothing_is_told():
    """Nobody knows how many steps it would have been; what collects it is skipped."""

    @dg.op(out=dg.Out(is_required=False))
    def silent():
        yield from ()

    @dg.op(out=dg.DynamicOut())
    def parts(word):
        for letter in word:
            yield dg.DynamicOutput(letter, mapping_key=letter)

    @dg.job
    def skips():
        joined(parts(silent()).map(doubled).collect())

    result = skips.execute_in_process()
    assert [one.step_key for one in result.get_step_skipped_events()] == ["parts", "joined"]


# -- within a step --------------------------------------------------------------------------------------------------


def test_what_a_step_has_reported_is_in_its_instance():
    """While the step goes on."""
    seen = []

    @dg.asset
    def reports(context):
        context.log_event(dg.AssetMaterialization("aside", metadata={"rows": 3}))
        event = context.instance.get_latest_materialization_event(dg.AssetKey("aside"))
        seen.append(event.asset_materialization.metadata["rows"].value)

    assert dg.materialize([reports]).success
    assert seen == [3]


def test_a_value_is_loaded_by_a_jobs_own_io_manager():
    """With what its config and resources are."""

    @dg.io_manager(config_schema={"name": dg.Field(str, default_value="top")}, required_resource_keys={"who"})
    def labelled(_):
        class Labelled(dg.IOManager):
            def handle_output(self, context, obj): ...

            def load_input(self, context):
                up = context.upstream_output
                return up.resource_config["name"], up.resources.who

        return Labelled()

    @dg.asset(io_manager_key="labelled")
    def up():
        return 1

    @dg.asset(deps=[up])
    def down(context):
        return context.load_asset_value(up.key)

    result = dg.materialize(
        [up, down], resources={"labelled": labelled, "who": dg.ResourceDefinition.hardcoded_resource("me")}
    )
    assert result.output_for_node("down") == ("top", "me")


def test_every_output_can_be_asked_for_explicitly():
    """A returned None is then no output, and the error ends with what was asked to be said."""

    @dg.asset(name="one")
    def forgets(context):
        context.set_requires_typed_event_stream(error_message="Give it.")

    @dg.multi_asset(specs=[dg.AssetSpec("two"), dg.AssetSpec("three")])
    def gives_half(context):
        context.set_requires_typed_event_stream(error_message="Give it.")
        yield dg.MaterializeResult(asset_key="two")

    @dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="four")], name="four")
    def forgets_the_check(context):
        context.set_requires_typed_event_stream(error_message="Give it.")
        return dg.MaterializeResult()

    for asset in (forgets, gives_half, forgets_the_check):
        with pytest.raises(
            dg.DagsterInvariantViolationError, match="did not yield or return expected outputs.*Give it.$"
        ):
            dg.materialize([asset])

    @dg.multi_asset(specs=[dg.AssetSpec("five", skippable=True), dg.AssetSpec("six", skippable=True)], can_subset=True)
    def gives_what_is_selected(context):
        context.set_requires_typed_event_stream()
        return dg.MaterializeResult(asset_key="five")

    assert dg.materialize([gives_what_is_selected], selection=["five"]).success


def test_ops_of_a_graph_asset_get_the_context_of_an_op():
    """Unless they are annotated with that of an asset."""
    seen = {}

    @dg.op
    def plain(context):
        seen["plain"] = type(context)
        return 1

    @dg.op
    def asks(context: dg.AssetExecutionContext, value):
        seen["asks"] = type(context)
        return value

    @dg.graph_asset
    def whole():
        return asks(plain())

    assert dg.materialize([whole]).success
    assert seen == {"plain": dg.OpExecutionContext, "asks": dg.AssetExecutionContext}


def test_a_check_without_a_result_is_told_of():
    """Where it may be left out: what is behind runs."""

    @dg.multi_asset(
        specs=[dg.AssetSpec("seven")], check_specs=[dg.AssetCheckSpec("sound", asset="seven")], can_subset=True
    )
    def unchecked():
        yield dg.MaterializeResult(asset_key="seven")

    instance = dg.DagsterInstance.ephemeral()
    result = dg.materialize([unchecked], instance=instance)
    assert result.success
    warnings = [one.user_message for one in instance.all_logs(result.run_id) if one.level == 30]
    assert len(warnings) == 1 and "sound" in warnings[0] and "emitted no result" in warnings[0]
