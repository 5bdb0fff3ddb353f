"""Backfills and automation conditions over a workspace's manifest.

Plain data, so no host is asked and no user code runs.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cellmill.automation.backfills import plan_targets
from cellmill.automation.conditions import evaluate_group
from cellmill.automation.stale_requests import selected_by, within_of
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.definitions.automation_json import condition_from_json
from cellmill.definitions.partitions.backfill_policy import BackfillPolicy
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.errors import CellmillError
from cellmill.instance.instance import Instance
from cellmill.notebooks.options_text import automation_of
from cellmill.planning.automation_view import AutomationAsset, AutomationCheck, AutomationJob
from cellmill.planning.backfill import BackfillAsset
from cellmill.planning.instigator import Answer, ConditionGroup, Question, RunAsk, ScheduleSpec, SensorSpec
from cellmill.workspace.freshness_policies import freshness_from_json
from cellmill.workspace.manifest import AssetEntry, CheckEntry
from cellmill.workspace.partition_mappings import policy_from_json
from cellmill.workspace.partitions import partitions_from_json
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.stale import parents_of_entry, partitions_of_entry, with_siblings, workspace_staleness
from cellmill.workspace.workspace import sort_assets

log = logging.getLogger("cellmill.daemon")
#: What a location's host is asked where conditions may run a user's code.
_IN_HOST = "cellmill.automation.host_conditions:evaluate"


class AutomatedWorkspace:
    """A workspace's source with what the daemon needs to know of its assets."""

    def __init__(self, source: WorkspaceSource, instance: Instance) -> None:
        self._source = source
        self._instance = instance
        self._warned: set[str] = set()

    def schedules(self) -> Sequence[ScheduleSpec]:
        """All schedules."""
        return self._source.schedules()

    def sensors(self) -> Sequence[SensorSpec]:
        """All sensors."""
        return self._source.sensors()

    def has_job(self, location: str, job_name: str) -> bool:
        """Whether the job exists."""
        return self._source.has_job(location, job_name)

    def evaluate(self, questions: Sequence[Question]) -> Iterator[Answer | Exception]:
        """What functions of one location answer, from its host."""
        return self._source.evaluate(questions)

    # -- assets ------------------------------------------------------------------------------------------------

    def _entries(self) -> list[AssetEntry]:
        return sort_assets(list(self._source.manifest().assets))

    def automated_locations(self) -> Sequence[str]:
        """The empty name, for the whole workspace, where an asset, a check or a job has a condition.

        Assets of all locations see each other.
        """
        manifest = self._source.manifest()
        said = [entry.automation for entries in (manifest.assets, manifest.checks, manifest.jobs) for entry in entries]
        return [""] if any(said) or any(entry.check_automation for entry in manifest.assets) else []

    def evaluate_conditions(self, group: ConditionGroup, cursor: str | None, now_s: float) -> dict[str, Any]:
        """One evaluation of a group's conditions.

        They see the whole workspace, those that users may have written the assets of their location.
        """
        if group.user_code:
            payload = {"sensor": group.name, "assets": _names(group.assets or ()), "cursor": cursor, "now": now_s}
            answer: dict[str, Any] = self._source.ask_host(group.location, _IN_HOST, payload)
            return answer
        text = group.default_condition
        default = None if text is None else condition_from_json(text)
        assets = self.automation_assets(group.without)
        return evaluate_group(assets, self._automation_jobs(), self._instance, group, cursor, now_s, default)

    def automation_assets(self, others: Container[AssetKey] = ()) -> list[AutomationAsset]:
        """What conditions see of all assets, upstreams first; the conditions of `others` are evaluated elsewhere."""
        on_cells: dict[tuple[str, ...], dict[str, CheckEntry]] = {}
        for check in self._source.manifest().checks:
            on_cells.setdefault(check.asset, {})[check.name] = check
        entries = [replace(one, automation=None) if one.asset_key in others else one for one in self._entries()]
        return [self._automation_asset(entry, on_cells.get(entry.key, {})) for entry in entries]

    def plan_backfill(self, location: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The units of an asset backfill."""
        assets = [
            BackfillAsset(
                key=entry.asset_key,
                partitions_def=partitions_of_entry(entry),
                parents=parents_of_entry(entry),
                policy=policy_from_json(entry.backfill_limit) or BackfillPolicy(),
                location=entry.location,
            )
            for entry in self._entries()
            if entry.materializable
        ]
        return plan_targets(assets, self._instance, request)

    def stale_assets(self, location: str, ask: RunAsk) -> Sequence[str]:
        """Those of the assets that `ask` selects, or that its job makes, that are stale or missing now."""
        entries = self._entries()
        wanted = selected_by(ask)
        if wanted is None:
            wanted = self._source.job_assets(location, ask.job_name or "")
        chosen = [entry for entry in entries if entry.materializable and entry.asset_key in wanted]
        known = workspace_staleness(entries, self._instance)
        targets = with_siblings(chosen, known.targets([entry.asset_key for entry in chosen], within_of(ask)))
        return [entry.asset_key.to_escaped_user_string() for entry in chosen if entry.asset_key in targets]

    def _automation_asset(self, entry: AssetEntry, checks: Mapping[str, CheckEntry]) -> AutomationAsset:
        partitions: PartitionsDefinition | None = None
        condition: AutomationCondition | None = None
        try:
            partitions = partitions_of_entry(entry)
            condition = None if entry.automation is None else _condition(entry.automation)
        except CellmillError as error:
            self._warn("asset", entry.name, error)
        return AutomationAsset(
            key=entry.asset_key,
            condition=condition,
            partitions_def=partitions,
            parents=parents_of_entry(entry),
            code_version=entry.code_version,
            checks=(
                *(
                    AutomationCheck(
                        name=name,
                        blocking=name in entry.blocking_checks,
                        with_asset=True,
                        condition=self._own_condition(
                            "check", f"{entry.name}:{name}", entry.check_automation.get(name)
                        ),
                    )
                    for name in entry.checks
                    if name not in checks
                ),
                *(self._automation_check(check) for check in checks.values()),
            ),
            siblings=frozenset(AssetKey(path) for path in entry.siblings) - {entry.asset_key},
            virtual=entry.virtual,
            observable=entry.observable and not entry.materializable,
            freshness_policy=freshness_from_json(entry.freshness),
            facts=entry.facts(),
        )

    def _automation_check(self, entry: CheckEntry) -> AutomationCheck:
        return AutomationCheck(
            name=entry.name,
            blocking=entry.blocking,
            condition=self._own_condition("check", entry.check_key.to_user_string(), entry.automation),
            partitioned=entry.partitioned,
            parents=frozenset(AssetKey(parts) for parts in entry.upstream),
        )

    def _own_condition(self, what: str, name: str, text: str | None) -> AutomationCondition | None:
        try:
            return None if text is None else _condition(text)
        except CellmillError as error:
            self._warn(what, name, error)
            return None

    def _automation_jobs(self) -> Iterator[AutomationJob]:
        for entry in self._source.manifest().jobs:
            if entry.automation is not None:
                try:
                    yield AutomationJob(
                        name=entry.name,
                        condition=_condition(entry.automation),
                        members=frozenset(AssetKey(path) for path in entry.assets),
                        partitions_def=None if entry.partitions is None else partitions_from_json(entry.partitions),
                        location=entry.location,
                    )
                except CellmillError as error:
                    self._warn("job", entry.name, error)

    def _warn(self, what: str, name: str, error: CellmillError) -> None:
        # One that cannot be understood must not stop the others; `cellmill check` names it too.
        if name not in self._warned:
            self._warned.add(name)
            log.warning("The %s %s is not automated: %s", what, name, error)


def _names(keys: Iterable[AssetKey]) -> list[str]:
    return sorted(key.to_escaped_user_string() for key in keys)


def _condition(text: str) -> AutomationCondition:
    if text.startswith("{"):
        return condition_from_json(text)
    found: AutomationCondition = automation_of(text)
    return found
