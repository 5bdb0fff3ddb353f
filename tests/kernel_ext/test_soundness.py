"""Upstream values that a body changes in place are noticed, said, and loaded anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from cellmill_kernel.soundness import changed_names, marks

from .conftest import Notebook


def _assign(value: Any) -> None:
    value["new"] = 1


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (pd.DataFrame({"a": [1, 2]}), _assign),
        (pd.DataFrame({"a": [1, 2]}), lambda v: v.__setitem__("a", [1, 3])),
        (pd.Series([1, 2]), lambda v: v.__setitem__(0, 9)),
        (np.zeros(3), lambda v: v.__setitem__(0, 1)),
        ([1, 2], lambda v: v.append(3)),
        ({"a": 1}, lambda v: v.update(b=2)),
        ({1, 2}, lambda v: v.add(3)),
    ],
)
def test_change_in_place_is_seen(value: Any, change: Any) -> None:
    """The usual changes of the usual types change the mark; reading does not."""
    before = marks({"v": value})
    assert changed_names(before, {"v": value}) == []
    change(value)

    assert changed_names(before, {"v": value}) == ["v"]


def test_mutated_upstream_is_said_and_loaded_anew(nb: Notebook) -> None:
    """A body that changes its upstream is warned about; the next reader gets the stored value."""
    nb.ok("%%asset a\n[1, 2]")
    result = nb.ok("%%asset b\na.append(3)\nlen(a)")

    assert "changed its upstream a in place" in result.printed
    assert nb.ok("%%asset c\nlen(a)").value == 2
    assert "mutation" in repr(nb.ok("%audit").value)
