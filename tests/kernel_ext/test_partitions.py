"""Partitions in a notebook: what goes into a cell, which partitions are stale, and making just those."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Notebook

PARTS = "--partitions static:x,y"


@pytest.fixture
def book(nb: Notebook) -> Notebook:
    """A partitioned asset, one made of it partition by partition, and one made of all its partitions."""
    nb.ok("K = 2", "k")
    nb.save(
        k="K = 2",
        a=f"%%asset a {PARTS}\ncontext.partition_key * K",
        b=f"%%asset b {PARTS}\na[:1]",
        c='%%asset c\n" ".join(b.values())',
    )
    nb.session.live.file = nb.folder / "book.ipynb"
    return nb


def made(book: Notebook, line: str) -> list[str]:
    """The assets that a line makes, in order."""
    value: Any = book.ok(line).value
    return [] if value is None else [row[0] for row in value.rows]


def test_stale_partitions_are_made_upstreams_first(book: Notebook) -> None:
    """`--stale` makes the partitions that are missing or stale, and what reads them; equal results end it."""
    assert made(book, "%materialize a --partition x") == ["a"]
    assert made(book, "%materialize * --stale") == ["a", "b", "b", "c"]
    assert book.session.load_value(book.session.key_of("c")) == "x y"
    assert made(book, "%materialize * --stale") == []
    book.ok("K = 3", "k")
    rows = {row[0]: row[2] for row in book.ok("%stale").value.rows}
    assert rows == {
        "a": "its code changed: partitions x, y",
        "b": "a is stale: partitions x, y",
        "c": "b is stale",
    }
    assert made(book, "%materialize a --stale --partition x") == ["a"]
    text = repr(book.ok("%why a").value)
    assert "Stale partitions" in text and "y" in text and "its code changed" in text
    rows = {row[0]: row[2] for row in book.ok("%stale").value.rows}
    assert rows["b"] == "a has newer data: partition x; a is stale: partition y"


def test_a_cell_reads_the_partitions_that_its_mapping_says(book: Notebook) -> None:
    """Without partitions of its own it reads all of them by key, with `last` the last one."""
    made(book, "%materialize a --stale")
    book.ok("%%asset whole\nsorted(a)", "w")
    book.ok("%%asset newest --partition-mapping a=last\na", "n")

    assert book.names["whole"] == ["x", "y"]
    assert book.names["newest"] == "yy"


def test_missing_partitions_are_counted(book: Notebook) -> None:
    """%why tells how many partitions were never made."""
    made(book, "%materialize a --partition x")

    assert "1 of 2 partitions were never made." in repr(book.ok("%why a").value)


def test_every_run_of_a_non_deterministic_asset_is_a_new_version(nb: Notebook) -> None:
    """What reads it is stale after each run, equal values or not."""
    nb.ok("%%asset draw --non-deterministic\n1", "d")
    nb.ok("%%asset seen\ndraw", "s")
    nb.ok("%%asset draw --non-deterministic\n1", "d")

    assert [row[::2] for row in nb.ok("%stale").value.rows] == [("seen", "draw has newer data")]
