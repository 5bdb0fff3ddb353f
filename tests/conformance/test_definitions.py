"""Definitions, repositories, selections, types, checks, metadata, the instance, automation."""

import logging
from typing import Any, Optional

import pytest

from tests.conformance.api import dg


@dg.asset
def a():
    return 1


@dg.asset(group_name="g", tags={"t": "1"}, kinds={"duckdb"}, owners=["team:x"])
def b(a):
    return a


@dg.asset(key_prefix="p")
def c(b):
    return b


@dg.asset
def alone():
    return 1


@dg.op
def noop():
    return 1


@dg.job
def some_job():
    noop()


ALL = [a, b, c, alone]


# ------------------------------------------------------------------ selections
SELECTIONS = [
    (dg.AssetSelection.all(), {"a", "b", "p/c", "alone"}),
    (dg.AssetSelection.assets("a", "b"), {"a", "b"}),
    (dg.AssetSelection.assets(dg.AssetKey(["p", "c"])), {"p/c"}),
    (dg.AssetSelection.groups("g"), {"b"}),
    (dg.AssetSelection.groups("g", "default"), {"a", "b", "p/c", "alone"}),
    (dg.AssetSelection.tag("t", "1"), {"b"}),
    (dg.AssetSelection.kind("duckdb"), {"b"}),
    (dg.AssetSelection.owner("team:x"), {"b"}),
    (dg.AssetSelection.key_prefixes("p"), {"p/c"}),
    (dg.AssetSelection.assets("b").upstream(), {"a", "b"}),
    (dg.AssetSelection.assets("b").upstream(include_self=False), {"a"}),
    (dg.AssetSelection.assets("a").downstream(), {"a", "b", "p/c"}),
    (dg.AssetSelection.assets("a").downstream(depth=1), {"a", "b"}),
    (dg.AssetSelection.assets("a").downstream(depth=1, include_self=False), {"b"}),
    (dg.AssetSelection.all().roots(), {"a", "alone"}),
    (dg.AssetSelection.all().sinks(), {"p/c", "alone"}),
    (dg.AssetSelection.assets("a") | dg.AssetSelection.assets("alone"), {"a", "alone"}),
    (dg.AssetSelection.all() - dg.AssetSelection.assets("a"), {"b", "p/c", "alone"}),
    (dg.AssetSelection.assets("a").downstream() & dg.AssetSelection.groups("g"), {"b"}),
    (dg.AssetSelection.from_string("*b"), {"a", "b"}),
    (dg.AssetSelection.from_string("b+"), {"b", "p/c"}),
    (dg.AssetSelection.from_string("+b"), {"a", "b"}),
    (dg.AssetSelection.from_string('key:"b"'), {"b"}),
    (dg.AssetSelection.from_string('key:"a*"'), {"a", "alone"}),
    (dg.AssetSelection.from_string('group:"g" or key:"a"'), {"a", "b"}),
    (dg.AssetSelection.from_string('not group:"default"'), {"b"}),
    (dg.AssetSelection.from_string('+key:"p/c"'), {"a", "b", "p/c"}),
    (dg.AssetSelection.from_string('1+key:"p/c"'), {"b", "p/c"}),
    (dg.AssetSelection.from_string('key:"a"+ and not key:"b"'), {"a", "p/c"}),
    (dg.AssetSelection.from_string('kind:"duckdb"'), {"b"}),
    (dg.AssetSelection.from_string('tag:"t"="1"'), {"b"}),
    (dg.AssetSelection.from_string('owner:"team:x"'), {"b"}),
    (dg.AssetSelection.from_string('roots(key:"a"+)'), {"a"}),
    (dg.AssetSelection.from_string("sinks(*)"), {"p/c", "alone"}),
    (dg.AssetSelection.from_coercible(["a", "alone"]), {"a", "alone"}),
    (dg.AssetSelection.from_coercible("p/c"), {"p/c"}),
]


@pytest.mark.parametrize(("selection", "expected"), SELECTIONS, ids=[str(i) for i in range(len(SELECTIONS))])
def test_selection(selection, expected):
    """A selection resolves to its keys."""
    assert {k.to_user_string() for k in selection.resolve(ALL)} == expected


@pytest.mark.parametrize("text", ["(((", 'key:"a" and', "key:", "+++++", 'nonsense:"x"'])
def test_bad_selection_strings(text):
    """What is no selection is refused."""
    with pytest.raises(Exception):  # noqa: B017
        dg.AssetSelection.from_string(text)


def test_unknown_key_in_selection():
    """An asset that is not there is named."""
    with pytest.raises(dg.DagsterInvalidSubsetError, match="nope"):
        dg.AssetSelection.assets("nope").resolve(ALL)


# ----------------------------------------------------------------- definitions
def test_unresolvable_job_selection():
    """A job that selects unknown assets cannot be loaded."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.Definitions.validate_loadable(
            dg.Definitions(assets=ALL, jobs=[dg.define_asset_job("j", selection=dg.AssetSelection.assets("nope"))])
        )


def test_duplicate_job_names():
    """Two jobs cannot share a name."""

    @dg.job(name="some_job")
    def again():
        noop()
        noop()

    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.Definitions.validate_loadable(dg.Definitions(jobs=[some_job, again]))


def test_resources_bind_by_key():
    """Resources of Definitions reach assets by key."""

    @dg.asset(required_resource_keys={"r"})
    def x(context):
        return context.resources.r

    defs = dg.Definitions(assets=[x], resources={"r": 5})

    assert defs.get_implicit_global_asset_job_def().execute_in_process().output_for_node("x") == 5


def test_merge():
    """Definitions merge; a key bound twice to different things is an error."""
    merged = dg.Definitions.merge(dg.Definitions(assets=[a]), dg.Definitions(assets=[b]))

    assert {k.to_user_string() for k in merged.resolve_asset_graph().get_all_asset_keys()} == {"a", "b"}
    with pytest.raises(dg.DagsterInvariantViolationError):
        dg.Definitions.merge(dg.Definitions(resources={"r": 1}), dg.Definitions(resources={"r": 2}))


def test_repository():
    """A repository is a list of definitions."""

    @dg.repository
    def repo():
        return [some_job, a, dg.ScheduleDefinition(job=some_job, cron_schedule="@daily")]

    assert repo.get_job("some_job").name == "some_job"
    assert repo.has_schedule_def("some_job_schedule")
    assert repo.name == "repo"


def test_repository_duplicates():
    """Names in a repository are unique."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.repository
        def repo():
            one = dg.ScheduleDefinition(name="s", job=some_job, cron_schedule="@daily")
            two = dg.ScheduleDefinition(name="s", job=some_job, cron_schedule="@hourly")
            return [some_job, one, two]


def test_load_asset_value():
    """A stored value can be read outside a run."""
    instance = dg.DagsterInstance.ephemeral()

    class Memory(dg.IOManager):
        values = {}

        def handle_output(self, context, obj):
            self.values[context.asset_key] = obj

        def load_input(self, context):
            return self.values[context.asset_key]

    defs = dg.Definitions(assets=[a], resources={"io_manager": Memory()})
    defs.get_implicit_global_asset_job_def().execute_in_process(instance=instance)

    assert defs.load_asset_value("a", instance=instance) == 1


def test_asset_graph():
    """The asset graph knows parents and children."""
    graph = dg.Definitions(assets=ALL).resolve_asset_graph()

    assert graph.get(b.key).parent_keys == {a.key}
    assert graph.get(a.key).child_keys == {b.key}
    assert graph.root_materializable_asset_keys == {a.key, alone.key}


# ---------------------------------------------------------------------- checks
def test_asset_check():
    """A check runs after its asset and is recorded."""

    @dg.asset_check(asset=a)
    def positive(a):
        return dg.AssetCheckResult(passed=a > 0, metadata={"v": a})

    defs = dg.Definitions(assets=[a], asset_checks=[positive])
    result = defs.get_implicit_global_asset_job_def().execute_in_process()
    (evaluation,) = result.get_asset_check_evaluations()

    assert evaluation.passed
    assert evaluation.check_name == "positive"
    assert evaluation.asset_key == a.key
    assert evaluation.metadata["v"].value == 1


def test_failing_check_does_not_fail_the_run():
    """A failed check that does not block leaves the run alone."""

    @dg.asset_check(asset=a)
    def never():
        return dg.AssetCheckResult(passed=False)

    result = dg.materialize([a, never])

    assert result.success
    assert not result.get_asset_check_evaluations()[0].passed


def test_blocking_check():
    """A failed blocking check stops what is downstream."""
    ran = []

    @dg.asset_check(asset=a, blocking=True)
    def stop():
        return dg.AssetCheckResult(passed=False)

    @dg.asset
    def after(a):
        ran.append(1)

    result = dg.materialize([a, stop, after], raise_on_error=False)

    assert not result.success
    assert ran == []


def test_blocking_warning_does_not_block():
    """A warning never blocks."""

    @dg.asset_check(asset=a, blocking=True)
    def warn():
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    assert dg.materialize([a, warn]).success


def test_check_specs_on_the_asset():
    """Check results may come with the asset."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("ok", asset="x")])
    def x():
        yield dg.Output(1)
        yield dg.AssetCheckResult(check_name="ok", passed=True)

    result = dg.materialize([x])

    assert result.get_asset_check_evaluations()[0].check_name == "ok"


def test_check_in_materialize_result():
    """Check results may be part of a MaterializeResult."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("ok", asset="x")])
    def x():
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="ok", passed=False)])

    assert not dg.materialize([x]).get_asset_check_evaluations()[0].passed


def test_missing_check_result():
    """A promised check result has to come."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("ok", asset="x")])
    def x():
        return 1

    with pytest.raises(dg.DagsterError):
        dg.materialize([x])


def test_multi_asset_check():
    """One function may give several checks."""

    @dg.multi_asset_check(specs=[dg.AssetCheckSpec("one", asset="a"), dg.AssetCheckSpec("two", asset="a")])
    def checks():
        yield dg.AssetCheckResult(check_name="one", passed=True, asset_key="a")
        yield dg.AssetCheckResult(check_name="two", passed=True, asset_key="a")

    result = dg.materialize([a, checks])

    assert {e.check_name for e in result.get_asset_check_evaluations()} == {"one", "two"}


def test_check_direct_invocation():
    """A check can be called like the function it is."""

    @dg.asset_check(asset="a")
    def positive(a):
        return dg.AssetCheckResult(passed=a > 0)

    assert positive(5).passed


# ----------------------------------------------------------------------- types
TYPES = [
    (int, 1, "x"),
    (str, "a", 1),
    (float, 1.5, "x"),
    (bool, True, "x"),
    (list[int], [1], ["x"]),
    (dict[str, int], {"a": 1}, {"a": "b"}),
    (Optional[int], None, "x"),
    (tuple[int, str], (1, "a"), ("a", 1)),
    (dg.List[dg.Int], [1], [None]),
    (dg.Optional[dg.String], None, 1),
]


@pytest.mark.parametrize(("type_", "good", "bad"), TYPES, ids=[str(i) for i in range(len(TYPES))])
def test_types_check_outputs(type_, good, bad):
    """An out's type is checked when the step runs."""

    def result_of(value):
        @dg.op(out=dg.Out(type_))
        def f():
            return value

        @dg.job
        def j():
            f()

        return j.execute_in_process(raise_on_error=False).success

    assert result_of(good)
    assert not result_of(bad)


def test_any_takes_everything():
    """An Any out takes what comes."""

    @dg.op(out=dg.Out(Any))
    def f():
        return object()

    @dg.job
    def j():
        f()

    assert j.execute_in_process().success


EVEN = dg.DagsterType(name="Even", type_check_fn=lambda _, v: v % 2 == 0, description="even numbers")


def test_custom_type():
    """A type is a name and a check."""
    assert dg.check_dagster_type(EVEN, 4).success
    assert not dg.check_dagster_type(EVEN, 3).success


def test_type_check_with_metadata():
    """A check may explain itself."""
    t = dg.DagsterType(
        name="T", type_check_fn=lambda _, v: dg.TypeCheck(success=False, description="no", metadata={"n": 1})
    )

    check = dg.check_dagster_type(t, 1)
    assert check.description == "no"
    assert check.metadata["n"].value == 1


def test_type_check_must_give_bool():
    """A check that returns something else is an error."""
    t = dg.DagsterType(name="T2", type_check_fn=lambda _, v: "yes")

    @dg.op(out=dg.Out(t))
    def f():
        return 1

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterError):
        j.execute_in_process()


def test_usable_as_dagster_type():
    """A class can be made a type."""

    @dg.usable_as_dagster_type
    class Thing:
        pass

    assert dg.check_dagster_type(Thing, Thing()).success
    assert not dg.check_dagster_type(Thing, 1).success


def test_python_object_type():
    """A type may check by instance."""
    t = dg.PythonObjectDagsterType(dict, name="D")

    assert dg.check_dagster_type(t, {}).success
    assert not dg.check_dagster_type(t, []).success


def test_type_loader():
    """An unconnected input of a loadable type comes from config."""

    @dg.dagster_type_loader({"n": int})
    def load(context, config):
        return config["n"] * 10

    t = dg.DagsterType(name="Loaded", type_check_fn=lambda _, v: True, loader=load)

    @dg.op(ins={"x": dg.In(t)})
    def f(x):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process(run_config={"ops": {"f": {"inputs": {"x": {"n": 2}}}}}).output_for_node("f") == 20


# -------------------------------------------------------------------- metadata
METADATA = [
    ("text", "TextMetadataValue"),
    (1, "IntMetadataValue"),
    (1.5, "FloatMetadataValue"),
    (True, "BoolMetadataValue"),
    ({"a": 1}, "JsonMetadataValue"),
    ([1, 2], "JsonMetadataValue"),
    (None, "NullMetadataValue"),
]


@pytest.mark.parametrize(("raw", "kind"), METADATA)
def test_metadata_inference(raw, kind):
    """Plain values become metadata of the right kind."""

    @dg.asset
    def x():
        return dg.MaterializeResult(metadata={"m": raw})

    (mat,) = dg.materialize([x]).asset_materializations_for_node("x")
    assert type(mat.metadata["m"]).__name__ == kind


@pytest.mark.parametrize(
    "value",
    [
        dg.MetadataValue.url("http://x"),
        dg.MetadataValue.path("/p"),
        dg.MetadataValue.md("*x*"),
        dg.MetadataValue.json({"a": [1]}),
        dg.MetadataValue.notebook("n.ipynb"),
        dg.MetadataValue.asset(dg.AssetKey("a")),
        dg.MetadataValue.timestamp(1.0),
        dg.MetadataValue.table([dg.TableRecord({"a": 1})]),
        dg.MetadataValue.table_schema(dg.TableSchema([dg.TableColumn("a", "int")])),
        dg.MetadataValue.null(),
    ],
    ids=lambda v: type(v).__name__,
)
def test_metadata_values_survive(value):
    """Metadata comes back from the event log as it went in."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def x():
        return dg.MaterializeResult(metadata={"m": value})

    dg.materialize([x], instance=instance)
    event = instance.get_latest_materialization_event(dg.AssetKey("x"))

    assert event.asset_materialization.metadata["m"] == value


def test_invalid_metadata():
    """What cannot be recorded is refused."""

    @dg.asset
    def x(context):
        context.add_output_metadata({"m": object()})
        return 1

    assert not dg.materialize([x], raise_on_error=False).success


# -------------------------------------------------------------------- instance
def test_instance_queries():
    """Runs, materializations and keys can be asked for."""
    instance = dg.DagsterInstance.ephemeral()
    first = dg.materialize_to_memory([a, alone], instance=instance)
    second = dg.materialize_to_memory([a], instance=instance)

    assert instance.get_runs_count() == 2
    assert {r.run_id for r in instance.get_runs()} == {first.run_id, second.run_id}
    assert [r.run_id for r in instance.get_runs(limit=1)] == [second.run_id]
    assert instance.get_latest_materialization_event(a.key).run_id == second.run_id
    assert len(instance.fetch_materializations(a.key, limit=10).records) == 2
    assert set(instance.get_asset_keys()) == {a.key, alone.key}
    assert len(instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))) == 2
    assert instance.get_runs(filters=dg.RunsFilter(run_ids=[first.run_id]))[0].run_id == first.run_id


def test_wipe_assets():
    """Wiping forgets an asset's history."""
    instance = dg.DagsterInstance.ephemeral()
    dg.materialize_to_memory([a], instance=instance)
    instance.wipe_assets([a.key])

    assert instance.get_latest_materialization_event(a.key) is None


def test_runless_event():
    """An external update enters the log without a run."""
    instance = dg.DagsterInstance.ephemeral()
    instance.report_runless_asset_event(dg.AssetMaterialization("ext", metadata={"n": 1}))

    event = instance.get_latest_materialization_event(dg.AssetKey("ext"))
    assert event.asset_materialization.metadata["n"].value == 1


def test_all_logs():
    """A run's events can be read in order."""
    instance = dg.DagsterInstance.ephemeral()
    result = some_job.execute_in_process(instance=instance)
    kinds = [e.dagster_event.event_type_value for e in instance.all_logs(result.run_id) if e.dagster_event]

    assert kinds.index("PIPELINE_START") < kinds.index("STEP_START") < kinds.index("STEP_SUCCESS")
    assert kinds[-1] in ("PIPELINE_SUCCESS", "ENGINE_EVENT")
    assert "PIPELINE_SUCCESS" in kinds


# --------------------------------------------------------------------- logging
def test_custom_logger():
    """A logger definition receives the job's messages."""
    seen = []

    @dg.logger(config_schema={"level": dg.Field(str, is_required=False, default_value="INFO")})
    def capture(init_context):
        class Handler(logging.Handler):
            def emit(self, record):
                seen.append(record.getMessage())

        log = logging.Logger("capture", level=init_context.logger_config["level"])
        log.addHandler(Handler())
        return log

    @dg.op
    def talk(context):
        context.log.info("hello there")
        context.log.debug("not this")

    @dg.job(logger_defs={"capture": capture})
    def j():
        talk()

    j.execute_in_process(run_config={"loggers": {"capture": {}}})

    assert any("hello there" in m for m in seen)
    assert not any("not this" in m for m in seen)


def test_log_messages_are_events():
    """What is logged is kept with the run."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.op
    def talk(context):
        context.log.warning("careful")

    @dg.job
    def j():
        talk()

    result = j.execute_in_process(instance=instance)

    assert any("careful" in e.user_message for e in instance.all_logs(result.run_id))


# ------------------------------------------------------------------ automation
def requested(assets, instance, **kwargs):
    result = dg.evaluate_automation_conditions(dg.Definitions(assets=assets), instance=instance, **kwargs)
    return result, result.total_requested


def test_eager():
    """`eager` asks for an asset when an upstream was updated, once."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def up():
        return 1

    @dg.asset(automation_condition=dg.AutomationCondition.eager())
    def down(up):
        return up

    result, n = requested([up, down], instance)
    assert n == 0
    dg.materialize_to_memory([up], instance=instance)
    result, n = requested([up, down], instance, cursor=result.cursor)
    assert n == 1
    result, n = requested([up, down], instance, cursor=result.cursor)
    assert n == 0


def test_condition_operators():
    """Conditions combine."""
    condition = (dg.AutomationCondition.missing() & ~dg.AutomationCondition.in_progress()) | (
        dg.AutomationCondition.code_version_changed()
    )

    instance = dg.DagsterInstance.ephemeral()

    @dg.asset(automation_condition=condition)
    def x():
        return 1

    assert requested([x], instance)[1] == 1


def test_on_cron_needs_a_valid_cron():
    """A cron that cannot be read is refused."""
    with pytest.raises(Exception):  # noqa: B017
        dg.AutomationCondition.on_cron("nonsense")
