"""What steps print in worker processes is kept, by step, and bounded."""

from __future__ import annotations

from pathlib import Path

from cellmill import Instance
from cellmill.definitions.run_config import resolve_run_config
from cellmill.execution.capture import LIMIT, captured_path
from cellmill.execution.executors.multiprocess import MultiprocessExecutor
from cellmill.planning.event import EventType
from cellmill.planning.plan import plan_job

from .executors import jobs


def test_each_steps_output_is_kept_by_itself_and_cut_at_the_limit(tmp_path: Path) -> None:
    """Python's and a child's output are in order in the step's file; a silent step has none; a flood is cut with a
    notice.
    """
    home = tmp_path / "home"
    with Instance.get(home) as instance:
        run = instance.create_run(job_name="printers")
        result = MultiprocessExecutor(max_concurrent=1, start_method="fork").execute(
            jobs.printers, plan_job(jobs.printers), run, instance, resolve_run_config(jobs.printers, {})
        )

    assert result.success
    assert captured_path(home, run.run_id, "prints", "out").read_text() == "from python\nfrom a child\n"
    assert captured_path(home, run.run_id, "prints", "err").read_text().splitlines()[-1] == "an error"
    flood = captured_path(home, run.run_id, "prints_too_much", "out").read_bytes()
    assert LIMIT < len(flood) < LIMIT + 100
    assert b"cut here" in flood[-60:]
    assert not captured_path(home, run.run_id, "one", "out").exists()
    kept = {event.step_key for event in result.all_events if event.type is EventType.LOGS_CAPTURED}
    assert {"prints", "prints_too_much"} <= kept
