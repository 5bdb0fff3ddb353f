"""Values that hold functions: what they call later is a dependency of who uses them."""

from __future__ import annotations

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.workspace import scan_workspace

from .books import book


def slice_lines(*cells: str) -> set[int]:
    """The plain cells (from 1) that the asset of the last cell needs."""
    found = scan_workspace({"n.ipynb": book(*cells)})
    return {cell + 1 for cell, _, _ in found.assets[AssetKey(["made"])].slice}


STEP = "def step(x):\n    return x * RATE"


@pytest.mark.parametrize(
    ("cells", "needed"),
    [
        (("RATE = 1", STEP, "model = Model(step)", "RATE = 2", "%%asset made\nmodel.run()"), {1, 2, 3, 4}),
        (("RATE = 1", STEP, "kept = {'a': [step]}", "RATE = 2", "%%asset made\nkept['a'][0](1)"), {1, 2, 3, 4}),
        (("RATE = 1", STEP, "total = sorted([3, 1], key=step)", "RATE = 2", "%%asset made\ntotal"), {1, 2, 3}),
        (
            (
                "class Base:\n    def rate(self):\n        return RATE",
                "class Own(Base):\n    pass",
                "own = Own()",
                "RATE = 2",
                "%%asset made\nown.rate()",
            ),
            {1, 2, 3, 4},
        ),
        (("RATE = 1", "%%op doubled\nRATE * 2", "%%asset made\ndoubled()"), {1, 2}),
    ],
    ids=["given to a call", "in a display", "called at once", "inherited", "an op's name"],
)
def test_what_is_called_later_is_needed(cells: tuple[str, ...], needed: set[int]) -> None:
    """The slice of a value that calls functions holds the names that they read when it is used."""
    assert slice_lines(*cells) == needed


def test_a_loaded_asset_is_bound_and_read() -> None:
    """`%load_asset NAME --as variable` reads the asset and binds the variable."""
    found = scan_workspace({"n.ipynb": book("%%asset raw\n1", "%load_asset raw --as df", "%%asset made\ndf + 1")})

    assert [up.key for up in found.assets[AssetKey(["made"])].upstreams] == [AssetKey(["raw"])]
