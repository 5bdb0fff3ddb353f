"""Any text whatsoever, in bounded time: an answer or one of our typed errors, never anything else."""

from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
from cellmill.definitions.config.process import validate_config
from cellmill.definitions.cron import parse_cron
from cellmill.definitions.selection import AssetSelection
from cellmill.errors import CellmillError
from cellmill.notebooks.magic import parse_cell, parse_declaration
from cellmill.notebooks.problem import NotebookError
from cellmill.notebooks.scan import scan_notebook
from hypothesis import given, settings

from tests.fuzzing import examples

pytestmark = pytest.mark.security
fuzz = settings(max_examples=examples(150))

WORDS = st.sampled_from(
    """%%asset %%op %%check %schedule %job #| --partitions daily:2013-01-01 --deps a,b x key: group: tag: and or not ( )
    * + ++ " ' \\ = == @daily -- sinks( roots( { } [ ] é def lambda import df['x'] async yield 0 6 * *""".split()
    + ["\n", "\x00", "\ud800", "def f(:", "import os"]
)
TEXT = st.one_of(
    st.text(max_size=60), st.lists(WORDS, max_size=12).map(" ".join), st.lists(WORDS, max_size=12).map("".join)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@fuzz
@given(st.one_of(JSON.map(json.dumps), TEXT, st.binary(max_size=60)))
def test_any_file_is_a_notebook_or_refused(text: str | bytes) -> None:
    """Garbage in the place of a notebook is a problem with a name."""
    try:
        scan_notebook(text, "x.ipynb")
    except NotebookError as error:
        assert str(error)


@fuzz
@given(st.lists(TEXT, max_size=4))
def test_any_cells_can_be_read(sources: list[str]) -> None:
    """Whatever stands in cells, the scan answers; what is wrong is among its problems."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for n, text in enumerate(sources)
    ]
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    try:
        found = scan_notebook(json.dumps(document), "x.ipynb")
    except NotebookError as error:
        assert str(error)
    else:
        assert len(found.cells) <= len(cells)


@fuzz
@given(TEXT)
def test_any_magic_line(text: str) -> None:
    """A line is understood or refused with a message that shows it."""
    for line in (text, "%%asset " + text, "%schedule " + text, "%job " + text):
        try:
            parse_cell(line)
        except NotebookError as error:
            assert str(error)
        try:
            parse_declaration(line)
        except NotebookError as error:
            assert str(error)


@fuzz
@given(TEXT)
def test_any_selection(text: str) -> None:
    """A selection is parsed or refused; nothing in it is executed."""
    try:
        AssetSelection.from_string(text)
    except CellmillError as error:
        assert str(error)


@fuzz
@given(
    st.one_of(
        TEXT,
        st.lists(st.sampled_from(["*", "*/5", "1-5", "L", "60", "-1", "1,2", "MON", "*/0", "?"]), max_size=7).map(
            " ".join
        ),
    )
)
def test_any_cron(text: str) -> None:
    """A cron is parsed or refused; what is parsed has a next time soon."""
    try:
        parse_cron(text)
    except CellmillError as error:
        assert str(error)


@fuzz
@given(JSON)
def test_any_config(value: object) -> None:
    """Config of any shape gets a verdict."""
    schema = {"name": str, "sizes": [int], "inner": {"on": bool}}
    assert validate_config(schema, value) is not None
