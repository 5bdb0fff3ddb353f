"""Assets and their state as the planning of automation and backfills wants them.

Read from definitions and the instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.partitions.backfill_policy import BackfillPolicy
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph
from cellmill.instance.event_row import key_text
from cellmill.instance.instance import Instance
from cellmill.instance.sql import Query
from cellmill.planning.automation_view import EMPTY, WHOLE, AutomationAsset, AutomationCheck, AutomationJob, Keys
from cellmill.planning.backfill import BackfillAsset, BackfillStatus, Unit
from cellmill.planning.event import EventType


def assets_of(definitions: Any) -> list[Any]:
    """The asset definitions of a `Definitions`, a repository, or a list of them."""
    if isinstance(definitions, (list, tuple)):
        return list(definitions)
    found = getattr(definitions, "assets", None)
    if found is None:
        found = definitions.bound_repository().assets_defs_by_key.values()
    return list(dict.fromkeys(found or ()))


def _spec_rows(definitions: Any) -> Iterable[tuple[Any, Any]]:
    for item in assets_of(definitions):
        specs = getattr(item, "specs", None)
        if specs is None and hasattr(item, "deps"):
            specs = [item]
        for spec in specs or ():
            yield item, spec


def automation_assets(definitions: Any) -> list[AutomationAsset]:
    """All assets with their conditions, in topological order."""
    rows = {spec.key: (item, spec) for item, spec in _spec_rows(definitions)}
    apart: dict[AssetKey, list[Any]] = {}
    given = definitions if isinstance(definitions, (list, tuple)) else getattr(definitions, "asset_checks", None)
    for item in (one for one in given or () if getattr(one, "is_checks", given is not definitions)):
        for check in getattr(item, "check_specs", ()):
            apart.setdefault(check.asset_key, []).append(check)
    found = {key: _automation_asset(item, spec, apart.get(key, ())) for key, (item, spec) in rows.items()}
    return [found[key] for key in _sorted({key: asset.parents for key, asset in found.items()})]


def automation_jobs(definitions: Any) -> list[AutomationJob]:
    """The jobs that have a condition of their own; a list of assets has none."""
    if isinstance(definitions, (list, tuple)):
        return []
    repository = getattr(definitions, "get_repository_def", None)
    if repository is None:
        jobs = definitions.get_all_jobs()
    else:
        named = [job.name for job in definitions.jobs or () if getattr(job, "automation_condition", None) is not None]
        jobs = [definitions.get_job_def(name) for name in named]
    return [
        AutomationJob(
            name=job.name,
            condition=job.automation_condition,
            members=frozenset(key for one in job.asset_nodes.values() for key in one.keys),
            partitions_def=job.partitions_def,
        )
        for job in jobs
        if job.automation_condition is not None
    ]


def selected_keys(definitions: Any, selection: Any) -> frozenset[AssetKey]:
    """The assets of `definitions` that a selection means."""
    graph = SelectionGraph([asset.facts for asset in automation_assets(definitions) if asset.facts is not None])
    return frozenset(AssetSelection.from_coercible(selection).resolve(graph, allow_missing=True))


def _automation_asset(item: Any, spec: Any, apart: Iterable[Any]) -> AutomationAsset:
    own = [check for check in getattr(item, "check_specs", ()) if check.asset_key == spec.key]
    checks = [_automation_check(one, with_asset=True) for one in own]
    checks += [_automation_check(one, with_asset=False) for one in apart]
    facts = AssetFacts(
        key=spec.key,
        parents=frozenset(_parents(item, spec)),
        group=spec.group_name or "default",
        tags=dict(spec.tags or {}),
        owners=tuple(spec.owners or ()),
    )
    return AutomationAsset(
        key=spec.key,
        condition=spec.automation_condition,
        partitions_def=spec.partitions_def or getattr(item, "partitions_def", None),
        parents=_parents(item, spec),
        code_version=spec.code_version,
        checks=tuple(checks),
        siblings=_made_with(item, spec.key),
        virtual=spec.is_virtual,
        observable=bool(getattr(item, "is_observable", False)),
        freshness_policy=spec.freshness_policy,
        facts=facts,
    )


def _automation_check(spec: Any, *, with_asset: bool) -> AutomationCheck:
    return AutomationCheck(
        name=spec.name,
        blocking=bool(spec.blocking),
        with_asset=with_asset,
        condition=spec.automation_condition,
        partitioned=spec.partitions_def is not None,
        parents=frozenset(dep.asset_key for dep in spec.additional_deps),
    )


def _made_with(item: Any, key: AssetKey) -> frozenset[AssetKey]:
    keys = getattr(item, "keys", ())
    return frozenset(keys) - {key} if len(keys) > 1 and not getattr(item, "can_subset", True) else frozenset()


def _parents(item: Any, spec: Any) -> dict[AssetKey, Any]:
    deps = getattr(item, "asset_deps", None)
    keys = deps[spec.key] if deps is not None and spec.key in deps else [dep.asset_key for dep in spec.deps]
    mappings = getattr(item, "partition_mappings", {})
    return {key: mappings.get(key) for key in keys}


def backfill_assets(definitions: Any, location: str = "") -> list[BackfillAsset]:
    """All assets with their partitions and policies, in topological order."""
    found: dict[AssetKey, BackfillAsset] = {}
    for item, spec in _spec_rows(definitions):
        found[spec.key] = BackfillAsset(
            key=spec.key,
            partitions_def=spec.partitions_def or getattr(item, "partitions_def", None),
            parents=_parents(item, spec),
            policy=getattr(item, "backfill_policy", None) or BackfillPolicy(),
            location=location,
        )
    return [found[key] for key in _sorted({key: asset.parents for key, asset in found.items()})]


def _sorted(parents: Mapping[AssetKey, Iterable[AssetKey]]) -> list[AssetKey]:
    graph = {key: [p for p in above if p != key and p in parents] for key, above in parents.items()}
    return list(TopologicalSorter(graph).static_order())


class InstanceView:
    """The state of assets as of one moment, each fact read at most once."""

    def __init__(self, instance: Instance, partitioned: Mapping[AssetKey, bool]) -> None:
        self.instance = instance
        self._partitioned = partitioned
        self._updates: dict[int, dict[AssetKey, dict[str | None, list[str]]]] = {}
        self._sets: dict[AssetKey, Any] = {}
        self._runs: dict[str, Any] = {}

    @cached_property
    def _last(self) -> int:
        row = self.instance.db.row("SELECT max(id) FROM events")
        return int(row[0] or 0) if row is not None else 0

    def last_event_id(self) -> int:
        """The id of the newest event."""
        return self._last

    def _partitions(self, key: AssetKey) -> Any:
        if key not in self._sets:
            self._sets[key] = self.instance.catalog.partition_sets(key)
        return self._sets[key]

    @cached_property
    def _states(self) -> Mapping[AssetKey, Any]:
        return self.instance.asset_states(list(self._partitioned))

    def materialized(self, key: AssetKey) -> Keys:
        """The partitions that were ever materialized."""
        if self._partitioned.get(key):
            return frozenset(self._partitions(key).materialized)
        state = self._states.get(key)
        return WHOLE if state is not None and state.is_materialized else EMPTY

    def in_progress(self, key: AssetKey) -> Keys:
        """The partitions that runs are making."""
        if self._partitioned.get(key):
            return frozenset(self._partitions(key).in_progress)
        return WHOLE if self._planned_run_is(key, finished=False) else EMPTY

    def failed(self, key: AssetKey) -> Keys:
        """The partitions whose last attempt failed."""
        if self._partitioned.get(key):
            return frozenset(self._partitions(key).failed)
        return WHOLE if self._planned_run_is(key, finished=True) else EMPTY

    def _planned_run_is(self, key: AssetKey, *, finished: bool) -> bool:
        state = self._states.get(key)
        if state is None or state.planned_run_id is None or (state.planned_id or 0) < (state.event_id or 0):
            return False
        run = self._run(state.planned_run_id)
        if run is None:
            return False
        return run.is_failure if finished else not run.is_finished

    def _run(self, run_id: str) -> Any:
        if run_id not in self._runs:
            self._runs[run_id] = self.instance.get_run_by_id(run_id)
        return self._runs[run_id]

    @cached_property
    def _wanted(self) -> dict[str, set[str | None]]:
        found: dict[str, set[str | None]] = {}
        for row in self.instance.backfills.search([BackfillStatus.REQUESTED]):
            states = self.instance.backfills.runs(row.backfill_id)
            for data in row.body.get("units", ()):
                unit = Unit.from_json(data)
                status = states.get(unit.part, (None, None))[1]
                if status in ("SUCCESS", "FAILURE", "CANCELED"):
                    continue
                for name in unit.assets:
                    found.setdefault(name, set()).update(unit.keys or (None,))
        return found

    def backfilling(self, key: AssetKey) -> Keys:
        """The partitions that a backfill still wants."""
        return frozenset(self._wanted.get(key.to_escaped_user_string(), ()))

    def updated_since(self, key: AssetKey, event_id: int) -> Mapping[str | None, Sequence[str]]:
        """The partitions materialized after an event, with the runs that did it, the last one last."""
        if event_id not in self._updates:
            self._updates[event_id] = self._read_updates(event_id)
        return self._updates[event_id].get(key, {})

    def _read_updates(self, event_id: int) -> dict[AssetKey, dict[str | None, list[str]]]:
        query = Query("SELECT asset_key, partition, run_id FROM events").where("id > ?", event_id)
        query.where("id <= ?", self._last).where("asset_key IS NOT NULL")
        query.where("type = ?", EventType.ASSET_MATERIALIZATION.value)
        found: dict[AssetKey, dict[str | None, list[str]]] = {}
        for text, partition, run_id in query.order("id", ascending=True).rows(self.instance.db):
            key = AssetKey.from_db_string(text)
            if key is not None:
                runs = found.setdefault(key, {})
                runs.setdefault(partition if self._partitioned.get(key) else None, []).append(run_id)
        return found

    def updated_at(self, key: AssetKey) -> Mapping[str | None, float]:
        """When each partition was materialized last, in seconds since the epoch."""
        if self._partitioned.get(key):
            states = self.instance.partition_states([key]).get(key, {})
            return {partition: state.timestamp for partition, state in states.items() if state.timestamp is not None}
        state = self._states.get(key)
        return {None: state.timestamp} if state is not None and state.timestamp is not None else {}

    def observed_versions(self, key: AssetKey) -> Mapping[str | None, str]:
        """The data version of each partition in which one was observed."""
        if self._partitioned.get(key):
            states = self.instance.partition_states([key]).get(key, {})
            return {partition: state.observed_version for partition, state in states.items() if state.observed_version}
        state = self._states.get(key)
        return {None: state.observed_version} if state is not None and state.observed_version else {}

    def data_versions(self, key: AssetKey) -> Mapping[str | None, str | None]:
        """The data version of each materialized partition."""
        if self._partitioned.get(key):
            states = self.instance.partition_states([key]).get(key, {})
            return {partition: state.data_version for partition, state in states.items()}
        state = self._states.get(key)
        return {None: state.data_version} if state is not None and state.is_materialized else {}

    def last_runs(self, key: AssetKey) -> Mapping[str | None, str]:
        """The run that materialized each partition last."""
        if self._partitioned.get(key):
            states = self.instance.partition_states([key]).get(key, {})
            return {partition: state.run_id for partition, state in states.items() if state.run_id}
        state = self._states.get(key)
        return {None: state.run_id} if state is not None and state.run_id else {}

    def materialized_at(self, key: AssetKey) -> datetime | None:
        """When any partition was materialized last."""
        state = self._states.get(key)
        made = None if state is None else state.timestamp
        return None if made is None else datetime.fromtimestamp(made, UTC)

    def run_tags(self, run_id: str) -> Mapping[str, str]:
        """The tags of a run; none of one that is not known."""
        run = self._run(run_id)
        return {} if run is None else run.tags

    def run_makes(self, run_id: str, key: AssetKey) -> bool:
        """Whether a run also makes this asset."""
        run = self._run(run_id)
        return run is not None and run.asset_selection is not None and key in run.asset_selection

    def check_passed(self, key: AssetKey, check: str) -> bool | None:
        """Whether a check passed; None when it has not looked at the latest materialization."""
        check_key = AssetCheckKey(key, check)
        state = self.instance.catalog.check_states([check_key]).get(check_key)
        if state is None or state.event_id is None:
            return None
        made = self._states.get(key)
        earlier = made is not None and (made.event_id or 0) > state.event_id
        return None if earlier and made is not None and made.run_id != state.run_id else state.passed

    def check_results(self, key: AssetKey, check: str) -> Mapping[str | None, bool]:
        """Whether a check passed in each partition where it looked at the latest materialization."""
        query = Query("SELECT partition, event_id, run_id, passed FROM check_evaluations")
        query.where("asset_key = ?", key_text(key)).where("check_name = ?", check)
        latest = {row[0]: row for row in query.order("event_id", ascending=True).rows(self.instance.db)}
        made = self.instance.partition_states([key]).get(key, {})
        return {
            partition: bool(passed)
            for partition, event_id, run_id, passed in latest.values()
            if not _made_later(made.get(partition), event_id, run_id)
        }

    def check_updates(self, key: AssetKey, check: str, event_id: int) -> Keys:
        """The partitions in which a check was evaluated after an event."""
        query = Query("SELECT DISTINCT partition FROM check_evaluations")
        query.where("asset_key = ?", key_text(key)).where("check_name = ?", check)
        return frozenset(row[0] for row in query.where("event_id > ?", event_id).rows(self.instance.db))


def _made_later(made: Any, event_id: int, run_id: str) -> bool:
    """Whether the asset was materialized behind the evaluation of a check, by another run."""
    return made is not None and (made.event_id or 0) > event_id and made.run_id != run_id


def view_for(instance: Instance, assets: Sequence[AutomationAsset]) -> InstanceView:
    """The state of these assets."""
    return InstanceView(instance, {asset.key: asset.partitions_def is not None for asset in assets})
