"""From a notebook's file to manifest entries, through the static scan."""

from __future__ import annotations

import ast
import itertools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.first_use import on_first_use
from cellmill.notebooks.asset_cell import AssetCell, Declaration, NotebookOrigin, Unknown
from cellmill.notebooks.cache import FactsCache
from cellmill.notebooks.described import DescribedAsset, with_described
from cellmill.notebooks.problem import NotebookError
from cellmill.notebooks.scan import NotebookScan, scan_notebook
from cellmill.notebooks.workspace import WorkspaceScan, link_workspace
from cellmill.workspace.external_specs import external_entries
from cellmill.workspace.manifest import (
    AssetEntry,
    CheckEntry,
    JobEntry,
    Manifest,
    OpEntry,
    ProblemEntry,
    ScheduleEntry,
    SensorEntry,
    problem_of,
)
from cellmill.workspace.metadata_schedules import schedules_in_metadata
from cellmill.workspace.notebook_location import words_of
from cellmill.workspace.notebook_told import COMPUTED, UNKNOWN, with_told

if TYPE_CHECKING:
    from cellmill.workspace import cell_policies, notebook_objects
else:
    cell_policies = on_first_use("cellmill.workspace.cell_policies")
    notebook_objects = on_first_use("cellmill.workspace.notebook_objects")

_PYTHON = (sys.version_info[0], sys.version_info[1])
_FACTS = FactsCache()


@lru_cache(maxsize=2048)
def _scan(path: str, relative: str, stamp: tuple[int, int]) -> NotebookScan:
    return scan_notebook(Path(path).read_bytes(), relative, cache=_FACTS, python=_PYTHON)


def scan_file(path: Path, relative: str) -> NotebookScan:
    """Return the scan of a notebook's file; read once as long as the file does not change.

    Raises: NotebookError, OSError.
    """
    stat = path.stat()
    return _scan(str(path), relative, (stat.st_mtime_ns, stat.st_size))


def forget_scans() -> None:
    """Let go of the scans that are kept."""
    _scan.cache_clear()


def first_look(path: Path, relative: str) -> dict[str, Any]:
    """Return which assets a notebook makes, and the words by which it could read others."""
    try:
        scan = scan_file(path, relative)
    except (NotebookError, OSError):
        return {"keys": [], "words": []}
    keys = [list(key.parts) for d in scan.definitions if d.kind == "asset" for key in d.keys]
    text = "\n".join(cell.source for cell in scan.notebook.code_cells)
    found: dict[str, Any] = {"keys": keys, "words": words_of(text), "runs": scan.files_run()}
    if any(item.is_told for item in scan.unknowns) or computed_places(path, relative, scan):
        found |= {"computed": True, "variables": named_variables(scan)}
    return found


def computed_places(path: Path, relative: str, scan: NotebookScan) -> set[tuple[int, int]]:
    """Return the cells and lines of definitions of which an argument takes running to know."""
    if not scan.declarations and all(
        d.form != "decorator" and not d.header.options.keys() & set(_MAY_NAME) for d in scan.definitions
    ):
        return set()
    problems = second_look(path, relative, (), {}).problems
    return {(problem.cell or 0, problem.line or 1) for problem in problems if problem.kind == COMPUTED}


def named_variables(scan: NotebookScan) -> list[str]:
    """Return the variables that asset cells name as their partitions or their condition: ``--partitions days``."""
    cells = [d.header for d in scan.definitions if d.kind == "asset" and d.form != "decorator"]
    texts = {header.text(name) for header in cells for name in ("partitions_def", "automation_condition")}
    return sorted(text for text in texts if text and text.isidentifier() and text not in ("eager", "on_missing"))


def link_file(
    path: Path,
    relative: str,
    others: Iterable[Sequence[str]],
    modules: Mapping[str, str],
    described: Iterable[AssetEntry] = (),
) -> WorkspaceScan:
    """Return one notebook, with the assets that running it told of, linked against the keys of those made elsewhere."""
    scan = with_described(scan_file(path, relative), described_assets(described))
    modules = {**modules, **run_files(path, relative, scan)}
    return link_workspace([scan], other_assets=[AssetKey(key) for key in others], modules=modules, python=_PYTHON)


def run_files(path: Path, relative: str, scan: NotebookScan) -> dict[str, str]:
    """Return the texts of the files that a notebook `%run`s, and that those run, by their paths from the root."""
    folder = os.path.dirname(relative)
    found: dict[str, str] = {}
    todo = scan.files_run()
    while todo:
        target = todo.pop()
        file = path.parent / os.path.relpath(target, folder or ".")
        if target in found:
            continue
        try:
            found[target] = file.read_text("utf-8")
            if target.endswith(".ipynb"):
                todo.extend(scan_file(file, target).files_run())
        except (OSError, UnicodeDecodeError, NotebookError):
            continue  # then what it binds is unknown, which the notebook's notes say
    return found


def described_assets(entries: Iterable[AssetEntry]) -> list[DescribedAsset]:
    """Return the assets among `entries` of which only running their notebook told; those of one function together."""
    groups: dict[tuple[object, ...], list[AssetEntry]] = {}
    for entry in entries:
        if entry.bound is not None:
            groups.setdefault((entry.cell, entry.line, entry.op or entry.key), []).append(entry)
    return [
        DescribedAsset(
            keys=tuple(AssetKey(entry.key) for entry in group),
            upstream=tuple(dict.fromkeys(AssetKey(up) for entry in group for up in entry.upstream)),
            cell=group[0].cell or 0,
            line=group[0].line or 1,
            bound=group[0].bound or "",
        )
        for group in groups.values()
    ]


def second_look(
    path: Path,
    relative: str,
    others: Iterable[Sequence[str]],
    modules: Mapping[str, str],
    described: Mapping[str, Any] | None = None,
) -> Manifest:
    """Return what a notebook offers; a mistake in it is among the problems.

    `described` is what its host told of it: what it says of a definition counts, where the text does not show all.
    """
    told = Manifest.from_json(described) if described is not None else Manifest()
    try:
        linked = link_file(path, relative, others, modules, told.assets)
    except (NotebookError, OSError) as error:
        return Manifest(problems=(problem_of(error, notebook=relative),))
    found = manifest_of(linked, relative)
    found = replace(found, schedules=(*found.schedules, *schedules_in_metadata(path, relative)))
    return found if described is None else with_told(found, told, described["variables"], linked)


def manifest_of(linked: WorkspaceScan, relative: str) -> Manifest:
    """Return what the cells of a linked notebook offer."""
    cells = {id(cell): cell for cell in linked.assets.values()}.values()
    scan = linked.notebooks[relative]
    declared = {
        kind: [item for item in linked.declarations if item.kind == kind] for kind in ("job", "schedule", "sensor")
    }
    found = Manifest(
        assets=tuple(entry for cell in cells for entry in _asset_entries(cell)),
        checks=tuple(_check_entry(cell) for cell in linked.others if cell.definition.kind == "check"),
        jobs=tuple(_job_entry(item, ops_of(scan, item)) for item in declared["job"]),
        schedules=tuple(_schedule_entry(item) for item in declared["schedule"]),
        sensors=tuple(_sensor_entry(item) for item in declared["sensor"]),
    )
    if _has_objects(cells, itertools.chain(*declared.values())):
        found = _with_objects(found, scan, linked.assets, declared)
    made = [entry.key for entry in found.assets]
    return replace(
        found,
        assets=(*found.assets, *external_entries(linked.declarations, made)),
        sensors=(*(_sensor_cell(cell) for cell in linked.others if cell.definition.kind == "sensor"), *found.sensors),
        problems=(
            *(problem_of(error, notebook=relative) for error in linked.problems),
            *(problem for cell in cells for problem in _note_problems(cell)),
            *(_unknown_problem(item, relative) for item in linked.unknowns),
            *_foreign_cells(scan),
            *found.problems,
        ),
    )


#: Options of a cell's line that may name a variable.
_MAY_NAME = ("partitions_def", "automation_condition", "partition_mapping")


def _has_objects(cells: Iterable[AssetCell], declared: Iterable[Declaration]) -> bool:
    """Return whether something is declared by objects, whose classes are worth importing then."""
    return any(not item.selection for item in declared) or any(
        cell.definition.form == "decorator" or cell.header.options.keys() & set(_MAY_NAME) for cell in cells
    )


def _with_objects(
    found: Manifest,
    scan: NotebookScan,
    cells: Mapping[AssetKey, AssetCell],
    declared: Mapping[str, Sequence[Declaration]],
) -> Manifest:
    """Return a manifest with what objects say: partitions, conditions, jobs, schedules and sensors."""
    objects = notebook_objects.NotebookObjects(scan)
    assets = tuple(objects.asset(cells[entry.asset_key], entry) for entry in found.assets)
    # a line magic is read from its text alone
    calls = {kind: {item.name: item for item in items if not item.selection} for kind, items in declared.items()}
    jobs = tuple(
        objects.job(calls["job"][one.name], one, assets) if one.name in calls["job"] else one for one in found.jobs
    )
    schedules = tuple(
        objects.schedule(calls["schedule"][one.name], one, assets) if one.name in calls["schedule"] else one
        for one in found.schedules
    )
    sensors = tuple(
        objects.sensor(calls["sensor"][one.name], one) if one.name in calls["sensor"] else one for one in found.sensors
    )
    return replace(
        found, assets=assets, jobs=jobs, schedules=schedules, sensors=sensors, problems=tuple(objects.problems)
    )


def _origin(origin: NotebookOrigin) -> dict[str, Any]:
    """Return a cell's place; the cell is enough where it is all of the definition."""
    return {"notebook": origin.path, "cell_id": origin.cell_id, "cell": origin.cell_index}


def _statement(origin: NotebookOrigin) -> dict[str, Any]:
    """Return the place of one statement among those of its cell."""
    return {**_origin(origin), "line": origin.line}


def _asset_entries(cell: AssetCell) -> Iterable[AssetEntry]:
    header = cell.header
    upstream = tuple(dict.fromkeys(up.key.parts for up in cell.upstreams if up.key not in cell.keys))
    together = cell.keys if len(cell.keys) > 1 and not header.options.get("can_subset") else ()
    kinds = header.items("kinds") or tuple(filter(None, [header.text("compute_kind")]))
    partitions = header.text("partitions_def")
    for key in cell.keys:
        yield AssetEntry(
            key=key.parts,
            upstream=upstream,
            named=tuple(up.key.parts for up in cell.upstreams if not up.loaded and up.key not in cell.keys),
            code_version=cell.code_version,
            group=header.text("group_name") or "default",
            description=cell.definition.description or None,
            tags=header.pairs("tags"),
            owners=header.items("owners"),
            kinds=kinds,
            metadata=dict(header.pairs("metadata")),
            op="__".join(cell.keys[0].parts),
            observable=bool(header.options.get("observable")),
            materializable=not header.options.get("observable"),
            can_subset=len(cell.keys) == 1 or bool(header.options.get("can_subset")),
            siblings=tuple(other.parts for other in together),
            partitions={"text": partitions} if partitions else None,
            automation=header.text("automation_condition"),
            checks=tuple(f"check_{number}" for number, _ in enumerate(_conditions(cell), start=1)),
            io_manager=header.text("io_manager_key"),
            resources=header.items("required_resource_keys"),
            **_policies(cell),
            **(_statement(cell.origin) if cell.definition.form == "decorator" else _origin(cell.origin)),
        )


def _policies(cell: AssetCell) -> dict[str, Any]:
    """Return what the cell's line says of partitions; few cells say anything, and many modules know the words."""
    said = cell.header.options.keys() & {"partition_mapping", "backfill_policy", "freshness_policy"}
    return cell_policies.cell_policies(cell) if said else {}


def _conditions(cell: AssetCell) -> tuple[str, ...]:
    value = cell.header.options.get("check")
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, (tuple, list)) else ()


def _check_entry(cell: AssetCell) -> CheckEntry:
    asset = cell.upstreams[0].key.parts if cell.upstreams else ("",)
    return CheckEntry(
        asset=asset,
        name=cell.definition.names[0],
        blocking=bool(cell.header.options.get("blocking")),
        description=cell.definition.description or None,
        **_origin(cell.origin),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value) if isinstance(value, (list, tuple)) else ()


def _strings(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def ops_of(scan: NotebookScan, item: Declaration) -> tuple[str, ...]:
    """Return the ops and graphs that the function of a `@job` names, in their order; none for a job of assets."""
    known = {one.name for one in scan.declarations if one.kind in ("op", "graph")}
    known |= {name for one in scan.definitions if one.kind == "op" for name in one.names}
    cell = next(one for one in scan.cells if one.cell.index == item.origin.cell_index)
    functions = (
        node
        for statement in cell.facts.statements
        for node in statement.nodes
        if isinstance(node, ast.FunctionDef) and node.name == item.name
    )
    used = (node for function in functions for part in function.body for node in ast.walk(part))
    names = [(node.lineno, node.col_offset, node.id) for node in used if isinstance(node, ast.Name)]
    return tuple(dict.fromkeys(name for *_, name in sorted(names) if name in known))


def _job_entry(item: Declaration, ops: Sequence[str]) -> JobEntry:
    selection = item.selection or _selection_text(item.options.get("selection"))
    return JobEntry(
        name=item.name,
        description=item.description or None,
        selection=selection,
        ops=tuple(OpEntry(name=name).to_json() for name in ops),
        tags=_strings(item.options.get("tags")),
        **_statement(item.origin),
    )


def _selection_text(value: object) -> str | None:
    names = _texts(value)
    if not names:
        return None
    return names[0] if len(names) == 1 else " or ".join(f'key:"{name}"' for name in names)


def _schedule_entry(item: Declaration) -> ScheduleEntry:
    options = item.options
    job = options.get("job") or options.get("job_name")
    selection = item.selection or _selection_text(options.get("target"))
    return ScheduleEntry(
        name=item.name,
        cron=_texts(options.get("cron_schedule") or options.get("cron") or ()),
        timezone=_text(options.get("execution_timezone")),
        job=_text(job),
        selection=selection,
        running_by_default=str(options.get("default_status", "")).rpartition(".")[2].upper() == "RUNNING",
        evaluated=bool(item.computed) or not (selection or job),
        tags=_strings(options.get("tags")),
        description=item.description or None,
        **_statement(item.origin),
    )


def _sensor_entry(item: Declaration) -> SensorEntry:
    options = item.options
    jobs = _texts(options.get("job_name") or options.get("job") or options.get("jobs") or ())
    interval = options.get("minimum_interval_seconds")
    return SensorEntry(
        name=item.name,
        jobs=jobs,
        selection=_selection_text(options.get("target") or options.get("asset_selection")),
        minimum_interval_s=float(interval) if isinstance(interval, (int, float)) else 30.0,
        running_by_default=str(options.get("default_status", "")).rpartition(".")[2].upper() == "RUNNING",
        description=item.description or None,
        **_statement(item.origin),
    )


def _sensor_cell(cell: AssetCell) -> SensorEntry:
    header = cell.header
    interval = header.options.get("minimum_interval_seconds")
    return SensorEntry(
        name=cell.definition.names[0],
        jobs=tuple(filter(None, [header.text("job_name")])),
        selection=header.text("target"),
        minimum_interval_s=float(interval) if isinstance(interval, (int, float)) else 30.0,
        running_by_default=(header.text("default_status") or "").upper() == "RUNNING",
        description=cell.definition.description or None,
        **_origin(cell.origin),
    )


def _note_problems(cell: AssetCell) -> Iterable[ProblemEntry]:
    for note in cell.notes:
        yield ProblemEntry(
            message=f"asset {cell.key.to_user_string()!r}: {note}",
            severity="warning",
            kind="note",
            **_origin(cell.origin),
        )


def _foreign_cells(scan: NotebookScan) -> Iterable[ProblemEntry]:
    """Yield the cells with a header in a notebook of another language: nothing there can be an asset cell."""
    if scan.notebook.is_python:
        return
    for cell in scan.notebook.code_cells:
        if cell.source.startswith(("%%asset", "#| asset", "# | asset")):
            yield ProblemEntry(
                message=f"asset cells are Python, and this notebook's language is {scan.notebook.language!r}",
                kind="language",
                remedy="Take the header away, and make the whole notebook an asset with notebook_asset.",
                notebook=scan.notebook.path,
                cell_id=cell.id,
                cell=cell.index,
                line=1,
            )


def _unknown_problem(item: Unknown, relative: str) -> ProblemEntry:
    return ProblemEntry(
        message=f"{item.what}: {item.reason}",
        severity="warning",
        kind=UNKNOWN if item.is_told else "made-by-code",
        remedy="Write it as a literal to have it read, or let the cells be run: cellmill check --describe.",
        notebook=relative,
        cell=item.cell_index,
        line=item.line,
    )
