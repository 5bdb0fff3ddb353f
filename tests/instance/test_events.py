"""The event log: what goes in comes out, in order, by run, asset, type and partition."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cellmill import AssetKey, Instance, RunStatus
from cellmill.definitions.events import AssetMaterialization, AssetObservation
from cellmill.errors import LeaseLostError, RunFinishedError, RunNotFoundError
from cellmill.instance.event_record import AssetRecordsFilter, EventRecordsFilter, RunStatusChangeRecordsFilter
from cellmill.planning.event import EngineEventData, ErrorInfo, Event, EventType, JobFailureData, LogMessageData

from tests.instance.log import event, materialization, observation, planned, ref, step


def test_events_come_back_equal_and_in_order(instance: Instance) -> None:
    """Every field and payload of an event survives storage."""
    run = instance.create_run(job_name="job")
    events = [
        event(EventType.RUN_START, run.run_id, job_name="job"),
        *[Event(**{**_fields(e), "job_name": "job"}) for e in step(run.run_id, "a/b")],
        event(
            EventType.ENGINE_EVENT,
            run.run_id,
            job_name="job",
            message="zoë \U0001f600",
            data=EngineEventData(
                metadata={"n": 1, "at": datetime(2024, 1, 2, tzinfo=UTC)},
                error=ErrorInfo("bad", ("line",), "ValueError", cause=ErrorInfo("why")),
            ),
        ),
        event(EventType.LOG, run.run_id, job_name="job", level=30, data=LogMessageData({"x": [1, None, 2.5]})),
        Event(**{**_fields(materialization(run.run_id, "c", partition="p", ref=ref())), "job_name": "job"}),
    ]
    instance.run_writer(run.run_id).append(events)

    assert instance.all_logs(run.run_id) == events


def _fields(of: Event) -> dict[str, object]:
    return {name: getattr(of, name) for name in Event.__slots__}


def test_numbers_in_a_run_are_dense_and_serve_as_cursor(instance: Instance) -> None:
    """Pages of a run's events join without loss or repetition."""
    run = instance.create_run(job_name="job")
    writer = instance.run_writer(run.run_id)
    for index in range(7):
        writer.append([event(EventType.STEP_START, run.run_id, step_key=str(index))])
    page = instance.get_records_for_run(run.run_id, limit=3)
    seen = [*page.records]
    while page.has_more:
        page = instance.get_records_for_run(run.run_id, cursor=page.cursor, limit=3)
        seen += page.records

    assert [record.seq for record in seen] == list(range(1, 8))
    assert [record.event.step_key for record in seen] == list("0123456")
    assert [e.step_key for e in instance.logs_after(run.run_id, 5)] == ["5", "6"]


def test_a_run_is_moved_by_its_events(instance: Instance) -> None:
    """Status, start and end of a run follow its events in the same transaction."""
    run = instance.create_run(job_name="job")
    writer = instance.run_writer(run.run_id)
    start, end = event(EventType.RUN_START, run.run_id), event(EventType.RUN_SUCCESS, run.run_id)
    writer.append([start])
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None and record.dagster_run.status is RunStatus.STARTED

    writer.append([end])
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None

    assert record.dagster_run.status is RunStatus.SUCCESS
    assert (record.start_time, record.end_time) == (start.timestamp, end.timestamp)


def test_a_finished_run_stays_as_it_ended(instance: Instance) -> None:
    """A second ending is refused, and nothing of its batch is kept."""
    run = instance.create_run(job_name="job")
    writer = instance.run_writer(run.run_id)
    writer.append([event(EventType.RUN_START, run.run_id), event(EventType.RUN_SUCCESS, run.run_id)])
    with pytest.raises(RunFinishedError, match="already ended"):
        writer.append([event(EventType.ENGINE_EVENT, run.run_id), event(EventType.RUN_FAILURE, run.run_id)])

    assert instance.get_run_by_id(run.run_id).status is RunStatus.SUCCESS  # type: ignore[union-attr]
    assert len(instance.all_logs(run.run_id)) == 2


def test_a_replaced_attempt_can_write_nothing(instance: Instance) -> None:
    """Once another attempt took the run over, the old one's events are refused whole."""
    run = instance.create_run(job_name="job")
    old = instance.run_writer(run.run_id, attempt=1)
    old.append([event(EventType.RUN_START, run.run_id)])
    taken = instance.runs.new_attempt(run.run_id, expected=1, status=RunStatus.STARTING, owner="other")
    assert taken is not None and taken.attempt == 2
    assert instance.runs.new_attempt(run.run_id, expected=1, status=RunStatus.STARTING) is None
    with pytest.raises(LeaseLostError, match="replaced by attempt 2"):
        old.append([materialization(run.run_id, "a", ref=ref("old"))])
    instance.run_writer(run.run_id, attempt=2).append([materialization(run.run_id, "a", ref=ref("new"))])

    assert instance.find_value_ref(AssetKey("a")) == ref("new")
    assert [e.type for e in instance.all_logs(run.run_id)] == [EventType.RUN_START, EventType.ASSET_MATERIALIZATION]


def test_an_unknown_run_is_named(instance: Instance) -> None:
    """Writing to a run that does not exist says so."""
    with pytest.raises(RunNotFoundError, match="nowhere"):
        instance.run_writer("nowhere").append([event(EventType.RUN_START, "nowhere")])


def test_what_no_database_can_store_is_replaced_not_lost(instance: Instance) -> None:
    """Lone surrogates in a message become question marks; the event arrives."""
    run = instance.create_run(job_name="job")
    instance.run_writer(run.run_id).append(
        [
            event(EventType.STEP_START, run.run_id, message="fine"),
            event(EventType.ENGINE_EVENT, run.run_id, message="\ud800 bad"),
        ]
    )

    assert [e.message for e in instance.all_logs(run.run_id)] == ["fine", "? bad"]


def test_values_without_a_json_form_are_kept_as_text(instance: Instance) -> None:
    """A payload that cannot be written as JSON does not fail the run."""
    run = instance.create_run(job_name="job")
    data = LogMessageData({"object": object(), "keys": {(1, 2): "x"}})
    instance.run_writer(run.run_id).append([event(EventType.LOG, run.run_id, data=data)])
    (found,) = instance.all_logs(run.run_id)

    assert found.data.fields["object"].startswith("<object object")
    assert found.data.fields["keys"] == {"(1, 2)": "x"}


def test_events_are_found_by_asset_type_and_partition(instance: Instance) -> None:
    """Filters and cursors of the log of one asset."""
    run = instance.create_run(job_name="job")
    key = AssetKey("a")
    instance.run_writer(run.run_id).append(
        [
            materialization(run.run_id, "a", partition="1"),
            materialization(run.run_id, "b"),
            materialization(run.run_id, "a", partition="2"),
            observation(run.run_id, "a"),
            materialization(run.run_id, "a", partition="1"),
        ]
    )
    page = instance.fetch_materializations(key, limit=2)
    rest = instance.fetch_materializations(key, limit=2, cursor=page.cursor)
    one = instance.fetch_materializations(AssetRecordsFilter(asset_key=key, asset_partitions=["1"]), limit=5)
    found = instance.get_event_records(EventRecordsFilter(event_type=EventType.ASSET_MATERIALIZATION), ascending=True)

    assert [record.partition_key for record in page.records] == ["1", "2"] and page.has_more
    assert [record.partition_key for record in rest.records] == ["1"] and not rest.has_more
    assert len(one.records) == 2
    assert [record.asset_key for record in found] == [key, AssetKey("b"), key, key]
    assert len(instance.fetch_observations(key, limit=5).records) == 1


def test_changes_of_run_state_are_followed_across_runs(instance: Instance) -> None:
    """A sensor on run states reads one short index, by job and cursor."""
    ids = []
    for job in ("x", "y", "x"):
        run = instance.create_run(job_name=job)
        ids.append(run.run_id)
        instance.run_writer(run.run_id).append(
            [event(EventType.RUN_START, run.run_id), event(EventType.RUN_SUCCESS, run.run_id)]
        )
    every = instance.fetch_run_status_changes(EventType.RUN_SUCCESS, limit=10, ascending=True)
    of_x = instance.fetch_run_status_changes(
        RunStatusChangeRecordsFilter(event_type=EventType.RUN_SUCCESS, job_names=["x"]), limit=1, ascending=True
    )
    more = instance.fetch_run_status_changes(
        RunStatusChangeRecordsFilter(event_type=EventType.RUN_SUCCESS, job_names=["x"]),
        limit=1,
        ascending=True,
        cursor=of_x.cursor,
    )

    assert [record.run_id for record in every.records] == ids
    assert [record.run_id for record in (*of_x.records, *more.records)] == [ids[0], ids[2]]
    assert every.records[0].event.job_name == "x"


def test_events_outside_runs(instance: Instance) -> None:
    """What is reported by hand is in the catalog and in the asset's log."""
    instance.report_runless_asset_event(AssetMaterialization("a", metadata={"n": 1}))
    instance.report_runless_asset_event(AssetObservation("a", tags={"dagster/data_version": "v9"}))
    latest = instance.get_latest_materialization_event(AssetKey("a"))

    assert latest is not None and latest.run_id == ""
    assert latest.materialization.metadata["n"].value == 1
    assert instance.asset_states()[AssetKey("a")].current_version == "v9"


def test_listeners_hear_what_this_process_appends(instance: Instance) -> None:
    """A listener hears events of its run only, and no more once removed."""
    run, other = instance.create_run(job_name="job"), instance.create_run(job_name="job")
    heard: list[Event] = []
    instance.add_event_listener(run.run_id, heard.append)
    first = event(EventType.RUN_START, run.run_id)
    instance.run_writer(run.run_id).append([first])
    instance.run_writer(other.run_id).append([event(EventType.RUN_START, other.run_id)])
    instance.remove_event_listener(run.run_id, heard.append)
    instance.run_writer(run.run_id).append([event(EventType.RUN_SUCCESS, run.run_id)])

    assert heard == [first]


def test_following_the_log_gives_every_event_once(instance: Instance) -> None:
    """A reader that follows sees what was there behind its cursor and what is added."""
    run = instance.create_run(job_name="job")
    writer = instance.run_writer(run.run_id)
    writer.append([planned(run.run_id, "a")])
    start = instance.events.last_id()
    reader = instance.follow(start, timeout_s=0.2)
    writer.append(step(run.run_id, "a"))
    seen = [next(reader).event.type for _ in range(3)]
    writer.append([event(EventType.RUN_SUCCESS, run.run_id)])

    assert seen == [EventType.STEP_START, EventType.ASSET_MATERIALIZATION, EventType.STEP_SUCCESS]
    assert [record.event.type for record in reader] == [EventType.RUN_SUCCESS]


def test_runs_are_reported_from_outside(instance: Instance) -> None:
    """Failing and cancelling a run by hand are events that change its state."""
    failed, cancelled = instance.create_run(job_name="job"), instance.create_run(job_name="job")
    instance.report_run_failed(failed, "gone", JobFailureData(error=None))
    instance.report_run_canceling(cancelled)
    instance.report_run_canceled(cancelled)

    assert instance.get_run_by_id(failed.run_id).reason == "gone"  # type: ignore[union-attr]
    assert instance.get_run_by_id(failed.run_id).is_failure  # type: ignore[union-attr]
    assert instance.get_run_by_id(cancelled.run_id).status is RunStatus.CANCELED  # type: ignore[union-attr]


def test_a_run_that_is_being_cancelled_only_ends(instance: Instance) -> None:
    """A start that comes behind the request to cancel does not bring the run back."""
    run = instance.create_run(job_name="job")
    instance.report_run_canceling(run)
    instance.run_writer(run.run_id).append([event(EventType.RUN_START, run.run_id)])

    assert instance.get_run_by_id(run.run_id).status is RunStatus.CANCELING  # type: ignore[union-attr]


def test_statistics_of_runs_and_steps(instance: Instance) -> None:
    """Counts and times come from the run's events."""
    run = instance.create_run(job_name="job")
    instance.run_writer(run.run_id).append(
        [
            event(EventType.RUN_START, run.run_id),
            *step(run.run_id, "a"),
            event(EventType.STEP_START, run.run_id, step_key="b"),
            event(EventType.STEP_FAILURE, run.run_id, step_key="b"),
            event(EventType.RUN_FAILURE, run.run_id),
        ]
    )
    stats = instance.get_run_stats(run.run_id)
    steps = {item.step_key: item for item in instance.get_run_step_stats(run.run_id)}

    assert (stats.steps_succeeded, stats.steps_failed, stats.materializations) == (1, 1, 1)
    assert stats.end_time is not None and stats.start_time is not None and stats.end_time > stats.start_time
    assert (steps["a"].status, steps["b"].status) == ("SUCCESS", "FAILURE")
    assert steps["a"].attempts == 1
