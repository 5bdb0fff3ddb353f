"""The line magics: what they show, what they make, their help and completion."""

from __future__ import annotations

import pytest
from cellmill_kernel.lineage import Lineage
from cellmill_kernel.magics import LINES

from .conftest import Notebook


@pytest.fixture
def book(nb: Notebook) -> Notebook:
    """Three assets, one after the other."""
    nb.ok("K = 2", "k")
    nb.ok("%%asset a --group raw\n[1, 2, 3]", "a")
    nb.ok('%%asset b --group clean\n"""Doubled."""\n[x * K for x in a]', "b")
    nb.ok("%%asset c\nsum(b)", "c")
    return nb


def test_assets_lists_states(book: Notebook) -> None:
    """%assets lists assets with state and group; a selection narrows it."""
    table = book.ok("%assets").value
    text = repr(table)

    assert [row[0] for row in table.rows] == ["a", "b", "c"]
    assert "● fresh" in text and "raw" in text
    assert [row[0] for row in book.ok("%assets group:clean").value.rows] == ["b"]
    assert "<table>" in table._repr_html_()


def test_asset_shows_one(book: Notebook) -> None:
    """%asset shows description, edges and code."""
    text = repr(book.ok("%asset b").value)

    assert all(part in text for part in ("Doubled.", "upstream", "x * K", "downstream"))


def test_unknown_asset_names_the_nearest(book: Notebook) -> None:
    """A name that is no asset is an error with the nearest."""
    book.ok("%%asset flights\n1")

    assert "Did you mean flights?" in str(book.run("%asset flihgts").error)


def test_why_names_lines(book: Notebook) -> None:
    """%why names the lines through which an asset depends on what."""
    text = repr(book.ok("%why b").value)

    assert "reads a" in text and "K" in text


def test_stale_and_materialize_stale(book: Notebook) -> None:
    """%stale lists what is not fresh with reasons; %materialize --stale makes just that."""
    book.ok("K = 3", "k")
    rows = {row[0]: row[2] for row in book.ok("%stale").value.rows}
    assert rows == {"b": "its code changed", "c": rows["c"]}
    made = book.ok("%materialize * --stale").value

    assert [row[0] for row in made.rows] == ["b", "c"]
    assert book.names["c"] == 18
    assert not book.ok("%stale").value.rows


def test_materialize_upstream(book: Notebook) -> None:
    """*NAME and --upstream make what an asset takes, upstreams first."""
    assert [row[0] for row in book.ok("%materialize *c").value.rows] == ["a", "b", "c"]
    assert [row[0] for row in book.ok("%materialize b --upstream").value.rows] == ["a", "b"]


def test_materialize_in_a_fresh_kernel_runs_plain_cells(nb: Notebook) -> None:
    """%materialize runs the plain cells that an asset needs, first."""
    nb.save(k="K = 4", a="%%asset a\nK", m="%materialize a")
    nb.ok("%materialize a", "m")

    assert nb.names["a"] == 4


def test_load_asset(book: Notebook) -> None:
    """%load_asset binds a stored value, under another name if asked."""
    assert book.ok("%load_asset b --as doubled").value == [2, 4, 6]
    assert book.names["doubled"] == [2, 4, 6]


def test_history_and_diff(book: Notebook) -> None:
    """%history lists materializations, %diff compares the last two."""
    book.ok("%%asset a --group raw\n[1, 2, 3, 4]", "a")

    assert len(book.ok("%history a").value.rows) == 2
    assert "after" in repr(book.ok("%diff a").value)


def test_plain_history_is_ipythons(book: Notebook) -> None:
    """%history without an asset is IPython's own."""
    assert book.run("%history").error is None


def test_runs(book: Notebook) -> None:
    """%runs lists runs with status and assets."""
    rows = book.ok("%runs").value.rows

    assert [row[2] for row in rows] == ["c", "b", "a"]
    assert {row[1] for row in rows} == {"SUCCESS"}


def test_schedule_and_job(book: Notebook) -> None:
    """%schedule and %job check cron and selection, and are listed without arguments."""
    shown = repr(book.ok('%schedule "0 6 * * *" b+', "s").value)
    assert "b, c" in shown and "next" in shown
    assert "a, b, c" in repr(book.ok("%job all = *c").value)
    assert "has 4 fields; write five" in str(book.run('%schedule "0 6 * *" b', "t").error)
    assert "no time zone" in str(book.run('%schedule "0 6 * * *" b --timezone Mars/Base', "t").error)
    book.ok("1", "t")
    assert [row[0] for row in book.ok("%schedule").value.rows] == ["b_schedule"]


def test_lineage_pictures(book: Notebook) -> None:
    """%lineage gives text, SVG, HTML and Mermaid that load nothing."""
    view = book.ok("%lineage --static").value
    assert isinstance(view, Lineage)
    bundle, _ = view._repr_mimebundle_()

    assert "c  ← b" in bundle["text/plain"]
    assert "<svg" in bundle["text/html"] and "http" not in bundle["text/html"].replace("http://www.w3.org", "")
    assert view.to_mermaid().startswith("flowchart LR") and "-->" in view.to_mermaid()
    assert view.to_svg().count("<rect") == 3


def test_lineage_selection(book: Notebook) -> None:
    """%lineage SELECTION shows the selected part."""
    assert book.ok("%lineage +b --static").value.to_svg().count("<rect") == 2


def test_audit(book: Notebook) -> None:
    """%audit names clocks, hidden state and mutated upstreams."""
    book.ok("import datetime, random\n1")
    book.ok("%%asset now\ndatetime.datetime.now().year")
    book.ok("%%asset m\na.append(9)\nlen(a)")
    text = repr(book.ok("%audit").value)

    assert "reads the clock" in text
    assert "changes the asset 'a' in place" in text


def test_status_and_help(book: Notebook) -> None:
    """%cellmill shows the session; help lists every magic."""
    assert "assets here" in repr(book.ok("%cellmill").value)
    text = repr(book.ok("%cellmill help").value)
    assert all(f"%{name}" in text for name in LINES)


@pytest.mark.parametrize("name", sorted(LINES))
def test_every_magic_has_help_with_examples(nb: Notebook, name: str) -> None:
    """Each magic explains itself with examples."""
    assert "Examples" in (nb.shell.find_line_magic(name).__doc__ or "")


@pytest.mark.parametrize("kind", ["asset", "op", "check", "sensor"])
def test_cell_magic_help(nb: Notebook, kind: str) -> None:
    """Cell magics list their options."""
    assert "--" in (nb.shell.find_cell_magic(kind).__doc__ or "")


def test_unknown_option(book: Notebook) -> None:
    """An unknown option of a line magic is an error."""
    assert "has no option --stael" in str(book.run("%materialize b --stael").error)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%%asset x --gr", "--group"), ("%why ", "b"), ("%materialize ", "a"), ("%materialize a --st", "--stale"),
        ("%materialize gro", "group:"), ("%assets group:de", "default"), ("%lineage status:", "stale"),
        ("%materialize ro", "roots("), ("%materialize roots(key:", "b"), ("%job nightly = sin", "sinks("),
    ],
)  # fmt: skip
def test_completion(book: Notebook, line: str, expected: str) -> None:
    """Tab completes options, names of assets, and the fields, values and functions of selections."""
    with_matches = book.shell.complete("", line, len(line)) if line.endswith(" ") else book.shell.complete(None, line)

    assert any(expected in match for match in with_matches[1])


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("tag:team=x", {"one"}), ("kind:sql", {"one"}), ("owner:me@x.io", {"one"}), ("group:g", {"two"}),
        ("tag:team=y", {"three"}), ("status:fresh", {"one"}), ("status:missing", {"two", "three"}),
        ("roots(*)", {"one", "three"}), ("key:t* and not tag:team=y", {"two"}),
    ],
)  # fmt: skip
def test_selections_know_what_assets_say_of_themselves(nb: Notebook, selection: str, expected: set[str]) -> None:
    """Tags, kinds, owners, groups and states select in magics, of cells and of decorated functions."""
    nb.ok("%%asset one --tags team=x --kinds sql --owners me@x.io\n1")
    nb.session.live.record("cell-two", "%%asset two --group g\none + 1")
    nb.ok("from cellmill import asset\n@asset(tags={'team': 'y'})\ndef three():\n    return 3")
    assert {row[0] for row in nb.ok(f"%assets {selection}").value.rows} == expected


def test_settings_are_those_of_config(nb: Notebook) -> None:
    """%config lists and sets what the extension leaves to its users."""
    assert "Cellmill.status_line" in nb.ok("%config Cellmill").printed
    nb.ok("%config Cellmill.status_line = False")
    assert "✓" not in nb.ok("%%asset quiet\n1").printed
    nb.ok("%config Cellmill.verbose = True")
    assert "body.py" in nb.run("%%asset failing\n1 / 0").printed
    assert len([one for one in nb.shell.configurables if type(one).__name__ == "Cellmill"]) == 1


@pytest.mark.parametrize(
    "line", ["%runs --limit x", "%runs 5", "%assets --frob", "%stale x", "%audit frob", "%why a b"]
)
def test_words_that_a_magic_does_not_know_are_refused(book: Notebook, line: str) -> None:
    """A mistyped option or word is an error that says where to look, without a traceback of ours."""
    result = book.run(line)

    assert type(result.error).__name__ == "NotebookError"
    assert "Traceback" not in result.printed


def test_help_lists_cell_magics(nb: Notebook) -> None:
    """%cellmill help has the cell magics too."""
    shown = repr(nb.ok("%cellmill help").value)

    assert all(f"%%{kind} " in shown for kind in ("asset", "op", "check", "sensor"))
