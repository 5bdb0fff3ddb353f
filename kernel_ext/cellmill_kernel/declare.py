"""A notebook's sensor or schedule as a definition, made by executing only the statements that it needs.

This is what a location's host calls when the daemon asks it to evaluate a function that a cell declares.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from cellmill.definitions.sensor import SensorDefinition, sensor
from cellmill.notebooks.asset_cell import CellDefinition, own_uses
from cellmill.notebooks.facts import Use
from cellmill.notebooks.link import Linker
from cellmill.notebooks.scan import NotebookScan
from cellmill.workspace.notebook_reading import scan_file

from .body import BodyResult, compile_body


def declared(root: str, notebook: str, kind: str, name: str) -> Any:
    """The schedule or sensor of that name in a notebook; None where the notebook has none (any more)."""
    path = Path(root) / notebook
    stat = path.stat()
    return _declared(str(path), notebook, kind, name, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=256)
def _declared(path: str, notebook: str, kind: str, name: str, stamp: tuple[int, int]) -> Any:
    scan = scan_file(Path(path), notebook)
    linker = scan.linker()
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    for definition in scan.definitions:
        if definition.kind == kind == "sensor" and name in definition.names:
            return _sensor_cell(scan, linker, definition)
    for item in scan.declarations:
        if (item.kind, item.name) == (kind, name):
            return _statement(linker, item.origin.cell_index, item.origin.line, name)
    return None


def _statement(linker: Linker, cell: int, line: int, name: str) -> Any:
    """What a decorated function or a call in a plain cell declares."""
    start, end = linker.spans[cell]
    units = linker.units[start:end]
    unit = next((one for one in units if one.statement.line <= line <= one.statement.end_line), None)
    if unit is None:
        return None
    inner = [use for one in unit.statement.deferred.values() for use in one.uses.values()]
    namespace = _executed(linker, [*unit.statement.uses.values(), *inner], unit.position, also=unit.position)
    found = [namespace[bound] for bound in unit.statement.binds if bound in namespace]
    return next((one for one in found if getattr(one, "name", None) == name), None)


def _executed(
    linker: Linker, uses: Iterable[Use], position: int, own: frozenset[str] = frozenset(), also: int | None = None
) -> dict[str, Any]:
    """The namespace after the statements that `uses` need, in document order."""
    needed = linker.slice_of(uses, position, own=own).units | set(linker.setup_units(position))
    if also is not None:
        needed.add(also)
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    for at in sorted(needed):
        unit = linker.units[at]
        code = compile(ast.Module(list(unit.statement.nodes), []), f"<cell {unit.cell + 1}>", "exec")
        exec(code, namespace)
    return namespace


def _sensor_cell(scan: NotebookScan, linker: Linker, definition: CellDefinition) -> SensorDefinition:
    name = definition.names[0]
    source = next(one.cell.source for one in scan.cells if one.cell.index == definition.origin.cell_index)
    uses = dict(own_uses(definition))
    uses.pop("context", None)
    position = linker.position_of(definition.origin.cell_index)
    namespace = _executed(linker, uses.values(), position, frozenset(definition.names))
    file = f"<{definition.origin.path}, cell {definition.origin.cell_index + 1}>"
    body = compile_body(definition, source, ["context"], namespace, file)

    def evaluate(context: Any) -> Any:
        return sensor_value(definition, body.run({"context": context}))

    made: SensorDefinition = sensor(**sensor_options(definition))(evaluate)
    namespace[name] = made
    return made


def sensor_options(definition: CellDefinition) -> dict[str, Any]:
    """The arguments of the `sensor` decorator that a cell's line stands for."""
    header = definition.header
    options: dict[str, Any] = {"name": definition.names[0], "description": definition.description or None}
    if header.text("job_name"):
        options["job_name"] = header.text("job_name")
    if header.text("target"):
        options["asset_selection"] = header.text("target")
    interval = header.options.get("minimum_interval_seconds")
    if isinstance(interval, int):
        options["minimum_interval_seconds"] = interval
    return options


def sensor_value(definition: CellDefinition, result: BodyResult) -> Any:
    """What a sensor's cell answers: the variable of its name, else its last expression."""
    name = definition.names[0]
    return result.bound[name] if name in definition.facts.binds and name in result.bound else result.last
