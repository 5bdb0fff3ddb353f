"""What steps print in worker processes is kept, by step, and bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from cellmill import AssetKey, Instance
from cellmill.definitions.run_config import resolve_run_config
from cellmill.execution.capture import LIMIT, captured_path
from cellmill.execution.executors.multiprocess import MultiprocessExecutor
from cellmill.planning.event import EventType
from cellmill.planning.planner import plan_job
from cellmill.workspace.run_names import ASSET_JOB
from cellmill.workspace.worker import main

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


def test_what_a_module_prints_in_the_runs_own_process_is_kept_by_step(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The in-process executor of a run keeps it too, shows it still, and gives stdout back."""
    (tmp_path / "shop.py").write_text(
        "import subprocess\nfrom cellmill import asset\n\n"
        "@asset\ndef loud():\n    print('from python')\n    subprocess.run(['echo', 'from a child'])\n    return 1\n\n"
        "@asset\ndef quiet(loud):\n    return loud\n"
    )
    (tmp_path / "cellmill.toml").write_text('modules = ["shop"]\n')
    home = tmp_path / ".cellmill"
    with Instance.get(home) as instance:
        keys = frozenset({AssetKey("loud"), AssetKey("quiet")})
        run = instance.create_run(job_name=ASSET_JOB, asset_selection=keys)

    assert main([run.run_id, "--home", str(home), "--workspace", str(tmp_path)]) == 0

    assert captured_path(home, run.run_id, "loud", "out").read_text() == "from python\nfrom a child\n"
    assert not captured_path(home, run.run_id, "quiet", "out").exists()
    with Instance.get(home) as instance:
        events = list(instance.all_logs(run.run_id))
    assert "loud" in {event.step_key for event in events if event.type is EventType.LOGS_CAPTURED}
    print("behind the run")
    assert capfd.readouterr().out.splitlines() == ["from python", "from a child", "behind the run"]
