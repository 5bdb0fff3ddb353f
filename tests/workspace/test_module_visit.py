"""A job of ops in a run's own process: which steps are to come is known before the first begins."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from cellmill import AssetKey, Instance
from cellmill.cli.steps import step_views
from cellmill.execution.run_ledger import launch_recorded_run, request_stop
from cellmill.planning.event import EventType, planned_steps
from cellmill.planning.run import RunStatus
from cellmill.workspace.worker import main

from tests.waiting import PATIENCE_S, until

MODULE = """
from cellmill import DynamicOut, DynamicOutput, asset, define_asset_job, job, op, Definitions


@op(out=DynamicOut(int))
def parts():
    for number in range(3):
        yield DynamicOutput(number, mapping_key=str(number))


@op
def part(value):
    return value


@op
def total(values):
    return sum(values)


@op
def fails(total):
    raise ValueError("no")


@op
def last(value):
    return value


@job
def work():
    last(fails(total(parts().map(part).collect())))


@asset
def one():
    return 1


defs = Definitions(assets=[one], jobs=[work, define_asset_job("assets_only", selection="*")])
"""


def _events(tmp_path: Path, job_name: str) -> list:
    (tmp_path / "shop_of_ops.py").write_text(MODULE)
    (tmp_path / "cellmill.toml").write_text('modules = ["shop_of_ops"]\n')
    home = tmp_path / ".cellmill"
    with Instance.get(home) as instance:
        run = instance.create_run(job_name=job_name)
        main([run.run_id, "--home", str(home), "--workspace", str(tmp_path)])
        return [*instance.all_logs(run.run_id)]


def test_a_run_of_ops_says_its_steps_before_the_first_begins(tmp_path: Path) -> None:
    """All but those that a dynamic output multiplies, in the plan's order; the bar counts them from the start."""
    events = _events(tmp_path, "work")

    (at,) = (at for at, event in enumerate(events) if planned_steps(event))
    assert list(planned_steps(events[at])) == ["parts", "total", "fails", "last"]
    first = next(number for number, event in enumerate(events) if event.type is EventType.STEP_START)
    assert at < first
    before = step_views(events[:first])
    assert {step.state for step in before.values()} == {"waiting"} and len(before) == 4
    states = {key: step.state for key, step in step_views(events).items()}
    assert states == {
        "parts": "success", "part[0]": "success", "part[1]": "success", "part[2]": "success", "total": "success",
        "fails": "failure", "last": "waiting",
    }  # fmt: skip


def test_a_run_of_assets_has_an_event_for_each_instead(tmp_path: Path) -> None:
    """What is going to be made is planned asset by asset."""
    events = _events(tmp_path, "assets_only")

    assert not any(planned_steps(event) for event in events)
    assert [e.step_key for e in events if e.type is EventType.ASSET_MATERIALIZATION_PLANNED] == ["one"]


SLOW = """
import time
from pathlib import Path
from cellmill import Definitions, in_process_executor, job, multiprocess_executor, op, resource

HERE = Path(__file__).parent


@resource
def tool(context):
    try:
        yield "tool"
    finally:
        (HERE / "taken down").touch()


@op(required_resource_keys={"tool"})
def sleeps(context):
    assert context.resources.tool == "tool"
    (HERE / "sleeping").touch()
    time.sleep(600)


@job(resource_defs={"tool": tool})
def work():
    sleeps()


defs = Definitions(jobs=[work], executor=EXECUTOR)
"""


@pytest.mark.parametrize("executor", ["in_process_executor", "multiprocess_executor"])
def test_a_request_to_stop_reaches_an_op_that_waits(tmp_path: Path, executor: str) -> None:
    """The step ends at once rather than by being killed, so its resources are taken down."""
    module = f"slow_{executor}"
    (tmp_path / f"{module}.py").write_text(SLOW.replace("EXECUTOR", executor))
    (tmp_path / "cellmill.toml").write_text(f'modules = ["{module}"]\n')
    with Instance.get(tmp_path / ".cellmill") as instance:
        run = instance.create_run(job_name="work")
        launched = launch_recorded_run(
            instance, run.run_id, cwd=tmp_path, arguments=["--workspace", str(tmp_path)],
            # longer than the test waits: nothing but the interrupt may end it
            env={"CELLMILL_INTERRUPT_GRACE_S": "600"},
        )  # fmt: skip
        until((tmp_path / "sleeping").exists)
        assert request_stop(instance, run.run_id)
        launched.wait(PATIENCE_S)
        stopped = instance.get_run_by_id(run.run_id)
        assert stopped is not None and stopped.status is RunStatus.CANCELED
    assert (tmp_path / "taken down").exists()


ASLEEP = """
import time
from pathlib import Path
from cellmill import Definitions, asset, resource

HERE = Path(__file__).parent


@resource
def tool(context):
    try:
        yield "tool"
    finally:
        (HERE / "NAME taken down").touch()


@asset(required_resource_keys={"tool"})
def NAME_asset(context):
    (HERE / "sleeping").touch()
    time.sleep(600)


defs = Definitions(assets=[NAME_asset], resources={"tool": tool})
"""


def test_a_request_to_stop_reaches_whichever_of_several_modules_waits(tmp_path: Path) -> None:
    """The one that is visited is interrupted and takes its resources down; the other is not begun."""
    for name in ("asleep_one", "asleep_two"):
        (tmp_path / f"{name}.py").write_text(ASLEEP.replace("NAME", name))
    (tmp_path / "cellmill.toml").write_text('modules = ["asleep_one", "asleep_two"]\n')
    home = tmp_path / ".cellmill"
    with Instance.get(home) as instance:
        selection = frozenset({AssetKey("asleep_one_asset"), AssetKey("asleep_two_asset")})
        run = instance.create_run(job_name="both", asset_selection=selection)

        def stop() -> None:
            until((tmp_path / "sleeping").exists)
            os.kill(os.getpid(), signal.SIGINT)

        stopping = threading.Thread(target=stop)
        stopping.start()
        assert main([run.run_id, "--home", str(home), "--workspace", str(tmp_path)]) == 130
        stopping.join()
        stopped = instance.get_run_by_id(run.run_id)
        assert stopped is not None and stopped.status is RunStatus.CANCELED
        steps = {event.step_key for event in instance.all_logs(run.run_id) if event.type is EventType.STEP_START}
    assert len(steps) == 1
    assert len(list(tmp_path.glob("* taken down"))) == 1
