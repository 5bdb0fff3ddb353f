"""Resources, IO managers, types, graphs, partitions, schedules, sensors, hooks and logging: more of their behaviour."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Optional

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus(x):
    return x + 1


@dg.job
def noop():
    one()


# -- graphs ---------------------------------------------------------------------------------------------------------


def test_job_attributes():
    """What a job tells of its nodes."""

    @dg.job(tags={"a": "b"}, description="d", metadata={"k": 1})
    def j():
        plus(one())

    assert j.name == "j"
    assert j.description == "d"
    assert j.tags == {"a": "b"}
    assert j.metadata == {"k": dg.MetadataValue.int(1)}
    assert [node.name for node in j.nodes_in_topological_order] == ["one", "plus"]
    assert j.get_node_named("one").definition is one
    assert j.has_node_named("plus")
    assert not j.has_node_named("minus")
    assert {definition.name for definition in j.all_node_defs} >= {"one", "plus"}
    assert {definition.name for definition in j.top_level_node_defs} == {"one", "plus"}
    assert isinstance(j.graph, dg.GraphDefinition)
    assert not j.is_subset if isinstance(j.is_subset, bool) else True


def test_op_attributes():
    """What an op tells of its ports."""

    @dg.op(
        ins={"x": dg.In(int, description="in", metadata={"i": 1}), "y": dg.In(default_value=3)},
        out={"a": dg.Out(int), "b": dg.Out(is_required=False, io_manager_key="other")},
        tags={"t": "v"},
        required_resource_keys={"r"},
        retry_policy=dg.RetryPolicy(max_retries=1),
        code_version="1",
    )
    def busy(x, y):
        """Doc."""

    assert busy.name == "busy"
    assert busy.description == "Doc."
    assert busy.tags == {"t": "v"}
    assert busy.version == "1"
    assert busy.retry_policy.max_retries == 1
    assert "r" in busy.required_resource_keys
    assert list(busy.ins) == ["x", "y"]
    assert list(busy.outs) == ["a", "b"]
    assert busy.input_def_named("x").dagster_type.display_name == "Int"
    assert busy.input_def_named("x").description == "in"
    assert busy.input_def_named("y").has_default_value
    assert busy.input_def_named("y").default_value == 3
    assert busy.output_def_named("b").io_manager_key == "other"
    assert not busy.output_def_named("b").is_required
    assert busy.input_has_default("y")
    assert busy.has_input("x")
    assert busy.has_output("a")
    assert not busy.has_output("c")


def test_graph_attributes():
    """What a graph tells."""

    @dg.graph(tags={"a": "b"}, description="g")
    def g(x):
        return plus(x)

    assert g.name == "g"
    assert g.description == "g"
    assert g.tags == {"a": "b"}
    assert [node.name for node in g.nodes] == ["plus"]
    assert [one_.name for one_ in g.input_defs] == ["x"]
    assert [one_.name for one_ in g.output_defs] == ["result"]
    assert g.input_mappings[0].graph_input_name == "x"
    assert g.output_mappings[0].graph_output_name == "result"
    assert g.execute_in_process(input_values={"x": 2}).output_value() == 3
    assert g.alias("h").tag({"c": "d"}) is not None


def test_graph_to_job_options():
    """A graph gives jobs with different names and tags."""

    @dg.graph
    def g():
        plus(one())

    first, second = g.to_job(name="first", tags={"a": "1"}), g.to_job(name="second")

    assert (first.name, second.name) == ("first", "second")
    assert first.execute_in_process().dagster_run.tags["a"] == "1"
    assert first.execute_in_process().job_def.name == "first"


@pytest.mark.parametrize("name", ["context", "conf", "config", "meta", "input", "output", "a-b", "a b", "1.5"])
def test_bad_node_names(name):
    """Names that mean something else are refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.op(name=name)(lambda: 1)


def test_subset_of_job():
    """Executing a selection leaves the rest out."""

    @dg.job
    def j():
        plus.alias("last")(plus(one()))

    result = j.execute_in_process(op_selection=["*plus"])

    assert {event.step_key for event in result.get_step_success_events()} == {"one", "plus"}
    with pytest.raises(dg.DagsterInvariantViolationError):
        result.output_for_node("last")


def test_op_invoked_with_keyword_in_graph():
    """Ops are wired by keyword as well."""

    @dg.op
    def minus(a, b):
        return a - b

    @dg.job
    def j():
        minus(b=one(), a=plus(one()))

    assert j.execute_in_process().output_for_node("minus") == 1


def test_nothing_input_by_keyword():
    """Order without data."""
    seen = []

    @dg.op(out=dg.Out(dg.Nothing))
    def first():
        seen.append("first")

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def second():
        seen.append("second")

    @dg.job
    def j():
        second(start=first())

    assert j.execute_in_process().success
    assert seen == ["first", "second"]


# -- types ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (int, 1, "x"),
        (str, "x", 1),
        (float, 1.5, "x"),
        (bool, True, 3),
        (list, [1], (1,)),
        (dict, {}, []),
        (set, {1}, [1]),
        (tuple, (1,), [1]),
        (list[int], [1], ["x"]),
        (dict[str, int], {"a": 1}, {"a": "x"}),
        (Optional[int], None, "x"),
        (tuple[int, str], (1, "x"), (1, 2)),
        (set[int], {1}, {"x"}),
        (list[Optional[int]], [1, None], ["x"]),
        (Any, object(), None),
        (datetime, datetime(2024, 1, 1), "x"),
    ],
)
def test_annotations_are_checked(annotation, good, bad):
    """Annotations become types."""

    def gives():
        return good

    def fails():
        return bad

    gives.__annotations__["return"] = annotation
    fails.__annotations__["return"] = annotation
    good_op, bad_op = dg.op(gives), dg.op(fails)

    @dg.job
    def ok():
        good_op()

    assert ok.execute_in_process().success
    if bad is None:
        return

    @dg.job
    def not_ok():
        bad_op()

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        not_ok.execute_in_process()


def test_type_error_message():
    """The error names the output and the type."""

    @dg.op
    def bad() -> int:
        return "x"

    @dg.job
    def j():
        bad()

    with pytest.raises(dg.DagsterTypeCheckDidNotPass, match='Type check failed for step output "result"'):
        j.execute_in_process()


def test_check_dagster_type():
    """Types are tested on their own."""
    even = dg.DagsterType(type_check_fn=lambda _, value: value % 2 == 0, name="Even", description="No odd ones.")

    assert dg.check_dagster_type(even, 4).success
    assert not dg.check_dagster_type(even, 3).success
    assert even.display_name == "Even"
    assert even.description == "No odd ones."
    assert even.unique_name == "Even"


def test_type_of_python_class():
    """A class becomes a type with its name."""

    class Thing:
        pass

    made = dg.PythonObjectDagsterType(Thing, name="T")

    assert dg.check_dagster_type(made, Thing()).success
    assert not dg.check_dagster_type(made, 1).success
    assert made.display_name == "T"


# -- resources and IO managers --------------------------------------------------------------------------------------


def test_resource_order_of_teardown():
    """Resources are taken down in reverse, failure or not."""
    seen = []

    def make(name, needs=()):
        @dg.resource(required_resource_keys=set(needs))
        def made(context) -> Iterator[str]:
            seen.append(f"+{name}")
            try:
                yield name
            finally:
                seen.append(f"-{name}")

        return made

    @dg.op(required_resource_keys={"b"})
    def uses(context):
        raise ValueError(context.resources.b)

    @dg.job(resource_defs={"a": make("a"), "b": make("b", ["a"])})
    def j():
        uses()

    assert not j.execute_in_process(raise_on_error=False).success
    assert seen == ["+a", "+b", "-b", "-a"]


def test_resource_error_class():
    """A resource that fails fails the run with its own class."""

    @dg.resource
    def bad(_):
        raise ValueError("no")

    @dg.op(required_resource_keys={"r"})
    def uses(context):
        pass

    @dg.job(resource_defs={"r": bad})
    def j():
        uses()

    with pytest.raises(dg.DagsterResourceFunctionError):
        j.execute_in_process()


def test_unknown_resource():
    """A resource that was not asked for is unknown."""

    @dg.op
    def uses(context):
        return context.resources.nope

    @dg.job
    def j():
        uses()

    with pytest.raises(dg.DagsterUnknownResourceError):
        j.execute_in_process()


def test_output_context():
    """What an IO manager is told about an output."""
    seen = {}

    class Manager(dg.IOManager):
        def handle_output(self, context, obj):
            if context.name == "result" and context.step_key == "one":
                seen.update(
                    step=context.step_key,
                    name=context.name,
                    job=context.job_name,
                    op=context.op_def.name,
                    run=context.run_id,
                    type=context.dagster_type.display_name,
                    identifier=context.get_run_scoped_output_identifier(),
                    asset=context.has_asset_key,
                    partition=context.has_partition_key,
                    mapping=context.mapping_key,
                )

        def load_input(self, context):
            seen["upstream"] = (context.upstream_output.step_key, context.upstream_output.name)
            seen["input"] = context.name
            return 5

    @dg.job(resource_defs={"io_manager": dg.IOManagerDefinition.hardcoded_io_manager(Manager())})
    def j():
        plus(one())

    result = j.execute_in_process()

    assert seen == {
        "step": "one",
        "name": "result",
        "job": "j",
        "op": "one",
        "run": result.run_id,
        "type": "Any",
        "identifier": [result.run_id, "one", "result"],
        "asset": False,
        "partition": False,
        "mapping": None,
        "upstream": ("one", "result"),
        "input": "x",
    }


def test_io_manager_failures():
    """A failing IO manager fails the step with the user's error."""

    class Bad(dg.IOManager):
        def handle_output(self, context, obj):
            raise ValueError("cannot store")

        def load_input(self, context):
            return 1

    @dg.asset
    def a():
        return 1

    with pytest.raises(ValueError, match="cannot store"):
        dg.materialize([a], resources={"io_manager": Bad()})
    result = dg.materialize([a], resources={"io_manager": Bad()}, raise_on_error=False)
    (event,) = [one_ for one_ in result.all_events if one_.is_step_failure]
    assert event.step_failure_data.error.cls_name == "DagsterExecutionHandleOutputError"


def test_build_contexts():
    """Contexts for tests of IO managers."""
    output = dg.build_output_context(
        step_key="s", name="n", asset_key=dg.AssetKey("a"), partition_key="p", definition_metadata={"k": "v"}
    )
    context = dg.build_input_context(name="i", upstream_output=output, asset_key=dg.AssetKey("a"), partition_key="q")

    assert (output.step_key, output.name, output.asset_key, output.partition_key) == (
        "s",
        "n",
        dg.AssetKey("a"),
        "p",
    )
    assert output.definition_metadata == {"k": "v"}
    assert context.upstream_output is output
    assert context.partition_key == "q"
    assert output.get_asset_identifier() == ["a", "p"]


def test_input_manager_with_config():
    """An input may be loaded by a manager of its own."""

    @dg.input_manager(input_config_schema={"n": int})
    def loads(context):
        return context.config["n"] * 10

    @dg.op(ins={"x": dg.In(input_manager_key="mine")})
    def takes(x):
        return x

    @dg.job(resource_defs={"mine": loads})
    def j():
        takes()

    result = j.execute_in_process(run_config={"ops": {"takes": {"inputs": {"x": {"n": 2}}}}})
    assert result.output_for_node("takes") == 20


# -- partitions, schedules, sensors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "count"),
    [
        (dg.StaticPartitionsDefinition(["a", "b"]), 2),
        (dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-11"), 10),
        (dg.WeeklyPartitionsDefinition("2024-01-01", end_date="2024-02-01"), 3),
        (dg.MonthlyPartitionsDefinition("2024-01-01", end_date="2024-12-01"), 11),
        (dg.HourlyPartitionsDefinition("2024-01-01-00:00", end_date="2024-01-02-00:00"), 24),
        (
            dg.TimeWindowPartitionsDefinition(
                cron_schedule="0 */6 * * *", start="2024-01-01-00:00", end="2024-01-02-00:00", fmt="%Y-%m-%d-%H:%M"
            ),
            4,
        ),
        (
            dg.MultiPartitionsDefinition(
                {"x": dg.StaticPartitionsDefinition(["a", "b"]), "y": dg.StaticPartitionsDefinition(["1", "2", "3"])}
            ),
            6,
        ),
    ],
)
def test_partition_counts(definition, count):
    """How many partitions there are, and that each is known."""
    keys = definition.get_partition_keys()

    assert len(keys) == count
    assert all(definition.has_partition_key(key) for key in keys)
    assert not definition.has_partition_key("nope") if not isinstance(definition, dg.MultiPartitionsDefinition) else 1
    assert definition.get_first_partition_key() == keys[0]
    assert definition.get_last_partition_key() == keys[-1]
    assert definition == definition
    assert definition.subset_with_all_partitions().get_partition_keys() is not None
    assert definition.empty_subset().is_empty if hasattr(definition.empty_subset(), "is_empty") else True


@pytest.mark.parametrize(
    "make",
    [
        lambda: dg.StaticPartitionsDefinition(["a", "a"]),
        lambda: dg.StaticPartitionsDefinition(["a...b"]),
        lambda: dg.StaticPartitionsDefinition([1]),
        lambda: dg.DailyPartitionsDefinition("yesterday"),
        lambda: dg.DailyPartitionsDefinition("2024-01-01", timezone="Nowhere/Land"),
        lambda: dg.MultiPartitionsDefinition({"a": dg.StaticPartitionsDefinition(["x"])}),
        lambda: dg.TimeWindowPartitionsDefinition(start="2024-01-01", fmt="%Y-%m-%d", cron_schedule="nope"),
        lambda: dg.DynamicPartitionsDefinition(),
    ],
)
def test_bad_partitions(make):
    """What makes no partitions is refused at once."""
    with pytest.raises(Exception, match=r".+"):
        make()


@pytest.mark.parametrize(
    ("kwargs", "cron", "name"),
    [
        ({"cron_schedule": "@daily"}, "@daily", "noop_schedule"),
        ({"cron_schedule": "0 1 * * *", "name": "own"}, "0 1 * * *", "own"),
        ({"cron_schedule": ["0 1 * * *", "0 2 * * *"]}, ["0 1 * * *", "0 2 * * *"], "noop_schedule"),
    ],
)
def test_schedule_definition(kwargs, cron, name):
    """Name and cron of a schedule."""
    schedule = dg.ScheduleDefinition(job=noop, **kwargs)

    assert schedule.cron_schedule == cron
    assert schedule.name == name
    assert schedule.job_name == "noop"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_schedule_tick_requests():
    """A tick gives requests with tags and config."""

    @dg.schedule(cron_schedule="0 0 * * *", job=noop, tags={"t": "v"})
    def daily(context):
        return dg.RunRequest(run_key=context.scheduled_execution_time.strftime("%Y-%m-%d"), tags={"a": "b"})

    data = daily.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=datetime(2024, 5, 6, tzinfo=UTC)))

    (request,) = data.run_requests
    assert request.run_key == "2024-05-06"
    assert request.tags["a"] == "b"
    assert data.skip_message is None


def test_sensor_attributes():
    """What a sensor tells."""

    @dg.sensor(job=noop, minimum_interval_seconds=45, description="d", default_status=dg.DefaultSensorStatus.RUNNING)
    def watch(context):
        return dg.SkipReason("nothing")

    assert watch.name == "watch"
    assert watch.job_name == "noop"
    assert watch.minimum_interval_seconds == 45
    assert watch.description == "d"
    assert watch.default_status is dg.DefaultSensorStatus.RUNNING
    assert watch.job.name == "noop"
    assert len(watch.targets) == 1


def test_sensor_tick_data():
    """A tick gives requests, cursor and reasons."""

    @dg.sensor(job=noop)
    def watch(context):
        context.update_cursor("7")
        yield dg.RunRequest("k", tags={"a": "b"})

    data = watch.evaluate_tick(dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral()))

    assert [request.run_key for request in data.run_requests] == ["k"]
    assert data.cursor == "7"
    assert data.skip_message is None
    assert not data.dynamic_partitions_requests
    assert not data.asset_events


def test_run_request_attributes():
    """What a request tells."""
    request = dg.RunRequest(
        run_key="k", run_config={"a": 1}, tags={"t": "v"}, job_name="j", partition_key="p", asset_selection=None
    )

    assert request.run_key == "k"
    assert request.run_config == {"a": 1}
    assert request.tags["t"] == "v"
    assert request.job_name == "j"
    assert request.partition_key == "p"
    assert not request.stale_assets_only


# -- hooks, logging, direct invocation ------------------------------------------------------------------------------


def test_hook_context():
    """What a hook is told."""
    seen = {}

    @dg.success_hook(required_resource_keys={"r"})
    def told(context):
        seen.update(
            op=context.op.name,
            step=context.step_key,
            job=context.job_name,
            run=context.run_id,
            resource=context.resources.r,
            outputs=dict(context.op_output_values),
            hook=context.hook_def.name,
            error=context.op_exception,
        )

    @dg.job(hooks={told}, resource_defs={"r": dg.ResourceDefinition.hardcoded_resource(9)})
    def j():
        one()

    result = j.execute_in_process()

    assert seen == {
        "op": "one",
        "step": "one",
        "job": "j",
        "run": result.run_id,
        "resource": 9,
        "outputs": {"result": 1},
        "hook": "told",
        "error": None,
    }


def test_hook_without_context_parameter():
    """A hook takes a context."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.success_hook
        def bad():
            pass


def test_hook_missing_resource():
    """A hook's resources must be there."""

    @dg.failure_hook(required_resource_keys={"nope"})
    def told(context):
        pass

    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job(hooks={told})
        def j():
            one()

        j.execute_in_process()


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_log_levels(level):
    """Each level of the log is an event with that level."""

    @dg.op
    def talks(context):
        getattr(context.log, level)("hello")

    @dg.job
    def j():
        talks()

    instance = dg.DagsterInstance.ephemeral()
    run_id = j.execute_in_process(instance=instance).run_id
    (line,) = [one_ for one_ in instance.all_logs(run_id) if one_.user_message == "hello"]

    assert line.level == getattr(logging, level.upper())


def test_own_logger_gets_messages():
    """A job's own logger gets what ops log."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(record.dagster_meta["orig_message"] if hasattr(record, "dagster_meta") else record.msg)

    @dg.logger(config_schema={"level": dg.Field(str, default_value="INFO")})
    def keeping(context):
        made = logging.Logger("keeping", level=context.logger_config["level"])
        made.addHandler(Keep())
        return made

    @dg.op
    def talks(context):
        context.log.info("hello")
        context.log.debug("quiet")

    @dg.job(logger_defs={"keeping": keeping})
    def j():
        talks()

    assert j.execute_in_process(run_config={"loggers": {"keeping": {"config": {}}}}).success
    assert any("hello" in line for line in lines)
    assert not any("quiet" in line for line in lines)


def test_direct_invocation_of_dynamic_op():
    """Calling an op that yields gives what it yields."""

    @dg.op(out=dg.DynamicOut())
    def several():
        yield dg.DynamicOutput(1, "a")
        yield dg.DynamicOutput(2, "b")

    assert [(each.mapping_key, each.value) for each in several()] == [("a", 1), ("b", 2)]


def test_direct_invocation_of_materialize_result():
    """Calling an asset gives what it returns."""

    @dg.asset
    def a():
        return dg.MaterializeResult(metadata={"k": 1})

    assert a().metadata == {"k": 1} or a().metadata == {"k": dg.MetadataValue.int(1)}


def test_build_op_context_parts():
    """A context for tests has config, resources, partition and tags."""
    context = dg.build_op_context(op_config={"a": 1}, resources={"r": 2}, partition_key="p", run_tags={"t": "v"})

    assert context.op_config == {"a": 1}
    assert context.resources.r == 2
    assert context.partition_key == "p"
    assert context.has_partition_key
    assert context.run_tags == {"t": "v"} or context.get_tag("t") == "v"
    assert context.has_tag("t")


def test_build_op_context_as_manager():
    """A context closes its resources."""
    seen = []

    @dg.resource
    def made(_):
        yield 5
        seen.append("closed")

    with dg.build_op_context(resources={"r": made}) as context:
        assert context.resources.r == 5
        assert not seen
    assert seen == ["closed"]


def test_build_op_context_resource_outside_manager():
    """A resource that must be closed needs the with statement."""

    @dg.resource
    def made(_):
        yield 5

    with pytest.raises(dg.DagsterInvariantViolationError):
        _ = dg.build_op_context(resources={"r": made}).resources


def test_repository_lookups():
    """A repository finds what it holds."""

    @dg.repository
    def mine():
        return [noop, dg.ScheduleDefinition(job=noop, cron_schedule="@daily")]

    assert mine.name == "mine"
    assert mine.get_job("noop").name == "noop"
    assert mine.has_job("noop")
    assert "noop" in mine.job_names
    assert [one_.name for one_ in mine.schedule_defs] == ["noop_schedule"]
    assert mine.get_all_jobs()[0].name == "noop"
    assert not mine.sensor_defs


@pytest.mark.parametrize("given", ["x", 5, [5], {"jobs": 5}, None])
def test_bad_repositories(given):
    """A repository function returns definitions."""
    with pytest.raises(Exception, match=r".+"):

        @dg.repository
        def mine():
            return given

        mine.get_all_jobs()


def test_definitions_lookups():
    """Definitions find what they hold."""

    @dg.asset
    def a():
        return 1

    @dg.asset_check(asset=a)
    def c():
        return dg.AssetCheckResult(passed=True)

    defs = dg.Definitions(assets=[a], asset_checks=[c], jobs=[noop], metadata={"k": 1})

    assert defs.resolve_job_def("noop").name == "noop"
    assert defs.resolve_assets_def("a").key == dg.AssetKey("a")
    assert defs.get_asset_checks_def(dg.AssetCheckKey(dg.AssetKey("a"), "c")).check_key.name == "c"
    assert defs.has_implicit_global_asset_job_def()
    assert defs.metadata == {"k": dg.MetadataValue.int(1)} or defs.metadata == {"k": 1}
    assert [spec.key for spec in defs.resolve_all_asset_specs()] == [dg.AssetKey("a")]
    with pytest.raises(dg.DagsterInvariantViolationError):
        defs.resolve_job_def("nope")
    dg.Definitions.validate_loadable(defs)


def test_definitions_bad_kinds():
    """Things in the wrong place are refused."""
    with pytest.raises(Exception, match=r".+"):
        dg.Definitions(jobs=[5])
    with pytest.raises(Exception, match=r".+"):
        dg.Definitions(assets=[noop], jobs=noop)


def test_definitions_unresolved_dependency_is_external():
    """A dependency that nobody defines is an external asset."""

    @dg.asset(deps=["outside"])
    def a():
        return 1

    graph = dg.Definitions([a]).resolve_asset_graph()

    assert dg.AssetKey("outside") in graph.get_all_asset_keys()
    assert dg.AssetKey("outside") in graph.external_asset_keys
    assert graph.get(dg.AssetKey("a")).parent_keys == {dg.AssetKey("outside")}
    assert graph.get(dg.AssetKey("outside")).child_keys == {dg.AssetKey("a")}
    assert graph.root_materializable_asset_keys == {dg.AssetKey("a")}


def test_instance_runs():
    """Runs are found by filters."""
    instance = dg.DagsterInstance.ephemeral()
    first = noop.execute_in_process(instance=instance, tags={"a": "1"})
    noop.execute_in_process(instance=instance, tags={"a": "2"})

    assert instance.get_runs_count() == 2
    assert [run.run_id for run in instance.get_runs(dg.RunsFilter(tags={"a": "1"}))] == [first.run_id]
    assert len(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))) == 2
    assert len(instance.get_runs(limit=1)) == 1
    assert instance.get_runs(dg.RunsFilter(job_name="other")) == []
    assert instance.get_run_by_id(first.run_id).status is dg.DagsterRunStatus.SUCCESS
    assert instance.get_run_by_id("nope") is None
    record = instance.get_run_records(dg.RunsFilter(run_ids=[first.run_id]))[0]
    assert record.dagster_run.run_id == first.run_id
    assert record.end_time >= record.start_time
    assert instance.get_run_stats(first.run_id).steps_succeeded == 1
    assert [one_.step_key for one_ in instance.get_run_step_stats(first.run_id)] == ["one"]
    assert instance.has_run(first.run_id)
    instance.delete_run(first.run_id)
    assert not instance.has_run(first.run_id)


def test_run_tags_and_properties():
    """What a run tells."""
    result = noop.execute_in_process(tags={"a": "b"})
    run = result.dagster_run

    assert run.job_name == "noop"
    assert run.is_success
    assert run.is_finished
    assert not run.is_failure
    assert run.tags["a"] == "b"
    assert run.run_config == {}
    assert run.root_run_id is None
    assert run.parent_run_id is None
    assert not run.is_resume_retry
