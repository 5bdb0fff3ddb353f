"""One step as a worker process carries it out: what it requires is made first, read or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cellmill import HookContext, Instance, RetryPolicy, job, op, resource, success_hook
from cellmill.definitions.run_config import resolve_run_config
from cellmill.errors import ResourceFunctionError
from cellmill.execution.executors.step_work import StepResult, StepTask, StepWork
from cellmill.planning.event import ErrorSource, Event, EventType

NOTED: list[str] = []


@resource
def noted() -> Iterator[str]:
    """One that says when it is made and taken down."""
    NOTED.append("made")
    yield "noted"
    NOTED.append("taken down")


@resource
def broken() -> None:
    """One that cannot be made."""
    raise ValueError("no such server")


@success_hook(required_resource_keys={"noted"})
def celebrate(context: HookContext) -> None:
    """One that needs what its op does not."""


@op(required_resource_keys={"noted"})
def ignores() -> int:
    """Require and do not read."""
    return 1


@op(required_resource_keys={"broken"}, retry_policy=RetryPolicy(max_retries=1))
def fails() -> int:
    """Require what there cannot be."""
    return 1


@op(name="hooked")
def plain() -> int:
    """Require nothing."""
    return 1


@job(resource_defs={"noted": noted, "broken": broken})
def work() -> None:
    """Steps that read no resource."""
    ignores()
    fails()
    plain.with_hooks({celebrate})()


def carried_out(home: Path, key: str, attempts: int = 1) -> tuple[StepResult, list[Event]]:
    """Return how the last attempt ended, and all events that the worker told."""
    NOTED.clear()
    told: list[Event] = []
    with Instance.get(home) as instance:
        run = instance.create_run(job_name="work")
    worker = StepWork(work, run, str(home), resolve_run_config(work, None))
    for number in range(attempts):
        task = StepTask(key, key, None, number, {}, frozenset(), {}, {}, {})
        result = worker(task, told.extend)
        told += result.events
    worker.close()
    return result, told


def test_what_a_step_requires_is_made_before_it_starts(tmp_path: Path) -> None:
    """Once in a process, and taken down with it."""
    result, events = carried_out(tmp_path, "ignores", attempts=2)

    assert result.outcome.success and NOTED == ["made", "taken down"]
    kinds = [event.type for event in events if event.step_key == "ignores"]
    assert kinds[:3] == [EventType.RESOURCE_INIT_STARTED, EventType.RESOURCE_INIT_SUCCESS, EventType.STEP_START]
    assert kinds.count(EventType.RESOURCE_INIT_STARTED) == 1


def test_what_hooks_require_belongs_to_it(tmp_path: Path) -> None:
    """The op itself needs nothing."""
    result, _ = carried_out(tmp_path, "hooked")

    assert result.outcome.success and NOTED == ["made", "taken down"]


def test_a_resource_that_cannot_be_made_fails_the_step_that_never_reads_it(tmp_path: Path) -> None:
    """Under the step's own retry policy, and without having started."""
    result, events = carried_out(tmp_path, "fails")

    assert result.outcome.wants_retry
    assert [event.type for event in events] == [
        EventType.RESOURCE_INIT_STARTED, EventType.RESOURCE_INIT_FAILURE, EventType.STEP_UP_FOR_RETRY,
    ]  # fmt: skip

    result, events = carried_out(tmp_path, "fails", attempts=2)

    assert not result.outcome.success and not result.outcome.wants_retry
    assert isinstance(result.outcome.error, ResourceFunctionError) and "broken" in str(result.outcome.error)
    assert events[-1].type is EventType.STEP_FAILURE
    assert events[-1].step_failure_data.error_source is ErrorSource.FRAMEWORK_ERROR
    assert not any(event.type is EventType.STEP_START for event in events)
