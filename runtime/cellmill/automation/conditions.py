"""Declarative automation at work.

Conditions are evaluated, the result is recorded, and what is requested becomes runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cellmill.automation.asset_view import automation_assets, view_for
from cellmill.automation.clock import Clock
from cellmill.automation.source import Source
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.partitions.key import PARTITION_NAME_TAG
from cellmill.definitions.partitions.loading import partition_loading_context
from cellmill.definitions.selection_graph import SelectionGraph
from cellmill.errors import LeaseLostError
from cellmill.instance.automation import InstigatorState, RunSubmission
from cellmill.instance.instance import Instance
from cellmill.planning.automation import AutomationResult, Evaluation, evaluate
from cellmill.planning.run import Run, RunStatus
from cellmill.planning.tick import TickStatus, tick_id

AUTOMATION_TAG = "dagster/from_automation_condition"
#: The name of the job that makes any selection of assets.
ASSET_JOB = "__ASSET_JOB"
#: Evaluations that a tick keeps the explanations of.
MAX_EXPLAINED = 200


@dataclass(frozen=True, slots=True)
class SubsetResult:
    """The partitions for which an asset's condition was true."""

    size: int
    keys: frozenset[str | None]


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """The evaluation of one asset's condition."""

    key: AssetKey
    true_subset: SubsetResult
    evaluation: Evaluation


class EvaluateAutomationConditionsResult:
    """What an evaluation of automation conditions requests, and the cursor for the next."""

    def __init__(self, result: AutomationResult) -> None:
        self._result = result
        self.cursor = result.cursor

    @property
    def total_requested(self) -> int:
        """How many partitions are requested, all assets together."""
        return self._result.total_requested

    @property
    def results(self) -> list[ConditionResult]:
        """The evaluations of all conditions."""
        return [
            ConditionResult(key, SubsetResult(len(found.true), found.true), found)
            for key, found in self._result.evaluations.items()
        ]

    def get_requested_partitions(self, asset_key: Any) -> set[str | None]:
        """The partitions of an asset that are requested; {None} for one without partitions."""
        return set(self._result.requested.get(AssetKey.from_coercible(asset_key), ()))

    def get_num_requested(self, asset_key: Any) -> int:
        """How many partitions of an asset are requested."""
        return len(self.get_requested_partitions(asset_key))

    def explain(self, key: Any) -> str:
        """Why an asset is requested or not, a line per condition."""
        return self._result.evaluations[AssetKey.from_coercible(key)].explain()


def evaluate_automation_conditions(
    defs: Any,
    instance: Instance,
    asset_selection: Any = None,
    evaluation_time: datetime | None = None,
    cursor: Mapping[str, Any] | None = None,
) -> EvaluateAutomationConditionsResult:
    """Evaluates the conditions of all (or the selected) assets once, without starting anything."""
    assets = automation_assets(defs)
    if asset_selection is not None:
        graph = SelectionGraph([asset.facts for asset in assets if asset.facts is not None])
        chosen = asset_selection.resolve(graph, allow_missing=True)
        assets = [asset if asset.key in chosen else replace(asset, condition=None) for asset in assets]
    now = evaluation_time or datetime.now(UTC)
    with partition_loading_context(now if now.tzinfo else now.replace(tzinfo=UTC), instance):
        return EvaluateAutomationConditionsResult(evaluate(assets, view_for(instance, assets), cursor, now))


def evaluation_request(definitions: Any, instance: Instance, cursor: str | None, now_s: float) -> dict[str, Any]:
    """One evaluation as plain data: what is requested by partition, the explanations, and the next cursor."""
    result = evaluate_automation_conditions(
        definitions, instance, None, datetime.fromtimestamp(now_s, UTC), json.loads(cursor) if cursor else None
    )
    return result_as_data(result)


def result_as_data(result: EvaluateAutomationConditionsResult) -> dict[str, Any]:
    """An evaluation as plain data: what is requested by partition, the explanations, and the next cursor."""
    by_partition: dict[str | None, list[str]] = {}
    for item in result.results:
        for partition in item.true_subset.keys:
            by_partition.setdefault(partition, []).append(item.key.to_escaped_user_string())
    explained = {
        item.key.to_escaped_user_string(): item.evaluation.explain() for item in result.results[:MAX_EXPLAINED]
    }
    requests = [[partition, sorted(names)] for partition, names in by_partition.items()]
    return {"requests": requests, "explained": explained, "cursor": json.dumps(result.cursor)}


class ConditionLoop:
    """One evaluation of each location's conditions at a time."""

    def __init__(
        self,
        instance: Instance,
        source: Source,
        clock: Clock,
        owner: str,
        *,
        claim_s: float = 120.0,
        interval_s: float = 5.0,
    ) -> None:
        self._instance = instance
        self._source = source
        self._clock = clock
        self._owner = owner
        self._claim_s = claim_s
        self._interval_s = interval_s

    def run_once(self) -> int:
        """Evaluates every location that has conditions; returns how many runs were requested."""
        return sum(self._evaluate(location) for location in self._source.automated_locations())

    def _evaluate(self, location: str) -> int:
        name = f"{location}:automation:conditions"
        state = self._instance.automation.instigator(name)
        if state is None:
            state = InstigatorState(id=name, kind="automation", name="conditions", location=location, status="RUNNING")
            state = self._instance.automation.add_instigator(state)
        if state.status != "RUNNING":
            return 0
        lease = self._instance.leases.acquire(name, self._owner, self._claim_s)
        if lease is None:
            return 0
        try:
            return self._evaluate_alone(name, location)
        finally:
            self._instance.leases.release(lease)

    def _evaluate_alone(self, name: str, location: str) -> int:
        now = self._clock.now()
        state = self._instance.automation.instigator(name)
        if state is None or (state.last_tick_at is not None and now - state.last_tick_at < self._interval_s):
            return 0
        tick = self._instance.automation.claim_tick(name, int(now), owner=self._owner, lease_s=self._claim_s)
        if tick is None:
            return 0
        try:
            answer = self._source.evaluate_conditions(location, state.cursor, now)
        except Exception as error:  # the shell of an evaluation: whatever went wrong is recorded on its tick
            body = {"error": f"{type(error).__name__}: {error}"}
            self._instance.automation.record_tick(
                tick, status=TickStatus.FAILURE, failures=state.failures + 1, body=body
            )
            return 0
        submissions = [
            self._submission(name, location, tick.at, index, partition, names)
            for index, (partition, names) in enumerate(answer["requests"])
        ]
        try:
            self._instance.automation.record_tick(
                tick,
                status=TickStatus.SUCCESS if submissions else TickStatus.SKIPPED,
                submissions=submissions,
                cursor=answer["cursor"],
                failures=0,
                body={"explained": answer["explained"]},
            )
        except LeaseLostError:
            return 0
        return len(submissions)

    def _submission(
        self, name: str, location: str, at: int, index: int, partition: str | None, assets: list[str]
    ) -> RunSubmission:
        tags = {AUTOMATION_TAG: "true", **({PARTITION_NAME_TAG: partition} if partition is not None else {})}
        run = Run(
            job_name=ASSET_JOB,
            tags=tags,
            asset_selection=frozenset(AssetKey.from_escaped_user_string(key) for key in assets),
            location=location,
            status=RunStatus.QUEUED,
        )
        return RunSubmission(run=run, run_key=f"{tick_id(name, at)}#{index}")
