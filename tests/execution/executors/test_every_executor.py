"""One behaviour, every executor: the same jobs end the same way in this process, in worker processes and on Dask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cellmill.execution.capture import captured_path
from cellmill.instance.instance import Instance
from cellmill.planning.event import EventType
from cellmill.planning.run import RunStatus

from . import jobs
from .conftest import Carry, executor_named

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(params=["in_process", "fork", "loky", "dask"])
def executor(request: pytest.FixtureRequest) -> Any:
    """Each executor in turn."""
    return executor_named(request.param, request)


@pytest.fixture(params=["fork", "loky", "dask"])
def elsewhere(request: pytest.FixtureRequest) -> Any:
    """Each executor that has worker processes."""
    return executor_named(request.param, request)


def _steps(result: Any, kind: EventType) -> set[str]:
    return {event.step_key for event in result.all_events if event.type is kind}


def test_values_flow_and_dynamic_steps_are_multiplied(executor: Any, carry_out: Carry) -> None:
    """A diamond and a mapped, collected dynamic output give the right values."""
    result = carry_out(executor, jobs.diamond)

    assert result.success
    assert result.output_for_node("left") == 3
    assert result.output_for_node("total") == 6
    assert {"mapped[a]", "mapped[b]", "mapped[c]"} <= _steps(result, EventType.STEP_SUCCESS)


def test_a_failed_branch_leaves_the_other_alone(executor: Any, carry_out: Carry, instance: Instance) -> None:
    """What depends on the failure is not carried out; the rest is; the run fails."""
    result = carry_out(executor, jobs.partly_failing)

    assert not result.success
    assert _steps(result, EventType.STEP_FAILURE) == {"fail"}
    assert _steps(result, EventType.STEP_SUCCESS) == {"one", "fine"}
    run = instance.get_run_by_id(result.run_id)
    assert run is not None and run.status is RunStatus.FAILURE


def test_an_optional_output_that_is_not_given_skips_what_reads_it(executor: Any, carry_out: Carry) -> None:
    """The other branch runs, and the run succeeds."""
    result = carry_out(executor, jobs.optional)

    assert result.success
    assert _steps(result, EventType.STEP_SKIPPED) == {"not_chosen"}
    assert result.output_for_node("chosen") == 2


def test_nothing_dependencies_give_order(executor: Any, carry_out: Carry) -> None:
    """A step behind another one's end starts after it."""
    result = carry_out(executor, jobs.ordered)

    order = [
        event.step_key for event in result.all_events if event.type in (EventType.STEP_SUCCESS, EventType.STEP_START)
    ]
    assert order == ["one", "one", "later", "later"]


def test_failed_steps_are_run_again(executor: Any, carry_out: Carry, tmp_path: Path) -> None:
    """A retry policy and a requested retry both lead to success, with the attempts on record."""
    config = {
        "ops": {
            "third_time": {"config": {"file": str(tmp_path / "tries")}},
            "asks_for_retry": {"config": {"file": ""}},
        }
    }

    result = carry_out(executor, jobs.retried, config)

    assert result.success
    again = [event.step_key for event in result.all_events if event.type is EventType.STEP_UP_FOR_RETRY]
    assert sorted(again) == ["asks_for_retry", "third_time", "third_time"]
    assert (tmp_path / "tries").read_text() == "xxx"


def test_logs_and_reported_assets_arrive_in_the_instance(executor: Any, carry_out: Carry, instance: Instance) -> None:
    """What user code reports is written once, in order."""
    result = carry_out(executor, jobs.reporting)

    logged = instance.all_logs(result.run_id)
    assert [event.message for event in logged if event.type is EventType.LOG] == ["a message of the step"]
    made = [event for event in logged if event.type is EventType.ASSET_MATERIALIZATION]
    assert [event.asset_key.to_user_string() for event in made] == ["reported"]


def test_resources_are_configured_where_the_step_runs(executor: Any, carry_out: Carry) -> None:
    """The step sees the configured resource."""
    result = carry_out(executor, jobs.resourceful, {"resources": {"number": {"config": 42}}})

    assert result.output_for_node("uses_resource") == 42


def test_hooks_run_after_their_step(executor: Any, carry_out: Carry, instance: Instance) -> None:
    """The success hook runs for what succeeded, the failure hook for what failed."""
    result = carry_out(executor, jobs.hooked)

    messages = {event.message for event in instance.all_logs(result.run_id) if event.type is EventType.LOG}
    assert {"hook: one succeeded", "hook: fail failed"} <= messages
    assert _steps(result, EventType.HOOK_COMPLETED) == {"one", "fail"}


def test_a_killed_worker_fails_its_step_and_nothing_else(elsewhere: Any, carry_out: Carry) -> None:
    """The step whose process died fails with the signal named where it is known; its neighbour succeeds."""
    result = carry_out(elsewhere, jobs.deadly)

    assert _steps(result, EventType.STEP_FAILURE) == {"die"}
    assert _steps(result, EventType.STEP_SUCCESS) == {"one", "fine"}
    assert _steps(result, EventType.STEP_START) == {"die", "one", "fine"}


def test_a_killed_worker_is_a_failure_that_a_retry_policy_covers(
    elsewhere: Any, carry_out: Carry, tmp_path: Path
) -> None:
    """The second attempt runs in another process, and one output is published."""
    config = {"ops": {"dies_once": {"config": {"file": str(tmp_path / "died")}}}}

    result = carry_out(elsewhere, jobs.deadly_once, config)

    assert result.success
    assert len([event for event in result.all_events if event.type is EventType.HANDLED_OUTPUT]) == 1


def test_a_step_past_its_time_fails_and_its_neighbour_succeeds(elsewhere: Any, carry_out: Carry) -> None:
    """The limit of one step ends that step only."""
    result = carry_out(elsewhere, jobs.slow)

    assert _steps(result, EventType.STEP_FAILURE) == {"too_slow"}
    assert _steps(result, EventType.STEP_SUCCESS) == {"one"}


def test_shared_pools_are_respected(elsewhere: Any, carry_out: Carry, instance: Instance) -> None:
    """Steps of a pool with one slot never overlap, and the slots are given back."""
    instance.leases.set_pool_limit("printer", 1)

    result = carry_out(elsewhere, jobs.printing)

    spans = sorted(result.output_for_node(f"print_{number}") for number in range(3))
    assert all(first[1] <= second[0] for first, second in zip(spans, spans[1:], strict=False))
    assert instance.leases.claims("printer") == []


def test_what_a_step_prints_is_kept_by_step(elsewhere: Any, carry_out: Carry, instance: Instance) -> None:
    """Python's output and a child's are in the step's file, and an event tells of it; a silent step has none."""
    result = carry_out(elsewhere, jobs.printers)

    assert result.success
    assert captured_path(instance.home, result.run_id, "prints", "out").read_text() == "from python\nfrom a child\n"
    assert "an error" in captured_path(instance.home, result.run_id, "prints", "err").read_text()
    assert not captured_path(instance.home, result.run_id, "one", "out").exists()
    assert {"prints", "prints_too_much"} <= _steps(result, EventType.LOGS_CAPTURED)


def test_a_dask_worker_keeps_no_resources_of_runs_that_are_over(
    carry_out: Carry, dask_address: str, request: pytest.FixtureRequest
) -> None:
    """What a worker opened for a run is closed when newer runs have come."""
    import distributed

    for _ in range(4):
        assert carry_out(executor_named("dask", request), jobs.ordered).success

    def held() -> int:
        from cellmill.execution.executors import dask_pool

        return len(dask_pool._works._works)

    with distributed.Client(dask_address, set_as_default=False) as client:
        assert max(client.run(held).values()) <= 2


@pytest.mark.security
def test_a_run_in_memory_is_refused_with_the_remedy(carry_out: Carry) -> None:
    """Other processes cannot see an instance in memory."""
    from cellmill.definitions.run_config import resolve_run_config
    from cellmill.errors import UnmetExecutorRequirementsError
    from cellmill.execution.executors.multiprocess import MultiprocessExecutor
    from cellmill.planning.planner import plan_job

    with Instance.ephemeral() as memory:
        run = memory.create_run(job_name="diamond")
        with pytest.raises(UnmetExecutorRequirementsError, match="on disk"):
            MultiprocessExecutor().execute(
                jobs.diamond, plan_job(jobs.diamond), run, memory, resolve_run_config(jobs.diamond, {})
            )


@pytest.mark.parametrize("name", ["in_process", "fork", "loky", "dask"])
def test_urgent_steps_come_first(name: str, request: pytest.FixtureRequest, carry_out: Carry) -> None:
    """Of steps that may start, one at a time, the one of the highest priority does."""
    result = carry_out(executor_named(name, request, max_concurrent=1), jobs.hurried)

    order = [event.step_key for event in result.all_events if event.type is EventType.STEP_START]
    assert order == ["first_of_all", "usual", "late"]


@pytest.mark.parametrize("limit", [{"value": "small"}, {}, {"value": {"applyLimitPerUniqueValue": True}}])
def test_steps_with_a_limited_tag_do_not_overlap(limit: dict[str, Any], carry_out: Carry) -> None:
    """`tag_concurrency_limits` of one keeps steps with that tag apart where two could run, however it is worded."""
    from cellmill.execution.executors.limits import TagLimit
    from cellmill.execution.executors.multiprocess import MultiprocessExecutor

    limits = [TagLimit.from_config({"key": "database", "limit": 1, **limit})]
    result = carry_out(MultiprocessExecutor(max_concurrent=2, start_method="fork", tag_limits=limits), jobs.asking)

    spans = sorted(result.output_for_node(f"ask_{number}") for number in range(3))
    assert all(first[1] <= second[0] for first, second in zip(spans, spans[1:], strict=False))


@pytest.mark.parametrize("name", ["fork", "loky", "dask"])
def test_a_step_past_its_memory_fails_and_says_so(name: str, request: pytest.FixtureRequest, carry_out: Carry) -> None:
    """The limit of one step ends that step only, and an event names the limit."""
    result = carry_out(executor_named(name, request), jobs.hungry)

    assert _steps(result, EventType.STEP_FAILURE) == {"greedy"}
    assert _steps(result, EventType.STEP_SUCCESS) == {"one"}
    said = [event.message for event in result.all_events if event.type is EventType.ENGINE_EVENT]
    assert any("memory limit of 600 MB" in text for text in said)
