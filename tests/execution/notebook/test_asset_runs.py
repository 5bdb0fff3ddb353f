"""Runs of assets of a notebook: only the cells that are needed, and on from where it failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.execution.notebook.document import read_notebook
from cellmill.execution.run_ledger import launch_recorded_run
from cellmill.instance.instance import Instance
from cellmill.planning.event import EventType
from cellmill.planning.run import RunStatus
from cellmill.workspace.run_names import ASSET_JOB
from cellmill.workspace.worker import main
from jupyter_client.blocking.client import BlockingKernelClient

from .conftest import notebook_of

pytestmark = pytest.mark.slow

FAILS = 9


def _twelve(folder: Path) -> Path:
    """Write a notebook with twelve assets, each made from the one before; the ninth needs a file."""
    sources = ["%load_ext cellmill", "import os", "import time\ntime.sleep(60)", "factor = 2"]
    for number in range(1, 13):
        before = f"a{number - 1} * factor + 1" if number > 1 else "1"
        check = "if not os.path.exists('fixed'):\n    raise ValueError('not yet')\n" if number == FAILS else ""
        sources.append(f"%%asset a{number}\n{check}{before}")
    sources.append("print(a12)\ntime.sleep(60)")
    path = folder / "twelve.ipynb"
    path.write_text(json.dumps(notebook_of(*sources)))
    return path


def _run(home: Path, keys: list[str]) -> str:
    with Instance.get(home) as instance:
        run = instance.create_run(job_name=ASSET_JOB, asset_selection=frozenset(AssetKey(key) for key in keys))
    main([run.run_id, "--home", str(home), "--workspace", str(home.parent)])
    return run.run_id


def _executed(home: Path, run_id: str) -> list[str]:
    """Return the first words of the cells that ran, from the executed notebook."""
    (path,) = (home / "runs" / run_id).glob("*.ipynb")
    cells = read_notebook(path)["cells"]
    for cell in cells:
        if cell["metadata"]["cellmill"]["end"] in ("skipped", "not reached"):
            assert cell["outputs"] == []
    return [
        cell["source"].split("\n")[0]
        for cell in cells
        if cell["metadata"]["cellmill"]["end"] not in ("skipped", "not reached")
    ]


def test_a_run_that_failed_in_the_middle_goes_on_behind_what_was_finished(tmp_path: Path) -> None:
    """The ninth of twelve fails; the first eight are kept; the re-run executes 9 to 12 and the plain cells they need,
    no more.
    """
    home = tmp_path / ".cellmill"
    _twelve(tmp_path)
    everything = [f"a{number}" for number in range(1, 13)]

    first = _run(home, everything)

    assert _executed(home, first) == [
        "import os", "factor = 2", *(f"%%asset a{number}" for number in range(1, 10)),
    ]  # fmt: skip
    with Instance.get(home) as instance:
        run = instance.get_run_by_id(first)
        assert run is not None and run.status is RunStatus.FAILURE
        made = [event for event in instance.all_logs(first) if event.type is EventType.ASSET_MATERIALIZATION]
        assert [event.asset_key.to_user_string() for event in made if event.asset_key] == everything[:8]
    (tmp_path / "fixed").touch()

    second = _run(home, everything[8:])

    assert _executed(home, second) == ["import os", "factor = 2", *(f"%%asset a{n}" for n in range(9, 13))]
    with Instance.get(home) as instance:
        run = instance.get_run_by_id(second)
        assert run is not None and run.status is RunStatus.SUCCESS
        for key in everything:
            found = instance.get_latest_materialization_event(AssetKey(key))
            assert found is not None
            assert found.run_id == (first if key in everything[:8] else second)


def test_the_kernel_of_a_failed_cell_is_kept_for_a_look(tmp_path: Path) -> None:
    """With `hold_failed_s` the run has its end at once, and a client finds the names of the failed cell's notebook."""
    (tmp_path / "cellmill.toml").write_text("[kernels]\nhold_failed_s = 120\n")
    (tmp_path / "book.ipynb").write_text(
        json.dumps(notebook_of("%load_ext cellmill", "size = 7", "%%asset a\nsize / 0"))
    )
    home = tmp_path / ".cellmill"
    with Instance.get(home) as instance:
        run = instance.create_run(job_name=ASSET_JOB, asset_selection=frozenset({AssetKey("a")}))
        launched = launch_recorded_run(instance, run.run_id, cwd=tmp_path, arguments=["--workspace", str(tmp_path)])
        while not list((home / "runs" / run.run_id).glob("*.kernel.json")):
            assert launched.wait(0.05) is None
        (file,) = (home / "runs" / run.run_id).glob("*.kernel.json")
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        client.start_channels()
        reply = client.execute_interactive("assert size == 7", timeout=60)
        client.stop_channels()

        assert reply["content"]["status"] == "ok"
        launched.cancel()
        launched.wait(60)
        found = instance.get_run_by_id(run.run_id)
        assert found is not None and found.status is RunStatus.FAILURE
        assert "jupyter console --existing" in next(
            event.message for event in instance.all_logs(run.run_id) if event.type is EventType.RUN_FAILURE
        )
    assert not file.exists()
