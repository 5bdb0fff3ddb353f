"""What the loops of the daemon do with schedules, sensors, the queue, dead runs and backfills."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.backfills import (
    BackfillLoop,
    cancel_backfill,
    pause_backfill,
    resume_backfill,
    retry_backfill,
    submit_backfill,
    view_backfill,
)
from cellmill.automation.clock import ManualClock
from cellmill.automation.daemon import Daemon, daemon_status
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.monitor import MAX_RETRIES_TAG, MAX_RUNTIME_TAG, Monitor
from cellmill.automation.queue import QueueLimits, RunQueue, TagLimit
from cellmill.automation.scheduler import Scheduler
from cellmill.automation.sensors import Sensors
from cellmill.definitions.tick_policy import CatchUp
from cellmill.instance.instance import Instance
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import Run, RunStatus

RUNNING = cm.DefaultScheduleStatus.RUNNING
START = 1_700_000_000.0 - 1_700_000_000 % 3600
HOUR = 3600


def scheduled(instance: Instance, clock: ManualClock, *schedules: cm.ScheduleDefinition, **options: Any) -> Scheduler:
    """A scheduler that has seen its schedules once, so that their time begins now."""
    made = Scheduler(instance, DefinitionsSource(schedules, instance=instance, **options), clock, "me", claim_s=0)
    made.run_once()
    return made


def hourly(**options: Any) -> cm.ScheduleDefinition:
    """An hourly schedule that is on."""
    return cm.ScheduleDefinition(
        "hourly", cron_schedule="@hourly", job_name="j", default_status=RUNNING, **{"overlap": "allow", **options}
    )


@pytest.mark.parametrize(
    ("policy", "runs", "missed"), [(CatchUp.skip(), 0, 72), (CatchUp.latest(), 1, 71), (CatchUp.all(5), 5, 67)]
)
def test_catch_up_after_three_days(instance: Instance, policy: CatchUp, runs: int, missed: int) -> None:
    """After three days down the policy says what runs, and every dropped tick is recorded with its reason."""
    clock = ManualClock(START + 60)
    scheduler = scheduled(instance, clock, hourly(catch_up=policy))
    clock.advance(72 * HOUR + 600)
    scheduler.run_once()
    dropped = instance.automation.ticks(statuses=["MISSED"])

    assert runs == len(instance.get_runs())
    assert missed == len(dropped)
    assert all(tick.body["reason"] for tick in dropped)


@pytest.mark.parametrize(("late_s", "runs"), [(40, 1), (3600, 1), (3601, 0)])
def test_a_laptop_that_slept(instance: Instance, late_s: int, runs: int) -> None:
    """Inside its window a tick runs late and says how late; outside it is recorded as missed."""
    clock = ManualClock(START + 1)
    daily = cm.ScheduleDefinition(
        "daily",
        cron_schedule="0 0 * * *",
        job_name="j",
        default_status=RUNNING,
        catch_up=CatchUp.latest(window_s=3600),
    )
    scheduler = scheduled(instance, clock, daily)
    due = next(daily.ticks_after(clock.now()))
    clock.advance(due - clock.now() + late_s)
    scheduler.run_once()
    tick = instance.automation.ticks()[0]

    assert runs == len(instance.get_runs())
    assert (late_s if runs else None) == tick.body.get("lateness_s")
    assert ("SUCCESS" if runs else "MISSED") == tick.status


def test_an_edited_cron_does_not_fire_for_the_past(instance: Instance) -> None:
    """A changed expression or zone starts its cursor at the change; ticks of before are kept."""
    clock = ManualClock(START + 60)
    scheduled(instance, clock, hourly())
    clock.advance(10 * HOUR)
    edited = cm.ScheduleDefinition("hourly", cron_schedule="15 * * * *", job_name="j", default_status=RUNNING)
    done = scheduled(instance, clock, edited).run_once()

    assert 0 == done.requested + done.missed
    assert [] == instance.get_runs()


def test_purged_history_changes_nothing(instance: Instance) -> None:
    """The cursor is not among the ticks, so a purge makes nothing run again."""
    clock = ManualClock(START + 60)
    scheduler = scheduled(instance, clock, hourly())
    clock.advance(HOUR)
    scheduler.run_once()
    instance.automation.purge_ticks(before=time.time() + 1, statuses=["SUCCESS"])
    clock.advance(60)

    assert 0 == scheduler.run_once().requested
    assert 1 == len(instance.get_runs())


@pytest.mark.parametrize(("policy", "expected"), [("skip", 1), ("queue_one", 2), ("allow", 3)])
def test_overlap(instance: Instance, policy: str, expected: int) -> None:
    """While earlier runs are not finished the overlap policy decides, and the tick says so."""
    clock = ManualClock(START + 60)
    scheduler = scheduled(instance, clock, hourly(overlap=policy))
    for _ in range(3):
        clock.advance(HOUR)
        scheduler.run_once()

    assert expected == len(instance.get_runs())
    skipped = instance.automation.ticks(statuses=["SKIPPED"])
    assert all(policy in tick.body["reason"] for tick in skipped)
    assert 3 - expected == len(skipped)


def test_functions_that_fail_hang_or_flood_hold_nobody_up(instance: Instance) -> None:
    """Each failure stays on its own tick, which is tried again; the neighbour's tick is on time."""

    @cm.schedule("@hourly", job_name="j", default_status=RUNNING)
    def fails() -> object:
        raise ValueError("no luck")

    @cm.schedule("@hourly", job_name="j", default_status=RUNNING)
    def hangs() -> object:
        while True:
            pass

    @cm.schedule("@hourly", job_name="j", default_status=RUNNING)
    def floods() -> object:
        return [cm.RunRequest(run_key=str(number)) for number in range(10_000)]

    clock = ManualClock(START + 60)
    scheduler = scheduled(instance, clock, fails, hangs, floods, hourly(), timeout_s=1.5)
    clock.advance(HOUR)
    started = time.monotonic()
    done = scheduler.run_once()

    assert 1 == done.requested and 3 == done.failed
    assert 10 > time.monotonic() - started
    errors = {tick.instigator_id: tick.body.get("error", "") for tick in instance.automation.ticks()}
    assert "no luck" in errors[":schedule:fails"]
    assert "did not end within 1.5 s" in errors[":schedule:hangs"]
    assert "10000 runs" in errors[":schedule:floods"]
    assert "STARTED" == instance.automation.ticks(":schedule:fails")[0].status


def test_a_schedule_whose_job_is_gone_is_shown_as_broken(instance: Instance) -> None:
    """The tick names the job; other schedules run."""
    clock = ManualClock(START + 60)
    broken = cm.ScheduleDefinition("b", cron_schedule="@hourly", job_name="gone", default_status=RUNNING)
    scheduler = scheduled(instance, clock, broken, hourly(), job_names=["j"])
    clock.advance(HOUR)

    assert 1 == scheduler.run_once().requested
    assert "'gone'" in instance.automation.ticks(":schedule:b")[0].body["error"]


def sensor_of(fn: Callable[..., Any], **options: Any) -> cm.SensorDefinition:
    """A sensor that is on."""
    return cm.SensorDefinition(
        "s", evaluation_fn=fn, job_name="j", default_status=cm.DefaultSensorStatus.RUNNING, **options
    )


def test_run_keys_are_requested_once(instance: Instance) -> None:
    """One run per key, within one answer and across evaluations; the repeated ones are listed."""

    def look(context: cm.SensorEvaluationContext) -> Any:
        number = int(context.cursor or 0)
        context.update_cursor(str(number + 1))
        yield cm.RunRequest(run_key="a")
        yield cm.RunRequest(run_key="a")
        yield cm.RunRequest(run_key=f"new{number}")

    clock = ManualClock(START)
    sensors = Sensors(instance, DefinitionsSource(sensors=[sensor_of(look)], instance=instance), clock, "me")
    first = sensors.run_once()
    clock.advance(31)
    second = sensors.run_once()

    assert (2, 1) == (first.requested, first.deduplicated)
    assert (1, 2) == (second.requested, second.deduplicated)
    assert "2" == instance.automation.instigator(":sensor:s").cursor  # type: ignore[union-attr]


def test_a_sensor_that_fails_keeps_its_cursor_and_is_asked_less_often(instance: Instance) -> None:
    """The error is on the tick, the cursor unchanged, the wait doubled with each failure."""

    def look(context: cm.SensorEvaluationContext) -> Any:
        context.update_cursor("lost")
        raise ValueError("partial")

    clock = ManualClock(START)
    sensors = Sensors(instance, DefinitionsSource(sensors=[sensor_of(look)], instance=instance), clock, "me")
    evaluations = []
    for _ in range(20):
        evaluations.append(sensors.run_once().evaluated)
        clock.advance(30)
    state = instance.automation.instigator(":sensor:s")

    assert 4 == sum(evaluations)
    assert state is not None and state.cursor is None and 4 == state.failures
    assert "partial" in instance.automation.ticks()[0].body["error"]


def test_five_thousand_known_keys_cost_few_statements(instance: Instance) -> None:
    """Known run keys are looked up in one statement, not one by one."""

    def look(context: cm.SensorEvaluationContext) -> Any:
        return [cm.RunRequest(run_key=str(number)) for number in range(4990 if context.cursor is None else 5000)]

    clock = ManualClock(START)
    source = DefinitionsSource(sensors=[sensor_of(look)], instance=instance)
    sensors = Sensors(instance, source, clock, "me")
    sensors.run_once()
    clock.advance(31)
    assert instance.automation.set_cursor(":sensor:s", "again")
    performed: list[str] = []
    connection = instance.db.connection()
    connection.set_trace_callback(performed.append)
    done = sensors.run_once()
    connection.set_trace_callback(None)

    assert (10, 4990) == (done.requested, done.deduplicated)
    assert len(performed) < 500


def queued(instance: Instance, *tags: dict[str, str]) -> list[str]:
    """Queued runs with these tags."""
    runs = [Run(job_name="j", tags=item, status=RunStatus.QUEUED) for item in tags]
    for run in runs:
        instance.add_run(run)
    return [run.run_id for run in runs]


def test_the_queue_admits_by_priority_within_limits(instance: Instance) -> None:
    """High priority first, then age; tag limits hold per value; what is full waits."""
    low, high, other, same = queued(
        instance, {"team": "a"}, {"dagster/priority": "5", "team": "a"}, {"team": "b"}, {"team": "b"}
    )
    launched: list[str] = []
    limits = QueueLimits(max_concurrent_runs=3, tag_limits=[TagLimit(key="team", limit=1, per_value=True)])
    queue = RunQueue(instance, ManualClock(time.time()), limits, launcher=lambda _i, run: launched.append(run.run_id))
    done = queue.run_once()

    assert [high, other] == launched
    assert 2 == done.waiting
    assert RunStatus.QUEUED is instance.get_run_by_id(low).status  # type: ignore[union-attr]
    assert RunStatus.STARTING is instance.get_run_by_id(high).status  # type: ignore[union-attr]
    assert RunStatus.QUEUED is instance.get_run_by_id(same).status  # type: ignore[union-attr]


def test_pools_limit_runs(instance: Instance) -> None:
    """A run takes a slot of each of its pools, or waits; ended runs give theirs back."""
    instance.leases.set_pool_limit("db", 1)
    first, second = queued(instance, {"cellmill/pools": "db"}, {"cellmill/pools": "db"})
    launched: list[str] = []
    clock = ManualClock(time.time())
    queue = RunQueue(instance, clock, launcher=lambda _i, run: launched.append(run.run_id))
    queue.run_once()

    assert [first] == launched
    instance.report_run_canceled(instance.get_run_by_id(first))  # type: ignore[arg-type]
    Monitor(instance, clock, "me").run_once()
    queue.run_once()
    assert [first, second] == launched


def test_a_full_queue_costs_one_transaction(instance: Instance) -> None:
    """Where no run may start, the hundred behind it are not asked one by one."""
    queued(instance, *[{} for _ in range(30)])
    queue = RunQueue(instance, ManualClock(time.time()), QueueLimits(max_concurrent_runs=2), launcher=lambda *_: None)
    assert 2 == len(queue.run_once().launched)
    begun: list[str] = []
    connection: Any = instance.db.connection()  # type: ignore[attr-defined]
    connection.set_trace_callback(lambda text: begun.append(text) if text.startswith("BEGIN") else None)
    done = queue.run_once()
    connection.set_trace_callback(None)

    assert (28, []) == (done.waiting, done.launched)
    assert 1 == len(begun)


def test_a_queued_run_without_a_definition_or_too_old_fails(instance: Instance) -> None:
    """Both say why, and the others proceed."""
    queued(instance, {})
    instance.add_run(Run(job_name="gone", status=RunStatus.QUEUED))
    launched: list[str] = []
    queue = RunQueue(
        instance,
        ManualClock(time.time()),
        launcher=lambda _i, run: launched.append(run.run_id),
        has_job=lambda _location, name: name != "gone",
    )
    done = queue.run_once()

    assert 1 == done.failed and 1 == len(launched)
    assert "DefinitionMissing" in [run for run in instance.get_runs() if run.job_name == "gone"][0].reason  # type: ignore[operator]

    (late,) = queued(instance, {})
    queue = RunQueue(instance, ManualClock(time.time() + 8 * 86_400), launcher=lambda _i, run: None)
    assert 1 == queue.run_once().expired
    assert "Expired" in str(instance.get_run_by_id(late).reason)  # type: ignore[union-attr]


def started(instance: Instance, tags: dict[str, str] | None = None, lease_s: float = -1.0) -> Run:
    """A run whose worker started and then was not heard of."""
    run = Run(job_name="j", tags=tags or {}, status=RunStatus.NOT_STARTED)
    instance.add_run(run)
    event = Event(type=EventType.RUN_START, run_id=run.run_id, timestamp=time.time(), message="")
    instance.run_writer(run.run_id).append([event])
    instance.leases.renew_run(run.run_id, attempt=1, owner="dead", lease_s=lease_s)
    return run


def test_a_dead_run_fails_with_a_reason_and_is_retried_once(instance: Instance) -> None:
    """Its lease is over: it fails, the old process is fenced off, and the retry it asked for exists once."""
    run = started(instance, {MAX_RETRIES_TAG: "1"})
    monitor = Monitor(instance, ManualClock(time.time()), "me")
    first, second = monitor.run_once(), monitor.run_once()
    ended = instance.get_run_by_id(run.run_id)

    assert [run.run_id] == first.crashed and [] == second.crashed
    assert ended is not None and ended.is_failure and "not heard of" in str(ended.reason)
    assert 1 == len(first.retried) and [] == second.retried
    retry = instance.get_run_by_id(first.retried[0])
    assert retry is not None and run.run_id == retry.parent_run_id and "true" == retry.tags["dagster/is_resume_retry"]
    with pytest.raises(cm.CellmillError):
        event = Event(type=EventType.RUN_SUCCESS, run_id=run.run_id, timestamp=time.time(), message="")
        instance.run_writer(run.run_id, attempt=1).append([event])


def test_a_run_that_goes_on_too_long_fails(instance: Instance) -> None:
    """`dagster/max_runtime` seconds after its start the run fails with that reason."""
    run = started(instance, {MAX_RUNTIME_TAG: "60"}, lease_s=1000)

    assert [] == Monitor(instance, ManualClock(time.time() + 30), "me").run_once().timed_out
    assert [run.run_id] == Monitor(instance, ManualClock(time.time() + 90), "me").run_once().timed_out
    assert "maximum runtime of 60" in str(instance.get_run_by_id(run.run_id).reason)  # type: ignore[union-attr]


def test_an_admitted_run_that_never_began_is_queued_again(instance: Instance) -> None:
    """A daemon that died between admission and launch loses no run."""
    (run_id,) = queued(instance, {})
    clock = ManualClock(time.time())
    RunQueue(instance, clock, launcher=lambda _i, _run: None).run_once()
    with instance.db.write() as tx:
        tx.run("UPDATE runs SET lease_expires_at = 1 WHERE run_id = ?", (run_id,))

    assert [run_id] == Monitor(instance, clock, "me").run_once().requeued
    launched: list[int] = []
    RunQueue(instance, clock, launcher=lambda _i, run: launched.append(run.attempt)).run_once()
    assert [2] == launched


def finish(instance: Instance, fail: Callable[[Run], bool] = lambda run: False) -> None:
    """Ends every open run."""
    for run in instance.get_runs():
        if not run.is_finished:
            kind = EventType.RUN_FAILURE if fail(run) else EventType.RUN_SUCCESS
            event = Event(type=kind, run_id=run.run_id, timestamp=time.time(), message="")
            instance.run_writer(run.run_id, run.attempt).append([event])


def backfill_loop(instance: Instance, *assets: Any) -> BackfillLoop:
    """A loop over these assets."""
    source = DefinitionsSource(instance=instance, definitions=list(assets))
    return BackfillLoop(instance, source, ManualClock(time.time()))


def test_a_backfill_runs_in_dependency_order_across_partitionings(instance: Instance) -> None:
    """Seven days come before their week, and runs carry their partitions."""
    daily, weekly = cm.DailyPartitionsDefinition("2024-01-07"), cm.WeeklyPartitionsDefinition("2024-01-07")

    @cm.asset(partitions_def=daily)
    def day() -> None: ...

    @cm.asset(partitions_def=weekly, deps=[day])
    def week() -> None: ...

    days = [f"2024-01-{number:02d}" for number in range(7, 14)]
    loop = backfill_loop(instance, day, week)
    backfill = submit_backfill(instance, assets={"day": days, "week": ["2024-01-07"]})

    assert 7 == loop.run_once()
    assert 0 == loop.run_once()
    finish(instance)
    assert 1 == loop.run_once()
    assert "2024-01-07" == instance.get_runs(limit=1)[0].partition_key
    finish(instance)
    loop.run_once()
    view = view_backfill(instance, backfill)
    assert "COMPLETED_SUCCESS" == view.status and 8 == view.progress.succeeded


def test_backfill_policies_make_ranges(instance: Instance) -> None:
    """A single-run policy makes one run with a range; a policy of four makes chunks."""
    daily = cm.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-11")

    @cm.asset(partitions_def=daily, backfill_policy=cm.BackfillPolicy.single_run())
    def one() -> None: ...

    @cm.asset(partitions_def=daily, backfill_policy=cm.BackfillPolicy.multi_run(4))
    def four() -> None: ...

    submit_backfill(instance, assets=["one", "four"], all_partitions=True)
    backfill_loop(instance, one, four).run_once()
    ranges = sorted(
        (run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"])
        for run in instance.get_runs()
    )

    assert ("2024-01-01", "2024-01-10") in ranges
    assert [("2024-01-01", "2024-01-04"), ("2024-01-05", "2024-01-08"), ("2024-01-09", "2024-01-10")] == [
        pair for pair in ranges if pair != ("2024-01-01", "2024-01-10")
    ]


def test_a_backfill_can_be_paused_cancelled_and_retried(instance: Instance) -> None:
    """Paused nothing starts; failed parts run again once under retry; cancelling ends what is queued."""
    loop = backfill_loop(instance)
    backfill = submit_backfill(instance, job_name="j", partition_keys=["a", "b", "c"])
    pause_backfill(instance, backfill)

    assert 0 == loop.run_once()
    resume_backfill(instance, backfill)
    assert 3 == loop.run_once()
    finish(instance, fail=lambda run: run.partition_key == "b")
    loop.run_once()
    assert "COMPLETED_FAILED" == view_backfill(instance, backfill).status
    assert retry_backfill(instance, backfill)
    assert 1 == loop.run_once()
    cancel_backfill(instance, backfill)
    loop.run_once()
    loop.run_once()
    assert "CANCELED" == view_backfill(instance, backfill).status
    assert 4 == len(instance.get_runs())


def test_a_loop_that_dies_ends_the_daemon_and_is_named(instance: Instance) -> None:
    """Exit status 1, the reason in words, and the heartbeat row of that loop says so."""

    def broken() -> None:
        raise RuntimeError("sensor loop broke")

    daemon = Daemon(instance, {"scheduler": lambda: None, "sensors": broken}, intervals={})

    assert 1 == daemon.run()
    assert "'sensors' died of RuntimeError: sensor loop broke" in str(daemon.reason)
    status = {item.name: item for item in daemon_status(instance)}
    assert not status["sensors"].healthy and "sensor loop broke" in str(status["sensors"].error)
    assert status["scheduler"].error is None
