"""Schedules, sensors and jobs of ops that a notebook declares, made by running the cells that they need."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cellmill.definitions.code_location import Definitions
from cellmill.definitions.collected import held_definitions
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.partitioned_schedule import UnresolvedPartitionedSchedule
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.sensor import SensorDefinition
from cellmill.errors import InvalidDefinitionError
from cellmill.notebooks.described import definition_cells
from cellmill.notebooks.scan import NotebookScan
from cellmill.notebooks.workspace import WorkspaceScan, link_workspace
from cellmill.workspace.cell_namespace import cell_namespace
from cellmill.workspace.notebook_objects import resolved_schedule
from cellmill.workspace.notebook_reading import scan_file, second_look

_KINDS: dict[str, tuple[type, ...]] = {
    "schedule": (ScheduleDefinition, UnresolvedPartitionedSchedule),
    "sensor": (SensorDefinition,),
    "job": (JobDefinition,),
}
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
        _MADE[key] = _make(path, scan, kind, name)[0]
    os.chdir(path.parent)  # its function may read files beside the notebook
    return _MADE[key]


def declared_job(root: str, notebook: str, name: str) -> Definitions:
    """Return a job of ops with the resources that its notebook gives; runs in the worker of a run.

    Raises: as `declared`.
    """
    path = Path(root) / notebook
    job, namespace = _make(path, scan_file(path, notebook), "job", name)
    os.chdir(path.parent)
    given = [value for value in namespace.values() if isinstance(value, Definitions)]
    resources = {key: value for one in given for key, value in (one.resources or {}).items()}
    return Definitions(jobs=[job], resources=resources)


def _make(path: Path, scan: NotebookScan, kind: str, name: str) -> tuple[Any, dict[str, Any]]:
    """Return the definition, and the namespace that its cells have."""
    linked = link_workspace([scan], python=(sys.version_info[0], sys.version_info[1]))
    sources = {one.cell.index: one.cell.source for one in scan.cells}
    ran: set[int] = set()
    with cell_namespace(path.parent) as shell:
        for cells in _needed(linked, scan, kind, name):
            for index in cells:
                if index not in ran:
                    shell.run_cell(sources[index], store_history=False, silent=True).raise_error()
                    ran.add(index)
            found = _named(shell.user_ns, kind, name)
            if found is not None:
                is_open = isinstance(found, UnresolvedPartitionedSchedule)
                made = resolved_schedule(found, second_look(path, scan.path, (), {}).assets) if is_open else found
                return made, shell.user_ns
    raise InvalidDefinitionError(f"No cell of {scan.path} makes the {kind} {name!r} (any more).")


def _needed(linked: WorkspaceScan, scan: NotebookScan, kind: str, name: str) -> Iterator[Sequence[int]]:
    """Yield the positions of the cells to run: those that the declaring cell needs, and itself.

    A call that names nothing (`ScheduleDefinition(job=report)`) may be any of those of its kind.
    """
    for cell in linked.others:
        if cell.definition.kind == kind and name in cell.definition.names:
            yield [*sorted(cell.cells), cell.origin.cell_index]
            return
    items = [item for item in scan.declarations if item.kind == kind]
    assets = {one for d in scan.definitions if d.kind == "asset" and d.form != "decorator" for one in d.names}
    for item in sorted(items, key=lambda item: item.name != name):
        yield [
            one.cell.index
            for one in scan.cells
            if (one.is_plain or (one.definition is not None and one.definition.kind == "op"))
            and one.cell.index <= item.origin.cell_index
            and not (one.facts.uses.keys() & assets and one.cell.index != item.origin.cell_index)
        ]
    yield definition_cells(scan)


def _named(namespace: Mapping[str, Any], kind: str, name: str) -> Any:
    """Return the definition of that kind and name that a namespace holds: under a name, in a list, in `Definitions`."""
    kinds = _KINDS[kind]
    for _, value, _ in held_definitions(namespace, (*kinds, Definitions)):
        inside = getattr(value, f"{kind}s") or () if isinstance(value, Definitions) else (value,)
        for one in inside:
            if isinstance(one, kinds) and getattr(one, "name", None) == name:
                return one
    return None
