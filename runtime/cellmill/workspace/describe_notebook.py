"""What a notebook offers that its text does not show: its definition cells run inside a host, and are looked at."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_selection_job import UnresolvedAssetJobDefinition
from cellmill.definitions.asset_spec import AssetSpec
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.definitions.code_location import Definitions
from cellmill.definitions.collected import collected, function_of, held_definitions, is_imported, made_in_cell
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.partitioned_schedule import UnresolvedPartitionedSchedule
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.sensor import SensorDefinition
from cellmill.notebooks.described import definition_cells, line_of_definition
from cellmill.notebooks.facts import CellFacts
from cellmill.notebooks.runlines import run_places
from cellmill.notebooks.scan import NotebookScan
from cellmill.workspace.cell_namespace import cell_namespace, forget_modules
from cellmill.workspace.describe import describe_assets, describe_job, own_sources, secrets_of
from cellmill.workspace.describe_automation import condition_text
from cellmill.workspace.factories import factory_calls
from cellmill.workspace.host_side import describe_error
from cellmill.workspace.manifest import Manifest, ProblemEntry
from cellmill.workspace.notebook_objects import job_of, resolved_schedule, schedule_of, sensor_of
from cellmill.workspace.notebook_reading import computed_places, run_files, scan_file
from cellmill.workspace.partitions import partitions_to_json

_KINDS = (AssetsDefinition, AssetSpec, JobDefinition, UnresolvedAssetJobDefinition, ScheduleDefinition,
          UnresolvedPartitionedSchedule, SensorDefinition, Definitions)  # fmt: skip
#: Files read by definition cells that are followed for changes.
_MOST_FILES = 200


def describe_notebook(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of what the cells of a notebook define when they run, with the files it was made from.

    `request` has the workspace's `root`, the `notebook`, and the `variables` that its asset cells name. A cell that
    raises is a problem in the manifest, with its place.
    """
    root, notebook = Path(request["root"]), str(request["notebook"])
    path = root / notebook
    scan = scan_file(path, notebook)
    forget_modules(root)
    before = set(sys.modules)
    with cell_namespace(path.parent) as shell, _opened_files(root) as opened:
        ran = _Ran(scan)
        variables = request.get("variables", ())
        calls, factories = factory_calls(scan, dict.fromkeys((path.parent, root)))
        places = computed_places(path, notebook, scan) | run_places(_plain_facts(scan)) | calls
        for index in definition_cells(scan, places, variables):
            problem = ran.cell(shell, index)
            if problem is not None:
                return {**Manifest(problems=(problem,)).to_json(), "sources": {}, "variables": {}}
        manifest = ran.manifest(shell.user_ns)
        told = _variables(shell.user_ns, variables)
    read = (opened - {path}) | factories | {root / target for target in run_files(path, notebook, scan)}
    return {**manifest.to_json(), "sources": own_sources(before, root, read), "variables": told}


def _plain_facts(scan: NotebookScan) -> Iterator[tuple[int, CellFacts]]:
    return ((one.cell.index, one.facts) for one in scan.cells if one.is_plain)


class _Ran:
    """The cells that were run, and which of them made which definition."""

    def __init__(self, scan: NotebookScan) -> None:
        self.scan = scan
        self.cells = {scanned.cell.index: scanned for scanned in scan.cells}
        #: identity of a definition -> the cell behind which it was there, and the name that holds it
        self.places: dict[int, tuple[int, str]] = {}
        self.made: list[Any] = []

    def cell(self, shell: Any, index: int) -> ProblemEntry | None:
        """Run one cell; return what it raised."""
        source = self.cells[index].cell.source
        with collected() as made:
            error = shell.run_cell(source, store_history=False, silent=True)
        error = error.error_before_exec or error.error_in_exec
        if error is not None:
            return self._problem(error, index)
        here = [one for one in made if made_in_cell(one)]
        self.made += here
        for holder, one, _ in held_definitions(shell.user_ns, _KINDS):
            self.places.setdefault(id(one), (index, holder))
        for one in here:
            self.places.setdefault(id(one), (index, ""))
        return None

    def _problem(self, error: BaseException, index: int) -> ProblemEntry:
        told = describe_error(error)
        cell = self.cells[index].cell
        return ProblemEntry(
            message=f"{told['type']}: {told['message']}",
            kind="location",
            remedy="Its definitions are computed, so this cell is run to learn them; correct it.",
            traceback=told["traceback"],
            notebook=self.scan.path,
            cell=index,
            cell_id=cell.id,
        )

    def manifest(self, namespace: Mapping[str, Any]) -> Manifest:
        """Return what the namespace holds as entries of the notebook."""
        held = held_definitions(namespace, _KINDS)
        names = {id(one): holder if bound else "" for holder, one, bound in held}
        every = [one for _, one, bound in held if not (bound and is_imported(one))]
        for one in list(every):
            if isinstance(one, Definitions):
                inside = _contents(one)
                every += inside
                for part in inside:
                    self.places.setdefault(id(part), self.places[id(one)])
        functions = {function_of(one) for one in every}
        every += [one for one in self.made if function_of(one) not in functions]
        distinct = {id(one): one for one in every}.values()
        return self._entries(list(distinct), names)

    def _entries(self, every: list[Any], names: Mapping[int, str]) -> Manifest:
        parts: list[Manifest] = []
        for one in every:
            place = self._place(one)
            where = {name: value for name, value in place.items() if name != "line"}
            if isinstance(one, (AssetsDefinition, AssetSpec)):
                marks = {**place, "bound": names.get(id(one), ""), "file": None}
                parts.append(Manifest(assets=tuple(replace(entry, **marks) for entry in describe_assets(one))))
            elif isinstance(one, SensorDefinition):
                parts.append(Manifest(sensors=(replace(sensor_of(one), **where),)))
            elif isinstance(one, JobDefinition):
                parts.append(Manifest(jobs=(replace(describe_job(one), **where),), secrets=secrets_of([one])))
        assets = [entry for part in parts for entry in part.assets]
        for one in every:  # what is about assets, once they are known
            where = {name: value for name, value in self._place(one).items() if name != "line"}
            if isinstance(one, UnresolvedAssetJobDefinition):
                parts.append(Manifest(jobs=(replace(job_of(one, assets), **where),)))
            elif isinstance(one, (ScheduleDefinition, UnresolvedPartitionedSchedule)):
                made = one if isinstance(one, ScheduleDefinition) else resolved_schedule(one, assets)
                parts.append(Manifest(schedules=(replace(schedule_of(made), **where),)))
        whole: dict[str, Any] = {
            name: tuple(entry for part in parts for entry in getattr(part, name))
            for name in ("assets", "jobs", "schedules", "sensors", "secrets")
        }
        return Manifest(**whole)

    def _place(self, one: Any) -> dict[str, Any]:
        index, holder = self.places.get(id(one), (next(iter(self.cells)), ""))
        scanned = self.cells[index]
        return {
            "notebook": self.scan.path,
            "cell": index,
            "cell_id": scanned.cell.id,
            "line": line_of_definition(self.scan, scanned, one, holder),
        }


def _contents(one: Definitions) -> list[Any]:
    parts = (one.assets, one.jobs, one.schedules, one.sensors)
    return [item for part in parts for item in part or () if isinstance(item, _KINDS)]


def _variables(namespace: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the partitions and the conditions that variables hold, by name."""
    values = {name: namespace.get(name) for name in names}
    partitions = {
        name: {"partitions": partitions_to_json(value)}
        for name, value in values.items()
        if isinstance(value, PartitionsDefinition)
    }
    conditions = {
        name: {"automation": condition_text(value)}
        for name, value in values.items()
        if isinstance(value, AutomationCondition)
    }
    return partitions | conditions


_OPENED: list[set[Path]] = []


@contextmanager
def _opened_files(root: Path) -> Iterator[set[Path]]:
    """Give the set of the workspace's own data files that are opened inside: their content decides what is defined."""
    found: set[Path] = set()
    if not _HOOKED:
        _HOOKED.append(True)
        sys.addaudithook(_note_opened)
    folder = str(root.resolve()) + os.sep
    _FOLDERS.append(folder)
    _OPENED.append(found)
    try:
        yield found
    finally:
        _OPENED.pop()
        _FOLDERS.pop()


_HOOKED: list[bool] = []
_FOLDERS: list[str] = []
_ENDINGS = (".py", ".pyc", ".ipynb", ".db", ".db-wal", ".db-shm")


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _OPENED or not isinstance(arguments[0], str):
        return
    mode, path = arguments[1], os.path.abspath(arguments[0])
    if isinstance(mode, str) and set(mode) & set("wax+"):
        return
    hidden = f"{os.sep}." in path.removeprefix(_FOLDERS[-1].rstrip(os.sep))
    if path.startswith(_FOLDERS[-1]) and not hidden and not path.endswith(_ENDINGS) and len(_OPENED[-1]) < _MOST_FILES:
        _OPENED[-1].add(Path(path))
