"""Progress over several assets: bars and a log line in a front end, plain lines elsewhere."""

from __future__ import annotations

import pytest
from cellmill.execution.notebook.ends import CellResult, End
from cellmill.execution.notebook.journal import ENDING, Journal
from cellmill.planning.run import RunStatus
from cellmill.workspace.run_names import artifacts_of
from cellmill_kernel import progress
from cellmill_kernel.progress import Progress

from .conftest import Notebook


@pytest.fixture
def front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a kernel that a notebook front end talks to."""
    monkeypatch.setattr(progress, "in_front_end", lambda: True)


def test_the_log_line_is_what_the_running_asset_said_last(front_end: None) -> None:
    """Under the bars stands the last line of the asset that is being made, with its name."""
    with Progress(["first", "second"]) as shown:
        shown.start(0)
        assert shown.line == "first …"
        shown.say("reading\nread 10 rows\n")
        shown.say("\n")
        shown.finish(0, 0.1)
        assert shown.line == "first: read 10 rows"
        shown.start(1)
        shown.say("x" * 1000)
        shown.finish(1, 0.1)
    assert shown.line.startswith("second: xxx") and len(shown.line) < 200


def test_one_asset_needs_no_line(front_end: None, capsys: pytest.CaptureFixture[str]) -> None:
    """With one asset its own output is progress enough."""
    with Progress(["only"]) as shown:
        shown.start(0)
        shown.say("text")
        shown.finish(0, 0.1)
    assert shown.line == "" and capsys.readouterr().out == ""


def test_materialize_shows_what_the_cells_print(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    """%materialize of several hands on what each of them prints and logs."""
    nb.ok("%%asset one\nprint('from one')\n1")
    nb.ok("%%asset two\ncontext.log.info('from two')\none + 1")
    lines: list[str] = []
    monkeypatch.setattr(Progress, "say", lambda self, text: lines.append(text))
    nb.ok("%materialize *")
    assert "from one" in "".join(lines) and "from two" in "".join(lines)


def test_the_plain_cells_that_run_first_are_told(nb: Notebook) -> None:
    """A notebook that was just opened: %materialize says which cell it runs before the asset that needs it."""
    nb.save(load="%load_ext cellmill", one="a = 1", two="b = a + 1", x="%%asset x\nb", y="%%asset y\nx + a")
    nb.session.live.file = nb.folder / "book.ipynb"
    nb.session.live.path = "book.ipynb"
    told = nb.ok("%materialize *").printed
    wanted = ["[1/2] x …", "cell 2 first, 1 of 2 that it needs", "cell 3 first, 2 of 2", "[1/2] x ✓", "[2/2] y …"]
    assert sorted(wanted, key=told.index) == wanted


def test_runs_say_how_many_cells_are_done(nb: Notebook) -> None:
    """A run of a whole notebook that is under way says its cells; one that has ended says nothing."""
    instance = nb.session.instance
    going = instance.create_run(job_name="going", status=RunStatus.STARTED)
    ended = instance.create_run(job_name="ended", status=RunStatus.FAILURE)
    cells = [{"cell_type": "code", "id": f"c{at}", "source": "1", "metadata": {}, "outputs": []} for at in range(3)]
    for run in (going, ended):
        with Journal(artifacts_of(instance.home, run.run_id) / f"book{ENDING}") as journal:
            journal.notebook_started({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
            journal.append("cell_started", cell=0)
            journal.cell_ended(CellResult(index=0, end=End.SUCCEEDED, started_at=1.0, ended_at=2.0))
            journal.append("cell_started", cell=1)
    rows = repr(nb.ok("%runs").value).splitlines()
    assert ["book.ipynb: 1 of 3 cells, cell 2 for" in row for row in rows if "STARTED" in row] == [True]
    assert ["book.ipynb" in row for row in rows if "FAILURE" in row] == [False]
