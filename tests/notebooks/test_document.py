"""Notebooks are read defensively: every version, every breakage, a typed error with the line."""

from __future__ import annotations

import json

import pytest
from cellmill.notebooks.document import read_notebook
from cellmill.notebooks.problem import NotebookFormatError
from hypothesis import given
from hypothesis import strategies as st

from .books import book


def test_cells_in_order() -> None:
    """Cells keep id, order, kind and source."""
    notebook = read_notebook(book("a = 1", "md:# text", "b"), "n.ipynb")

    assert [(cell.id, cell.index, cell.kind, cell.source) for cell in notebook.cells] == [
        ("cell-0", 0, "code", "a = 1"),
        ("cell-1", 1, "markdown", "# text"),
        ("cell-2", 2, "code", "b"),
    ]


def test_source_as_list_of_lines() -> None:
    """A source given as lines is joined."""
    text = json.dumps({"cells": [{"cell_type": "code", "source": ["a\n", "b"]}]})

    assert read_notebook(text).cells[0].source == "a\nb"


def test_cells_without_ids() -> None:
    """A cell without an id gets one from its source, equal after moving, distinct for equal cells."""
    cells = [{"cell_type": "code", "source": source} for source in ("a", "b", "a")]
    first = read_notebook(json.dumps({"cells": cells}))
    moved = read_notebook(json.dumps({"cells": cells[1:2] + cells[:1]}))

    assert len({cell.id for cell in first.cells}) == 3
    assert {cell.source: cell.id for cell in moved.cells} == {"a": first.cells[0].id, "b": first.cells[1].id}


def test_duplicate_ids_are_told_apart() -> None:
    """Two cells of one id stay two cells."""
    cells = [{"cell_type": "code", "id": "x", "source": "a"}] * 2

    assert [cell.id for cell in read_notebook(json.dumps({"cells": cells})).cells] == ["x", "x-2"]


def test_nbformat_3() -> None:
    """Worksheets of nbformat 3 are read."""
    text = json.dumps(
        {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"], "language": "python"}]}]}
    )
    notebook = read_notebook(text)

    assert (notebook.cells[0].source, notebook.is_python) == ("x = 1", True)


@pytest.mark.parametrize(("metadata", "python"), [
    ({"kernelspec": {"name": "ir", "language": "R"}}, False),
    ({"language_info": {"name": "julia"}}, False),
    ({"kernelspec": {"name": "python3", "language": "python"}}, True),
    ({"kernelspec": None, "language_info": []}, True),
    ({}, True),
])  # fmt: skip
def test_language(metadata: dict[str, object], python: bool) -> None:
    """The language comes from the metadata, Python where nothing says."""
    assert read_notebook(book("x", **metadata)).is_python is python


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("{", "not valid JSON"),
        ("[]", "no JSON object"),
        ("{}", "no list of cells"),
        ('{"cells": [1]}', "a cell is int"),
        ('{"cells": [\n<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> b\n]}', "merge markers"),
        (b"\xff\xfe", "not UTF-8"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_broken_files(text: str | bytes, words: str) -> None:
    """What is no notebook is a typed error that names the file and says what to do."""
    with pytest.raises(NotebookFormatError, match=words) as caught:
        read_notebook(text, "n.ipynb")

    assert str(caught.value).startswith("n.ipynb")
    assert caught.value.remedy


def test_merge_marker_line() -> None:
    """The error of an unresolved merge names its line."""
    with pytest.raises(NotebookFormatError) as caught:
        read_notebook('{"cells": [\n<<<<<<< HEAD\n', "n.ipynb")

    assert caught.value.line == 2


def test_byte_order_mark() -> None:
    """A byte order mark does no harm."""
    assert read_notebook("\ufeff" + book("x")).cells[0].source == "x"
    assert read_notebook(b"\xef\xbb\xbf" + book("x").encode()).cells[0].source == "x"


PERCENT = """# ---
# jupyter: x
# ---

# %% [markdown]
# Some text

# %%
import a

# %% title
# %%asset flights --group g
read()

# %%
# !ls
# %matplotlib inline
x = 1
"""


def test_percent_format() -> None:
    """A percent-format file gives cells with their lines; commented magics come back."""
    notebook = read_notebook(PERCENT, "n.py")

    assert [(cell.kind, cell.source, cell.line) for cell in notebook.cells] == [
        ("markdown", "Some text", 6),
        ("code", "import a", 9),
        ("code", "%%asset flights --group g\nread()", 12),
        ("code", "!ls\n%matplotlib inline\nx = 1", 16),
    ]


@given(st.text(max_size=300))
def test_any_text_is_a_notebook_or_a_typed_error(text: str) -> None:
    """No text crashes the reader."""
    for path in ("n.ipynb", "n.py"):
        try:
            read_notebook(text, path)
        except NotebookFormatError:
            pass
