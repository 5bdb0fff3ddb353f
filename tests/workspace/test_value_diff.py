"""Differences of values in words that fit their type."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from cellmill.workspace.value_diff import diff_values
from matplotlib.figure import Figure
from PIL import Image

matplotlib.use("agg")


def texts(before: Any, after: Any, tolerance: float = 0.0) -> list[str]:
    """Return the differences as text."""
    return [str(difference) for difference in diff_values(before, after, tolerance)]


def drawn(height: float) -> Figure:
    """Return a bar of this height."""
    figure = Figure(figsize=(1, 1))
    figure.subplots().bar([0], [height])
    return figure


def png(value: int, size: int = 4) -> bytes:
    """Return a grey picture as the bytes of a file."""
    out = BytesIO()
    Image.fromarray(np.full((size, size), value, dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (1, 1.0, []),
        (1, 2, ["1 -> 2"]),
        (1, "1", ["type: int -> str"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["['a'][1]: 2 -> 3"]),
        (np.arange(3), np.arange(4), ["shape: (3,) -> (4,)"]),
        ("one\ntwo", "one\nthree", ["two -> removed", "added -> three"]),
        (png(1), png(1), []),
        (png(1), png(2), ["changed pixels: 0 % -> 100.00%"]),
        (png(1), png(1, size=5), ["size: 4 x 4 pixels -> 5 x 5 pixels"]),
        (drawn(1), drawn(1), []),
    ],
)
def test_differences(before: Any, after: Any, found: list[str]) -> None:
    """Equal values have none; others say where and what."""
    assert texts(before, after) == found


def test_pictures_that_differ() -> None:
    """Two drawings differ by a share of their pixels, within a tolerance or not."""
    high = Figure(figsize=(1, 1))
    high.subplots().bar([0], [1], color="red")
    (difference,) = texts(drawn(1), high)

    assert difference.startswith("changed pixels")
    assert texts(drawn(1), high, tolerance=1.0) == []


def test_tables() -> None:
    """Schema, rows and distributions of a table are compared."""
    before = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]})
    after = pd.DataFrame({"x": [1.0, 5.0], "z": ["a", "b"]})
    found = texts(before, after)

    assert "column y: object -> removed" in " ".join(found) or "column y: str -> removed" in " ".join(found)
    assert "column x, changed rows: 0 -> 1" in found and "column x, max: 2.0 -> 5.0" in found
