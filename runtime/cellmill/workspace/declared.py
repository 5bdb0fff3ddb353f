"""Schedules, sensors and jobs of ops that a notebook declares, made by running the cells that they need."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from cellmill.definitions.code_location import Definitions
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.sensor import SensorDefinition
from cellmill.errors import InvalidDefinitionError
from cellmill.notebooks.scan import NotebookScan
from cellmill.notebooks.workspace import WorkspaceScan, link_workspace
from cellmill.workspace.notebook_reading import scan_file

_KINDS: dict[str, Any] = {"schedule": ScheduleDefinition, "sensor": SensorDefinition, "job": JobDefinition}
#: (notebook, content digest, kind, name) -> definition: a host that lives on does not run the cells again.
_MADE: dict[tuple[str, str, str, str], Any] = {}


def declared(root: str, notebook: str, kind: str, name: str) -> Any:
    """Return the definition that a cell of a notebook makes; the cell and those it needs run in this process's shell.

    Raises: whatever the cells raise; InvalidDefinitionError where no cell makes it.
    """
    path = Path(root) / notebook
    scan = scan_file(path, notebook)
    key = (notebook, scan.notebook.digest, kind, name)
    if key not in _MADE:
        linked = link_workspace([scan], python=(sys.version_info[0], sys.version_info[1]))
        os.chdir(path.parent)
        _MADE[key] = _make(linked, scan, kind, name)
    return _MADE[key]


def declared_job(root: str, notebook: str, name: str) -> Definitions:
    """Return a job of ops with the resources that its notebook gives; runs in the worker of a run.

    Raises: as `declared`.
    """
    job = declared(root, notebook, "job", name)
    given = [value for value in InteractiveShell.instance().user_ns.values() if isinstance(value, Definitions)]
    resources = {key: value for one in given for key, value in (one.resources or {}).items()}
    return Definitions(jobs=[job], resources=resources)


def _make(linked: WorkspaceScan, scan: NotebookScan, kind: str, name: str) -> Any:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "cellmill")
    sources = {one.cell.index: one.cell.source for one in scan.cells}
    for index in _needed(linked, scan, kind, name):
        shell.run_cell(sources[index], store_history=False, silent=True).raise_error()
    for value in shell.user_ns.values():
        if isinstance(value, _KINDS[kind]) and value.name == name:
            return value
    raise InvalidDefinitionError(f"No cell of {scan.path} makes the {kind} {name!r} (any more).")


def _needed(linked: WorkspaceScan, scan: NotebookScan, kind: str, name: str) -> Iterable[int]:
    """Return the positions of the cells to run: those that the declaring cell needs, and itself."""
    for cell in linked.others:
        if cell.definition.kind == kind and name in cell.definition.names:
            return [*sorted(cell.cells), cell.origin.cell_index]
    for item in scan.declarations:
        if item.kind == kind and item.name == name:
            assets = {one for d in scan.definitions if d.kind == "asset" for one in d.names}
            return [
                one.cell.index
                for one in scan.cells
                if (one.is_plain or (one.definition is not None and one.definition.kind == "op"))
                and one.cell.index <= item.origin.cell_index
                and not (one.facts.uses.keys() & assets and one.cell.index != item.origin.cell_index)
            ]
    raise InvalidDefinitionError(f"{scan.path} declares no {kind} {name!r} (any more).")
