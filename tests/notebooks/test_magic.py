"""The one parser of headers: magic and comment form, options, errors at their column, completion."""

from __future__ import annotations

import pickle

import pytest
from cellmill.notebooks.magic import complete, parse_cell, parse_declaration, parse_line, split_header
from cellmill.notebooks.options import GRAMMARS, help_text
from cellmill.notebooks.problem import CellMagicError, NotebookError
from hypothesis import given
from hypothesis import strategies as st

ACCEPTED = [
    ("%%asset a", ("a",), {}),
    ("%%asset", (), {}),
    ("%%asset raw/flights --group g", ("raw/flights",), {"group_name": "g"}),
    ("%%asset a b", ("a", "b"), {}),
    ("%%asset a --group-name g", ("a",), {"group_name": "g"}),
    ("%%asset a --group_name=g", ("a",), {"group_name": "g"}),
    ('%%asset a --description "two words"', ("a",), {"description": "two words"}),
    ("%%asset a --deps x,y --deps z", ("a",), {"deps": ("x", "y", "z")}),
    ("%%asset a --ins df=raw/flights", ("a",), {"ins": {"df": "raw/flights"}}),
    ('%%asset a --check "len(a) > 0" --check "a.x.any()"', ("a",), {"check": ("len(a) > 0", "a.x.any()")}),
    ("%%asset a --check='a[\"x\"] > 1'", ("a",), {"check": ('a["x"] > 1',)}),
    ("%%asset a --partitions daily:2013-01-01", ("a",), {"partitions_def": "daily:2013-01-01"}),
    ("%%asset a --no-infer --optional", ("a",), {"infer": False, "output_required": False}),
    ("%%asset a --retries 3 --retry-delay 1.5", ("a",), {"max_retries": 3, "retry_delay": 1.5}),
    ("%%asset a --tags team=air,tier=1", ("a",), {"tags": {"team": "air", "tier": "1"}}),
    ('%%asset a --config \'{"n": "int"}\'', ("a",), {"config_schema": {"n": "int"}}),
    ("%%op clean --out train,test", ("clean",), {"out": ("train", "test")}),
    ("%%check positive --asset a --blocking --severity WARN", ("positive",),
     {"asset": "a", "blocking": True, "severity": "WARN"}),
    ("%%sensor s --job nightly --interval 30", ("s",), {"job_name": "nightly", "minimum_interval_seconds": 30}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "names", "options"), ACCEPTED)
def test_header_is_read(line: str, names: tuple[str, ...], options: dict[str, object]) -> None:
    """A header gives names and options under the decorator's own argument names."""
    header = parse_cell(line + "\nbody")

    assert header is not None
    assert (header.names, dict(header.options)) == (names, options)


@pytest.mark.parametrize("line", [line for line, _, _ in ACCEPTED])
@pytest.mark.parametrize("prefix", ["#| ", "# | ", "#|"])
def test_comment_form_is_equal(line: str, prefix: str) -> None:
    """`#| asset …` and black's `# | asset …` mean what the magic means."""
    magic, comment = parse_cell(line + "\nx"), parse_cell(prefix + line[2:] + "\nx")

    assert magic is not None and comment is not None
    assert (magic.kind, magic.names, magic.options) == (comment.kind, comment.names, comment.options)


def test_header_over_several_lines() -> None:
    """A header goes on over further `#|` lines, which are no part of the body."""
    header = parse_cell("#| asset a\n#| --group g\n# | --deps b\nbody")

    assert header is not None
    assert (header.options, header.lines) == ({"group_name": "g", "deps": ("b",)}, 3)


@pytest.mark.parametrize(
    "source", ["x = 1", "# asset a", "%%time\nx", "#| echo: false", "", "%asset a", "%%assets a", "#! asset"]
)
def test_other_cells_have_no_header(source: str) -> None:
    """A plain cell, another magic and quarto's options are no header."""
    assert parse_cell(source) is None


REFUSED = [
    ("%%asset a --gruop x", 10, "Did you mean --group?"),
    ("%%asset a --partition daily", 10, "Did you mean --partitions?"),
    ("%%asset a --group", 10, "Give it one"),
    ("%%asset a --group --deps b", 10, "Give it one"),
    ("%%asset 3x", 8, "A name is a Python identifier"),
    ("%%asset group=3", 8, "Did you mean --group=3?"),
    ("%%asset a --no-infer=1", 10, "Write just --no-infer"),
    ('%%asset a --check "x', 18, "Close the quote"),
    ("%%asset a --retries many", 20, "Give a number"),
    ("%%asset a --ins df", 16, "For example --ins df=raw/flights"),
    ("%%asset a --group x --group y", 20, "Keep one of them"),
    ("%%asset a --retry-backoff expo", 26, "Did you mean exponential?"),
    ("%%asset a -g", 10, "two dashes"),
    ("%%op a b", 5, "options behind the name"),
    ("%%check c --severity BAD", 21, "Choose one of"),
    ("%%asset a --config {", 19, "E.g."),
]


@pytest.mark.parametrize(("line", "column", "remedy"), REFUSED)
def test_mistake_is_pointed_at(line: str, column: int, remedy: str) -> None:
    """A mistake is an error at its column that names the nearest option or the remedy."""
    with pytest.raises(CellMagicError) as caught:
        parse_cell(line, notebook="n.ipynb", cell=2)

    assert caught.value.column == column
    assert remedy in str(caught.value)
    assert str(caught.value).startswith("n.ipynb, cell 3, line 1")


def test_error_survives_pickle() -> None:
    """Errors of this room keep their fields through pickle."""
    error = NotebookError("bad", notebook="n", cell=1, line=2, column=3, remedy="r", source="s")
    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.cell, again.column) == (str(error), 1, 3)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('%schedule "*/5 * * * *" daily_delays', ("*/5 * * * *", "daily_delays")),
        ("%schedule */5 * * * * daily_delays+", ("*/5 * * * *", "daily_delays+")),
        ("%schedule @daily group:flights --name n", ("@daily", "group:flights")),
        ("%job nightly = group:flights", ("nightly", "group:flights")),
        ("%job nightly=a b", ("nightly", "a b")),
        ("%job nightly a+", ("nightly", "a+")),
    ],
)
def test_declaration_lines(line: str, names: tuple[str, ...]) -> None:
    """%schedule and %job lines give a cron line or name, and a selection."""
    assert parse_declaration(line).names == names


@pytest.mark.parametrize("line", ["%schedule", '%schedule "0 6 * * *"', "%job", "%job a", "%job a ="])
def test_incomplete_declaration(line: str) -> None:
    """A declaration without a selection is an error with an example."""
    with pytest.raises(CellMagicError, match="Write it as"):
        parse_declaration(line)


def test_completion_of_options_names_and_choices() -> None:
    """Tab completes options, values with choices, and asset names behind --deps."""
    assert "--group" in complete("a --gr", "asset")
    assert "--group" not in complete("a --group g --gr", "asset")
    assert complete("a --retry-backoff ", "asset") == ["linear", "exponential"]
    assert complete("a --deps fl", "asset", ("flights", "planes")) == ["flights"]


@pytest.mark.parametrize("kind", sorted(GRAMMARS))
def test_help_lists_every_option(kind: str) -> None:
    """The help of a magic lists all its options and has examples."""
    text = help_text(kind)

    assert all(option.flag in text for option in GRAMMARS[kind])
    assert "Example" in text


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever stands behind %%asset is read or refused with a typed error."""
    try:
        header = parse_line("asset", text.replace("\n", " "))
    except CellMagicError:
        return
    assert header.kind == "asset"


@given(st.text(max_size=200))
def test_any_cell_can_be_split(source: str) -> None:
    """Looking for a header never raises."""
    split_header(source)
