"""Events of runs: which, in what order, with which payloads; and what results and the instance tell of them."""

import pytest

from tests.conformance.api import dg

NOISE = {"ENGINE_EVENT", "LOGS_CAPTURED", "RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS"}


def kinds(events):
    """The types of the events, those of the engine left out."""
    return [event.event_type_value for event in events if event.event_type_value not in NOISE]


@dg.op
def one():
    return 1


@dg.op
def plus(x):
    return x + 1


@dg.job
def chain():
    plus(one())


@pytest.fixture(scope="module")
def result():
    """A finished run of two ops."""
    return chain.execute_in_process()


def test_all_events(result):
    """The whole run, in order."""
    assert kinds(result.all_events) == [
        "PIPELINE_START",
        "STEP_START",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
        "STEP_START",
        "LOADED_INPUT",
        "STEP_INPUT",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
        "PIPELINE_SUCCESS",
    ]


def test_all_node_events(result):
    """The events of all steps."""
    assert all(event.step_key for event in result.all_node_events)
    assert len(result.filter_events(lambda event: event.is_step_success)) == 2


@pytest.mark.parametrize(
    ("method", "count"),
    [
        ("get_step_success_events", 2),
        ("get_step_skipped_events", 0),
        ("get_failed_step_keys", 0),
        ("get_asset_materialization_events", 0),
        ("get_asset_observation_events", 0),
        ("get_asset_check_evaluations", 0),
    ],
)
def test_getters(result, method, count):
    """Getters of the result by kind."""
    assert len(getattr(result, method)()) == count


def test_events_for_node(result):
    """The events of one node."""
    assert kinds(result.events_for_node("one")) == ["STEP_START", "STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS"]
    assert result.is_node_success("one")
    assert not result.is_node_failed("one")
    assert not result.is_node_skipped("one")
    assert not result.is_node_untouched("one")


def test_compute_step_events(result):
    """The events of a node's step."""
    found = result.get_output_events_for_node("one") if hasattr(result, "get_output_events_for_node") else None
    assert found is None or len(found) == 1


def test_step_output_payload(result):
    """The payload of a step's output."""
    (event,) = [one for one in result.events_for_node("one") if one.is_successful_output]

    assert event.step_output_data.output_name == "result"
    assert event.step_output_data.step_output_handle.step_key == "one"
    assert event.step_output_data.type_check_data.success
    assert event.event_specific_data is event.step_output_data
    assert event.job_name == "chain"
    assert event.step_key == "one"
    assert event.node_name == "one"
    assert event.is_step_event


def test_step_input_payload(result):
    """The payload of a step's input."""
    (event,) = [one for one in result.events_for_node("plus") if one.event_type_value == "STEP_INPUT"]

    assert event.step_input_data.input_name == "x"
    assert event.event_specific_data.type_check_data.success


def test_loaded_input_payload(result):
    """The payload of a loaded input."""
    (event,) = [one for one in result.all_events if one.is_loaded_input]

    assert event.event_specific_data.input_name == "x"
    assert event.event_specific_data.manager_key == "io_manager"
    assert event.event_specific_data.upstream_output_name == "result"
    assert event.event_specific_data.upstream_step_key == "one"


def test_handled_output_payload(result):
    """The payload of a stored output."""
    event = next(one for one in result.all_events if one.is_handled_output)

    assert event.event_specific_data.output_name == "result"
    assert event.event_specific_data.manager_key == "io_manager"


def test_success_payload(result):
    """How long a step took."""
    event = result.get_step_success_events()[0]

    assert event.step_success_data.duration_ms >= 0
    assert event.event_type is dg.DagsterEventType.STEP_SUCCESS
    assert event.event_type_value == "STEP_SUCCESS"


def failing(error):
    """The result of a job whose only op raises `error`."""

    @dg.op
    def bad():
        raise error

    @dg.op
    def after(x):
        return x

    @dg.job
    def j():
        after(bad())

    return j.execute_in_process(raise_on_error=False)


def test_failure_payload():
    """The payload of a failed step."""
    result = failing(ValueError("broken"))
    (event,) = [one for one in result.all_events if one.is_step_failure]
    data = event.step_failure_data

    assert event.is_failure
    assert data.error.cls_name == "DagsterExecutionStepExecutionError"
    assert data.error.cause.cls_name == "ValueError"
    assert "broken" in data.error.cause.message
    assert "broken" in data.error_display_string
    assert data.user_failure_data is None
    assert data.error_source.value == "USER_CODE_ERROR"
    assert result.failure_data_for_node("bad") == data
    assert result.get_failed_step_keys() == {"bad"}
    assert not result.success
    assert result.is_node_failed("bad")


def test_downstream_of_a_failure():
    """What depends on a failed step is not executed."""
    result = failing(ValueError("broken"))

    assert result.is_node_untouched("after") or result.is_node_skipped("after")
    assert not result.is_node_success("after")


def test_failure_with_metadata_payload():
    """The payload of a failure that user code declared."""
    result = failing(dg.Failure("why", metadata={"n": 3}))
    data = result.failure_data_for_node("bad")

    assert data.user_failure_data.description == "why"
    assert data.user_failure_data.metadata == {"n": dg.MetadataValue.int(3)}


def test_run_failure_event():
    """The run's own failure."""
    event = failing(ValueError("broken")).get_run_failure_event()

    assert event.event_type_value == "PIPELINE_FAILURE"
    assert event.is_job_failure
    assert event.is_failure
    assert "bad" in event.message


def test_run_success_event(result):
    """The run's own success."""
    event = result.get_run_success_event()

    assert event.is_job_success
    assert event.is_job_event
    assert 'Finished execution of run for "chain".' in event.message


def test_materialization_payload():
    """The payload of a materialization."""

    @dg.asset(metadata={"d": 1})
    def a(context):
        context.add_output_metadata({"m": 2})
        return 1

    result = dg.materialize([a])
    (event,) = result.get_asset_materialization_events()
    found = event.step_materialization_data.materialization

    assert event.is_step_materialization
    assert event.asset_key == dg.AssetKey("a")
    assert event.partition is None
    assert event.materialization == found
    assert found.asset_key == dg.AssetKey("a")
    assert found.metadata["m"] == dg.MetadataValue.int(2)
    assert result.asset_materializations_for_node("a") == [found]
    assert event.event_specific_data.materialization is found


def test_partitioned_materialization_payload():
    """A partition's event tells its key."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["x", "y"]))
    def a():
        return 1

    (event,) = dg.materialize([a], partition_key="y").get_asset_materialization_events()

    assert event.partition == "y"
    assert event.materialization.partition == "y"


def test_asset_event_order():
    """An asset's step: output, stored, materialized."""

    @dg.asset
    def a():
        return 1

    result = dg.materialize([a])

    assert kinds(result.events_for_node("a")) == [
        "ASSET_MATERIALIZATION_PLANNED",
        "STEP_START",
        "STEP_OUTPUT",
        "ASSET_MATERIALIZATION",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
    ] or kinds(result.events_for_node("a")) == [
        "STEP_START",
        "STEP_OUTPUT",
        "ASSET_MATERIALIZATION",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
    ]


def test_planned_materializations():
    """A run plans what it will make."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b(a):
        return a

    run_id = dg.materialize([a, b], instance=instance).run_id
    planned = [
        one.dagster_event.asset_key.to_user_string()
        for one in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    ]

    assert sorted(planned) == ["a", "b"]


def test_user_events_in_order():
    """Events that an op yields come between its start and its output."""

    @dg.op(out=dg.Out(int))
    def talks():
        yield dg.AssetMaterialization("x")
        yield dg.ExpectationResult(success=True, label="ok")
        yield dg.AssetObservation("y")
        yield dg.Output(1)

    @dg.job
    def j():
        talks()

    assert kinds(j.execute_in_process().events_for_node("talks")) == [
        "STEP_START",
        "ASSET_MATERIALIZATION",
        "STEP_EXPECTATION_RESULT",
        "ASSET_OBSERVATION",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
    ]


def test_log_event():
    """Events may be logged as well."""

    @dg.op
    def talks(context):
        context.log_event(dg.AssetMaterialization("x", description="d", metadata={"k": "v"}))
        context.log_event(dg.AssetObservation("y"))
        return 1

    @dg.job
    def j():
        talks()

    result = j.execute_in_process()

    (found,) = result.asset_materializations_for_node("talks")
    assert found.description == "d"
    assert found.label == "x"
    (seen,) = result.asset_observations_for_node("talks")
    assert seen.asset_key == dg.AssetKey("y")


def test_expectation_results():
    """Expectations of a node."""

    @dg.op
    def talks(context):
        context.log_event(dg.ExpectationResult(success=False, label="l", description="d", metadata={"k": 1}))

    @dg.job
    def j():
        talks()

    (event,) = [one for one in j.execute_in_process().all_events if one.event_type_value == "STEP_EXPECTATION_RESULT"]
    found = event.step_expectation_result_data.expectation_result

    assert (found.success, found.label, found.description) == (False, "l", "d")
    assert found.metadata == {"k": dg.MetadataValue.int(1)}


def test_retry_events():
    """A step that is tried again."""
    tries = []

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
    def flaky(context):
        tries.append(context.retry_number)
        if len(tries) < 3:
            raise ValueError("again")
        return 1

    @dg.job
    def j():
        flaky()

    result = j.execute_in_process()

    assert tries == [0, 1, 2]
    assert kinds(result.events_for_node("flaky")) == [
        "STEP_START",
        "STEP_UP_FOR_RETRY",
        "STEP_RESTARTED",
        "STEP_UP_FOR_RETRY",
        "STEP_RESTARTED",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
    ]
    assert result.retry_attempts_for_node("flaky") == 2


def test_skipped_events():
    """What depends on an output that did not come is skipped."""

    @dg.op(out=dg.Out(is_required=False))
    def maybe():
        if False:
            yield dg.Output(1)

    @dg.job
    def j():
        plus(maybe())

    result = j.execute_in_process()

    assert kinds(result.events_for_node("plus")) == ["STEP_SKIPPED"]
    assert result.is_node_skipped("plus")
    assert [one.step_key for one in result.get_step_skipped_events()] == ["plus"]
    assert result.success


def test_hook_events():
    """Hooks tell whether they ran."""

    @dg.success_hook
    def told(context):
        pass

    @dg.success_hook
    def fails(context):
        raise ValueError("hook")

    @dg.failure_hook
    def never(context):
        pass

    @dg.job(hooks={told, fails, never})
    def j():
        one()

    result = j.execute_in_process()
    found = sorted(kind for kind in kinds(result.all_events) if kind.startswith("HOOK"))

    assert found == ["HOOK_COMPLETED", "HOOK_ERRORED", "HOOK_SKIPPED"]
    assert result.success


def test_dynamic_step_keys():
    """Steps of dynamic outputs carry their mapping keys."""

    @dg.op(out=dg.DynamicOut())
    def several():
        yield dg.DynamicOutput(1, "a")
        yield dg.DynamicOutput(2, "b")

    @dg.op
    def total(xs):
        return sum(xs)

    @dg.job
    def j():
        total(several().map(plus).collect())

    result = j.execute_in_process()

    assert sorted(one.step_key for one in result.get_step_success_events()) == [
        "plus[a]",
        "plus[b]",
        "several",
        "total",
    ]
    assert result.output_for_node("several") == {"a": 1, "b": 2}
    assert result.output_for_node("plus") == {"a": 2, "b": 3}
    assert result.output_for_node("total") == 5


def test_check_evaluation_payload():
    """The payload of a check's evaluation."""

    @dg.asset
    def a():
        return 1

    @dg.asset_check(asset=a)
    def c():
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"k": 1}, description="d"
        )

    result = dg.materialize([a, c])
    (found,) = result.get_asset_check_evaluations()

    assert found.check_name == "c"
    assert found.asset_key == dg.AssetKey("a")
    assert found.asset_check_key == dg.AssetCheckKey(dg.AssetKey("a"), "c")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.metadata == {"k": dg.MetadataValue.int(1)}
    assert found.description == "d"
    assert not found.blocking
    assert found.target_materialization_data.run_id == result.run_id


def test_instance_event_records():
    """The instance finds events by type and asset."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b():
        return 2

    dg.materialize([a, b], instance=instance)
    records = instance.get_event_records(
        dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION, asset_key=dg.AssetKey("a"))
    )

    assert len(records) == 1
    assert records[0].event_log_entry.dagster_event.asset_key == dg.AssetKey("a")
    assert records[0].event_log_entry.asset_materialization.asset_key == dg.AssetKey("a")
    assert records[0].storage_id > 0
    assert records[0].timestamp > 0


def test_instance_event_records_limit_and_order():
    """Records come newest first, as many as asked for; a cursor goes on."""
    instance = dg.DagsterInstance.ephemeral()
    for number in range(4):
        instance.report_runless_asset_event(dg.AssetMaterialization("a", metadata={"n": number}))

    def numbers(**kwargs):
        found = instance.fetch_materializations(dg.AssetKey("a"), **kwargs)
        return [one.asset_materialization.metadata["n"].value for one in found.records], found

    newest, page = numbers(limit=2)
    assert newest == [3, 2]
    assert page.has_more
    assert numbers(limit=2, cursor=page.cursor)[0] == [1, 0]
    assert numbers(limit=9, ascending=True)[0] == [0, 1, 2, 3]


def test_instance_latest_materialization():
    """The last materialization of an asset."""
    instance = dg.DagsterInstance.ephemeral()
    assert instance.get_latest_materialization_event(dg.AssetKey("a")) is None
    instance.report_runless_asset_event(dg.AssetMaterialization("a", partition="p", metadata={"n": 1}))
    event = instance.get_latest_materialization_event(dg.AssetKey("a"))

    assert event.asset_materialization.partition == "p"
    assert event.dagster_event.event_specific_data.materialization.metadata["n"].value == 1
    assert event.asset_materialization.asset_key == dg.AssetKey("a")


def test_instance_observations():
    """Observations are found like materializations."""
    instance = dg.DagsterInstance.ephemeral()
    instance.report_runless_asset_event(dg.AssetObservation("a", metadata={"n": 1}))
    (record,) = instance.fetch_observations(dg.AssetKey("a"), limit=3).records

    assert record.asset_observation.metadata["n"].value == 1


def test_instance_run_status_changes():
    """Changes of runs' states are events too."""
    instance = dg.DagsterInstance.ephemeral()
    chain.execute_in_process(instance=instance)
    found = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_SUCCESS, limit=5).records

    assert [one.event_log_entry.dagster_event.event_type_value for one in found] == ["PIPELINE_SUCCESS"]


def test_log_lines():
    """Messages of user code are in the log with their level."""

    @dg.op
    def talks(context):
        context.log.warning("careful %s", "now")
        context.log.info("plain")

    @dg.job
    def j():
        talks()

    instance = dg.DagsterInstance.ephemeral()
    run_id = j.execute_in_process(instance=instance).run_id
    lines = [one for one in instance.all_logs(run_id) if not one.is_dagster_event]

    assert [(one.level, one.user_message) for one in lines] == [(30, "careful now"), (20, "plain")]
    assert {one.step_key for one in lines} == {"talks"}
    assert {one.job_name for one in lines} == {"j"}


def test_materialization_equality():
    """Materializations are equal when all they say is."""
    assert dg.AssetMaterialization("a", metadata={"k": 1}) == dg.AssetMaterialization("a", metadata={"k": 1})
    assert dg.AssetMaterialization("a") != dg.AssetMaterialization("b")
    assert dg.AssetMaterialization(["a", "b"]).asset_key == dg.AssetKey(["a", "b"])
    assert dg.AssetMaterialization("a", tags={"x": "y"}).tags == {"x": "y"}


def test_materialization_file():
    """A materialization of a file has its path in the metadata."""
    found = dg.AssetMaterialization.file("/tmp/x", asset_key="a")

    assert found.metadata == {"path": dg.MetadataValue.path("/tmp/x")}


@pytest.mark.parametrize(
    "make",
    [
        lambda: dg.AssetMaterialization(5),
        lambda: dg.AssetMaterialization("a", metadata={"k": object()}),
        lambda: dg.AssetMaterialization("a", metadata=5),
        lambda: dg.AssetMaterialization("a", partition=5),
        lambda: dg.ExpectationResult(success="yes"),
        lambda: dg.AssetCheckResult(passed="yes"),
        lambda: dg.Output(1, output_name=5),
        lambda: dg.DynamicOutput(1, mapping_key="a b"),
        lambda: dg.DynamicOutput(1, mapping_key=5),
        lambda: dg.RetryRequested(max_retries="x"),
        lambda: dg.RetryPolicy(max_retries="x"),
        lambda: dg.TypeCheck(success="yes"),
        lambda: dg.DataVersion(5),
        lambda: dg.RunRequest(run_key=5),
        lambda: dg.SkipReason(5),
    ],
)
def test_bad_events(make):
    """What makes no sense is refused at once."""
    with pytest.raises(Exception, match=r".+"):
        make()


def test_output_attributes():
    """What an output tells."""
    output = dg.Output(5, "n", metadata={"k": 1}, data_version=dg.DataVersion("v"), tags={"a": "b"})

    assert (output.value, output.output_name) == (5, "n")
    assert output.metadata == {"k": dg.MetadataValue.int(1)}
    assert output.data_version == dg.DataVersion("v")
    assert output.tags == {"a": "b"}
    assert dg.Output(1) == dg.Output(1)
    assert dg.Output(1) != dg.Output(2)


def test_dynamic_output_attributes():
    """What a dynamic output tells."""
    output = dg.DynamicOutput(5, "k", "n")

    assert (output.value, output.mapping_key, output.output_name) == (5, "k", "n")
    assert dg.DynamicOutput(5, "k").output_name == "result"
