"""Progress over several assets: bars and a log line in a front end, plain lines elsewhere."""

from __future__ import annotations

import pytest
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
