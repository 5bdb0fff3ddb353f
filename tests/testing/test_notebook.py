"""Cells of a notebook called as functions."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from cellmill.errors import InvalidInvocationError
from cellmill.notebooks.problem import NotebookError
from cellmill.testing import NotebookUnderTest, build_asset_context, load_notebook, materialize_to_memory
from cellmill.testing.workspace import TemporaryWorkspace

CELLS = (
    "import math\nLIMIT = 10",
    "def big(numbers):\n    return [n for n in numbers if n > LIMIT]",
    '%%asset numbers --check "len(numbers) == 3"\n"""The numbers."""\n[5, 15, 25]',
    "%%asset large\nbig(numbers)",
    "top = numbers[-1]",
    "%%asset peak\npeak = top + 1\nunused = 0",
    "%%asset low high\nlow, high = min(numbers), max(numbers)",
    "%%asset day --partitions daily:2024-01-01\ncontext.partition_key",
    '%%check any_large --asset large --severity WARN\n"""There are some."""\nlen(large) > 0',
    "%%op scaled\nfactor * math.floor(number)",
    "%%asset shop/sold\nawaited = 1\nsum(numbers) + awaited",
    "from cellmill import asset\n\n@asset\ndef decorated(numbers):\n    return len(numbers)",
    "LIMIT = 20",
    "%%asset later\nbig(numbers)",
)


@pytest.fixture
def notebook(tmp_path: Path) -> NotebookUnderTest:
    """The notebook of these tests."""
    return load_notebook(TemporaryWorkspace(tmp_path).notebook("book", *CELLS))


def test_cells_are_functions(notebook: NotebookUnderTest) -> None:
    """An asset cell is called with its upstreams, by position or name, and gives its value."""
    assert [5, 15, 25] == notebook.assets.numbers()
    assert [11] == notebook.assets.large([1, 11]) == notebook.assets.large(numbers=[1, 11])
    assert 4 == notebook.assets.peak(numbers=[1, 3])
    assert (1, 3) == notebook.assets.low([1, 2, 3])
    assert 4 == notebook.assets["shop/sold"](numbers=[1, 2])
    assert 2 == notebook.assets.decorated(numbers=[1, 2])
    assert "The numbers." == notebook.assets.numbers.__doc__


def test_plain_names_are_those_above_the_cell(notebook: NotebookUnderTest) -> None:
    """A constant that is bound again counts from there on, and a test may give its own."""
    assert [] == notebook.assets.later([15])
    assert [15] == notebook.assets.large([15])
    assert [15] == notebook.assets.later([15], LIMIT=10)
    assert 20 == notebook.namespace()["LIMIT"]


def test_context_checks_and_ops(notebook: NotebookUnderTest) -> None:
    """`context` is given or made; checks give their result; an op's inputs are the names that nothing binds."""
    assert "2024-02-03" == notebook.assets.day(build_asset_context(partition_key="2024-02-03"))
    assert "2024-02-03" == notebook.assets.day(context=build_asset_context(partition_key="2024-02-03"))
    found = notebook.checks.any_large(large=[])
    assert (False, "WARN") == (found.passed, found.severity.value)
    assert notebook.checks.any_large([1]).passed
    assert notebook.assets.numbers.run_check("check_1", [1, 2, 3]).passed
    assert 6 == notebook.ops.scaled(factor=2, number=3.5)


def test_mistakes_say_what_to_do(notebook: NotebookUnderTest) -> None:
    """A missing value, an unknown one and an unknown cell are named with the nearest right one."""
    with pytest.raises(InvalidInvocationError, match=r"call it with large\(numbers=…\)"):
        notebook.assets.large()
    with pytest.raises(InvalidInvocationError, match="did you mean 'numbers'"):
        notebook.assets.large(number=[1])
    with pytest.raises(InvalidInvocationError, match="takes 1 values"):
        notebook.assets.large([1], [2])
    with pytest.raises(AttributeError, match="Did you mean 'large'"):
        notebook.assets.larg  # noqa: B018
    with pytest.raises(InvalidInvocationError, match="There is no notebook"):
        load_notebook("gone.ipynb")
    assert {"numbers", "large", "low", "high"} <= set(dir(notebook.assets))


def test_a_traceback_shows_the_cell(notebook: NotebookUnderTest) -> None:
    """The frame of a failing cell has the notebook's path, a line of its file, and the source as written."""
    with pytest.raises(TypeError) as failure:
        notebook.assets.large(numbers=3)
    last = traceback.extract_tb(failure.value.__traceback__)[-1]
    text = Path(last.filename).read_text().splitlines()[(last.lineno or 0) - 1]

    assert last.filename.endswith("book.ipynb")
    assert "return [n for n in numbers if n > LIMIT]" == last.line
    assert "for n in numbers" in text


def test_definitions_of_a_notebook(notebook: NotebookUnderTest) -> None:
    """The same assets run together in memory."""
    names = [{"numbers"}, {"peak"}]
    made = [a for a in notebook.definitions.assets or () if {key.parts[-1] for key in a.keys} in names]
    assert 26 == materialize_to_memory(made).asset_value("peak")


def test_a_broken_notebook_is_said(tmp_path: Path) -> None:
    """Nothing is called where a cell cannot be read."""
    path = TemporaryWorkspace(tmp_path).notebook("bad", "%%asset a\n1 +")
    with pytest.raises(NotebookError, match="bad.ipynb, cell 2"):
        load_notebook(path)
