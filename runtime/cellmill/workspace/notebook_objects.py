"""What a notebook's decorators and calls say in objects, as manifest entries.

`@asset(partitions_def=daily)`, `ScheduleDefinition(job=report, ...)`, `--partitions daily` with a variable: their
values are known from the text where only constructors of definitions make them (`notebooks.values`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.asset_selection_job import UnresolvedAssetJobDefinition
from cellmill.definitions.partitioned_schedule import UnresolvedPartitionedSchedule
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.selection_graph import SelectionGraph
from cellmill.definitions.sensor import SensorDefinition
from cellmill.errors import CellmillError
from cellmill.notebooks.asset_cell import AssetCell, Declaration, NotebookOrigin
from cellmill.notebooks.options_text import automation_of, partition_mapping_of, partitions_of
from cellmill.notebooks.scan import NotebookScan
from cellmill.notebooks.values import UNKNOWN, DeclaredJob, Values
from cellmill.workspace.describe_automation import condition_text, schedule_entry, sensor_entry
from cellmill.workspace.freshness_policies import freshness_to_json
from cellmill.workspace.manifest import AssetEntry, JobEntry, ProblemEntry, ScheduleEntry, SensorEntry, problem_of
from cellmill.workspace.notebook_told import COMPUTED
from cellmill.workspace.partition_mappings import mapping_to_json, policy_to_json
from cellmill.workspace.partitions import partitions_from_json, partitions_to_json

E = TypeVar("E", JobEntry, ScheduleEntry, SensorEntry)
#: Arguments of assets without which the daemon would do something else than the notebook says.
_OF_ASSETS = ("partitions_def", "automation_condition", "backfill_policy", "freshness_policy")
_REMEDY = (
    "It is learned where the cells may be run (cellmill check --describe). Or write it as a literal or a definition, "
    "or as a name that a plain cell above gives to one, or keep it in a module."
)


class NotebookObjects:
    """The objects of one notebook's declarations, and what is wrong with them."""

    def __init__(self, scan: NotebookScan) -> None:
        self._values = Values(scan)
        self._path = scan.path
        self.problems: list[ProblemEntry] = []

    # -- assets -------------------------------------------------------------------------------------------------

    def asset(self, cell: AssetCell, entry: AssetEntry) -> AssetEntry:
        """Return an asset's entry with what its objects say."""
        try:
            fields = self._decorated(cell) if cell.definition.form == "decorator" else self._named(cell)
        except CellmillError as error:
            self._mistake(error, cell.origin)
            return entry
        return replace(entry, **fields) if fields else entry

    def _decorated(self, cell: AssetCell) -> dict[str, Any]:
        given = self._values.arguments(cell.origin.cell_index, cell.origin.line)
        computed = [name for name in _OF_ASSETS if given.get(name) is UNKNOWN]
        if computed:
            self._computed(f"asset {cell.key.to_user_string()!r}", computed, cell.origin)
        known = {name: value for name, value in given.items() if value is not UNKNOWN and value is not None}
        policy = known.get("auto_materialize_policy")
        condition = known.get("automation_condition") or (policy.to_automation_condition() if policy else None)
        fields = {
            "partitions": _json(partitions_to_json, known.get("partitions_def")),
            "automation": condition_text(condition),
            "freshness": _json(freshness_to_json, known.get("freshness_policy")),
            "backfill_limit": policy_to_json(known.get("backfill_policy")),
            "mappings": _mappings(known, {up.name: up.key for up in cell.upstreams}),
        }
        return {name: value for name, value in fields.items() if value not in (None, {})}

    def _named(self, cell: AssetCell) -> dict[str, Any]:
        """What the variables of a cell's line are worth."""
        header, at = cell.header, cell.origin.cell_index
        what = f"asset {cell.key.to_user_string()!r}"
        fields: dict[str, Any] = {}

        def value(text: str) -> Any:
            found = self._values.name_at(text, at)
            if found is UNKNOWN:
                self._computed(what, [text], cell.origin)
            return None if found is UNKNOWN else found

        partitions = header.text("partitions_def") or ""
        if partitions.isidentifier() and value(partitions) is not None:
            fields["partitions"] = _json(partitions_to_json, partitions_of(partitions, value))
        automation = header.text("automation_condition") or ""
        if automation.isidentifier() and automation not in ("eager", "on_missing") and value(automation) is not None:
            fields["automation"] = condition_text(automation_of(automation, value))
        by_name = {up.name: up.key for up in cell.upstreams}
        mappings = {}
        for name, text in header.pairs("partition_mapping").items():
            key = by_name.get(name, AssetKey(name.split("/")))
            mappings[key.to_escaped_user_string()] = _json(mapping_to_json, partition_mapping_of(text, value))
        fields["mappings"] = {name: mapping for name, mapping in mappings.items() if mapping is not None}
        return {name: found for name, found in fields.items() if found not in (None, {})}

    # -- jobs, schedules, sensors -------------------------------------------------------------------------------

    def job(self, item: Declaration, entry: JobEntry, assets: Iterable[AssetEntry]) -> JobEntry:
        """Return a job's entry with what its object says."""
        made, _ = self._declared(item)
        if made is UNKNOWN:
            # nothing to say of a job of ops, whose partitions are known by running it
            return entry if entry.ops else self._unclear(item, entry, ("selection",))
        if isinstance(made, DeclaredJob):
            return replace(entry, partitions=_json(partitions_to_json, made.partitions_def))
        found = job_of(made, assets)
        return replace(
            found, description=found.description or entry.description, **_place(item.origin), line=entry.line
        )

    def schedule(self, item: Declaration, entry: ScheduleEntry, assets: Iterable[AssetEntry]) -> ScheduleEntry:
        """Return a schedule's entry with what its object says."""
        made, some = self._declared(item)
        try:
            if isinstance(made, UnresolvedPartitionedSchedule):
                made = resolved_schedule(made, assets)
            if not isinstance(made, ScheduleDefinition):
                return self._unclear(item, entry, ("cron_schedule", "execution_timezone", "default_status", "job"))
            found = schedule_of(made)
        except CellmillError as error:
            self._mistake(error, item.origin)
            return entry
        return replace(found, evaluated=found.evaluated or some, **_place(item.origin))

    def sensor(self, item: Declaration, entry: SensorEntry) -> SensorEntry:
        """Return a sensor's entry with what its object says."""
        made, _ = self._declared(item)
        if not isinstance(made, SensorDefinition):
            return self._unclear(item, entry, ("minimum_interval_seconds", "default_status", "job", "target"))
        return replace(sensor_of(made), **_place(item.origin))

    def _declared(self, item: Declaration) -> tuple[Any, bool]:
        try:
            return self._values.declared(item)
        except CellmillError as error:
            self._mistake(error, item.origin)
            return None, True

    def _unclear(self, item: Declaration, entry: E, needed: Iterable[str]) -> E:
        computed = [name for name in needed if name in item.computed]
        if computed:
            self._computed(f"{item.kind} {item.name!r}", computed, item.origin)
        return entry

    # -- what is wrong ------------------------------------------------------------------------------------------

    def _mistake(self, error: CellmillError, origin: NotebookOrigin) -> None:
        problem = problem_of(error, notebook=self._path)
        self.problems.append(replace(problem, **_place(origin), line=origin.line))

    def _computed(self, what: str, names: Iterable[str], origin: NotebookOrigin) -> None:
        self.problems.append(
            ProblemEntry(
                message=f"{what}: {', '.join(names)} takes running the notebook to know, so nothing that runs by "
                "itself heeds it",
                kind=COMPUTED,
                remedy=_REMEDY,
                **_place(origin),
                line=origin.line,
            )
        )


def schedule_of(made: ScheduleDefinition) -> ScheduleEntry:
    """Return a notebook's schedule as its entry, without a place."""
    found, selection = schedule_entry(made), _selection_of(made.targets)
    return found if selection is None else replace(found, job=None, selection=selection)


def sensor_of(made: SensorDefinition) -> SensorEntry:
    """Return a notebook's sensor as its entry, without a place."""
    found, selection = sensor_entry(made, None), _selection_of(made.targets)
    if found.selection is not None:
        return replace(found, jobs=())
    return found if selection is None else replace(found, jobs=(), selection=selection)


def job_of(made: UnresolvedAssetJobDefinition, assets: Iterable[AssetEntry]) -> JobEntry:
    """Return a notebook's job over `assets`, and others, as its entry, without a place."""
    return JobEntry(
        name=made.name,
        selection=_selection_text(made),
        tags={name: str(value) for name, value in (made.tags or {}).items()},
        partitions=_json(partitions_to_json, made.partitions_def) or _partitions_of(made, assets),
        description=made.description,
    )


def resolved_schedule(made: UnresolvedPartitionedSchedule, assets: Iterable[AssetEntry]) -> ScheduleDefinition:
    """Return the schedule of a job whose partitions are those of its assets.

    Raises: CellmillError where they have none, or several.
    """
    return made.resolved(
        DeclaredJob(made.job_name, partitions_def=_json(partitions_from_json, _partitions_of(made.job, assets)))
    )


def _partitions_of(job: Any, assets: Iterable[AssetEntry]) -> Mapping[str, Any] | None:
    """Return the partitions of all the assets that a job selects; None where they have none, or several."""
    entries = {entry.asset_key: entry for entry in assets}
    graph = SelectionGraph(entry.facts() for entry in entries.values())
    chosen = [entries[key].partitions for key in _selection(job).resolve(graph, allow_missing=True)]
    different = {str(data): data for data in chosen if data is not None}
    return next(iter(different.values())) if len(different) == 1 else None


def _selection_of(targets: Iterable[Any]) -> str | None:
    """Return the selection of assets that is the whole target."""
    found = [target for target in targets if target.has_anonymous_job]
    return _selection_text(found[0].job) if found else None


def _selection(job: Any) -> AssetSelection:
    return AssetSelection.all() if job.selection is None else AssetSelection.from_coercible(job.selection)


def _selection_text(job: Any) -> str:
    return str(_selection(job))


def _json(convert: Any, value: Any) -> Any:
    return None if value is None else convert(value)


def _mappings(given: Mapping[str, Any], by_name: Mapping[str, AssetKey]) -> dict[str, Any]:
    """Return the mappings of a decorator's `deps` and `ins` by upstream."""
    found: dict[str, Any] = {}
    for dep in given.get("deps") or ():
        if getattr(dep, "partition_mapping", None) is not None:
            found[dep.asset_key.to_escaped_user_string()] = mapping_to_json(dep.partition_mapping)
    for alias, into in (given.get("ins") or {}).items():
        if getattr(into, "partition_mapping", None) is not None and alias in by_name:
            found[by_name[alias].to_escaped_user_string()] = mapping_to_json(into.partition_mapping)
    return found


def _place(origin: NotebookOrigin) -> dict[str, Any]:
    return {"notebook": origin.path, "cell_id": origin.cell_id, "cell": origin.cell_index}
