"""What cells really read and bind, against what the analyser says; `tests/benchmarks/truth.py` takes a large corpus."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.benchmarks.truth import CORPUS, compare, records_of

BOOKS = sorted((Path(__file__).parents[1] / "data" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("book", BOOKS, ids=lambda path: path.stem)
def test_nothing_that_runs_is_missed(book: Path, tmp_path: Path) -> None:
    """Every name that a cell reads is in its slice, every name that it binds is known, and hardly one is invented."""
    # notebooks write beside themselves
    book = Path(shutil.copy(book, tmp_path))
    records = records_of(book, 60, sys.executable)

    counts, words = compare(book, records)

    assert [record["failed"] for record in records if record["failed"]] == []
    assert len(records) == len(json.loads(book.read_text(encoding="utf-8"))["cells"])
    assert (counts["missed reads"], counts["missed writes"], counts["unknown"]) == (0, 0, 0), words
    assert counts["unseen"] <= 0.05 * counts["static"], words
    assert counts["reads"] >= 20


def test_a_read_that_the_text_hides_is_reported(tmp_path: Path) -> None:
    """The comparison has teeth: a name that comes in through a frame is reported as missed."""
    cells = ["secret = 1\nimport sys", "getattr(sys, '_getframe')(0).f_globals[''.join(['sec', 'ret'])]"]
    book = tmp_path / "hidden.ipynb"
    book.write_text(
        json.dumps({
            "cells": [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": s} for n, s in enumerate(cells)],
            "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
        }),
        encoding="utf-8",
    )  # fmt: skip

    counts, words = compare(book, records_of(book, 60, sys.executable))

    assert counts["missed reads"] == 1
    assert "read 'secret' of cell 1" in words[0]


def test_the_corpus_names_requirements() -> None:
    """The list that `--fetch` downloads holds one pinned distribution a line."""
    lines = [line for line in CORPUS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]

    assert len(lines) >= 10
    assert all(line.count("==") == 1 for line in lines)
