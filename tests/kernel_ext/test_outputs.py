"""What an asset cell shows is kept with its materialization when it runs by hand."""

from __future__ import annotations

import json
import sys

from .conftest import Notebook


def latest(nb: Notebook) -> str:
    """What the latest run of an asset kept."""
    record = nb.session.instance.get_run_records(limit=1)[0]
    found = list((nb.folder / ".cellmill" / "runs" / record.run_id).glob("*.ipynb"))
    return found[0].read_text() if found else ""


def test_what_a_cell_prints_is_kept(nb: Notebook) -> None:
    """The executed notebook of the cell's run holds its source, its id and its outputs, without the status line."""
    nb.ok("%%asset a\nprint('to be kept')\n1", "one")
    cell = json.loads(latest(nb))["cells"][0]

    assert cell["id"] == "one" and "".join(cell["source"]).startswith("%%asset a")
    text = "".join(cell["outputs"][0]["text"])
    assert "to be kept" in text and "✓ a" not in text


def test_history_shows_it_again(nb: Notebook) -> None:
    """%history NAME --outputs shows what the cell showed at the latest materialization."""
    nb.ok("%%asset a\nprint('first')\n1", "one")
    nb.ok("%materialize a")
    nb.ok("print('between')")

    assert "first" in nb.ok("%history a --outputs").printed


def test_a_failed_cell_keeps_its_error(nb: Notebook) -> None:
    """What a failing cell printed, and its error, are there for whoever looks at the run."""
    nb.run("%%asset a\nprint('before')\n1 / 0", "one")
    outputs = json.loads(latest(nb))["cells"][0]["outputs"]

    text = "".join("".join(output["text"]) for output in outputs)
    assert text.startswith("before") and "ZeroDivisionError" in text


def test_what_a_check_shows_is_kept(nb: Notebook) -> None:
    """A check that is run by hand keeps what it printed with its run."""
    nb.ok("%%asset a\na = 1", "one")
    nb.ok("%%check good --asset a\nprint('looked at', a)\na == 1", "two")
    cell = json.loads(latest(nb))["cells"][0]

    assert cell["id"] == "two" and "looked at" in str(cell["outputs"])


def test_nothing_shown_keeps_nothing(nb: Notebook) -> None:
    """A silent cell leaves no file, and %history says so."""
    nb.ok("%%asset a\na = 1", "one")

    assert latest(nb) == ""
    assert "Nothing is kept" in repr(nb.ok("%history a --outputs").value)


def test_printing_is_back_to_what_it_was(nb: Notebook) -> None:
    """After the cell nothing of ours listens any more, also when it failed."""
    nb.run("%%asset a\n1 / 0", "one")

    assert "write" not in vars(sys.stdout)
    assert nb.ok("print('plain')").printed == "plain\n"
