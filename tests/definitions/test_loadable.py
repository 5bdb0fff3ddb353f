"""Checks of a code location at load."""

from __future__ import annotations

import cellmill as cm
import pytest
from cellmill.definitions.inference import describe_place
from cellmill.notebooks.definition import assets_definition
from cellmill.notebooks.workspace import scan_workspace

from tests.notebooks.books import book


def test_missing_resources_are_named_with_place_and_nearest_name() -> None:
    """The message says where the definition is written, a notebook's cell or a line of a file, and what is like it."""

    @cm.asset(required_resource_keys={"dbb"})
    def table() -> None: ...

    with pytest.raises(cm.InvalidDefinitionError, match=r"Did you mean 'db'\?.*test_loadable\.py:\d+\)"):
        cm.Definitions.validate_loadable(cm.Definitions([table], resources={"db": 1}))


def test_definitions_of_cells_are_named_by_notebook_cell_and_line() -> None:
    """What a cell makes says where the cell stands, and so do messages about it."""
    scan = scan_workspace({"a.ipynb": book("import numpy", "%%asset table\n1")})
    made = assets_definition(scan.assets[cm.AssetKey("table")])

    assert describe_place(made.__wrapped__) == "a.ipynb, cell 2, line 1"
    with pytest.raises(cm.InvalidDefinitionError, match=r"defined twice, at a\.ipynb, cell 2, line 1 and .*\.py:"):

        @cm.asset(name="table")
        def other() -> None: ...

        cm.Definitions.validate_loadable(cm.Definitions([made, other]))
