"""Star imports of the workspace's own modules: they bind what the modules' texts show, and no other name."""

from __future__ import annotations

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.workspace import scan_workspace

from .books import book

CELLS = ("from tools import *", "T = 1", "%%asset a\nscale(2)", "%%asset b\norders + 1", "%%asset c\nT")
OTHER = ("%%asset orders\n1",)


def assets(modules: dict[str, str]) -> dict[str, AssetCell]:
    """The assets of a notebook with a star import, beside a notebook that makes `orders`."""
    found = scan_workspace({"n.ipynb": book(*CELLS), "o.ipynb": book(*OTHER)}, modules=modules)
    return {name: found.assets[AssetKey([name])] for name in "abc"}


@pytest.mark.parametrize(
    "modules",
    [
        {"tools": "def scale(x): return x\n_hidden = orders = 1\n__all__ = ['scale']"},
        {"tools": "from more import *", "more": "def scale(x): return x"},
        {"tools": "from math import *\ndef scale(x): return sqrt(x)"},
    ],
    ids=["__all__", "a star behind the star", "a star of the standard library"],
)
def test_what_a_module_of_the_workspace_binds_is_known(modules: dict[str, str]) -> None:
    """The import is needed by what it gives alone; other names are those of assets, and nothing is said of doubt."""
    found = assets(modules)
    assert [found[name].cells for name in "abc"] == [{0}, set(), {1}]
    assert [up.key.to_user_string() for up in found["b"].upstreams] == ["orders"]
    assert not any("may bind any name" in note for one in found.values() for note in one.notes)


@pytest.mark.parametrize(
    "modules",
    [
        {},
        {"tools": "from mystery import *"},
        {"tools": "__all__ = names()\ndef scale(x): return x"},
        {"tools": "def ("},
    ],
    ids=["elsewhere", "a star of elsewhere behind it", "computed __all__", "broken"],
)
def test_what_the_texts_do_not_tell_is_said(modules: dict[str, str]) -> None:
    """The import is executed for names that nothing else binds, and its cell is named with the reason."""
    found = assets(modules)
    assert found["a"].cells == {0} and found["c"].cells == {1}
    assert any("cell 1, line 1 may bind any name" in note for note in found["a"].notes)


def test_a_name_that_the_star_takes_over_is_not_an_asset() -> None:
    """A name that the module binds is the module's, though another notebook makes an asset of that name."""
    found = assets({"tools": "orders = 5\ndef scale(x): return x"})
    assert found["b"].upstreams == () and found["b"].cells == {0}


def test_editing_the_module_changes_the_version() -> None:
    """What comes by a star counts as what comes by its name."""
    before = assets({"tools": "def scale(x): return x"})
    after = assets({"tools": "def scale(x): return x + 1"})
    assert before["a"].code_version != after["a"].code_version
    assert before["c"].code_version == after["c"].code_version
