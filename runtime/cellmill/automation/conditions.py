"""Declarative automation at work.

Conditions are evaluated, the result is recorded, and what is requested becomes runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cellmill.automation.asset_view import automation_assets, automation_jobs, selected_keys, view_for
from cellmill.automation.clock import Clock
from cellmill.automation.source import Source
from cellmill.definitions.asset_key import AssetCheckKey, AssetJobKey, AssetKey
from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.definitions.partitions.key import PARTITION_NAME_TAG
from cellmill.definitions.partitions.loading import partition_loading_context
from cellmill.errors import LeaseLostError
from cellmill.instance.automation import InstigatorState, RunSubmission
from cellmill.instance.backfill_store import NewBackfill
from cellmill.instance.instance import Instance
from cellmill.planning.automation import evaluate
from cellmill.planning.automation_view import AutomationAsset, AutomationJob, EntityKey
from cellmill.planning.backfill import BackfillStatus
from cellmill.planning.evaluation import ConditionsResult, Evaluation
from cellmill.planning.instigator import ConditionGroup, condition_groups
from cellmill.planning.run import Run, RunStatus
from cellmill.planning.tick import TickStatus, tick_id

AUTOMATION_TAG = "dagster/from_automation_condition"
#: The name of the job that makes any selection of assets.
ASSET_JOB = "__ASSET_JOB"
#: Evaluations that a tick keeps the explanations of.
MAX_EXPLAINED = 200


@dataclass(frozen=True, slots=True)
class SubsetResult:
    """The partitions for which a condition was true."""

    #: What they are partitions of.
    key: EntityKey
    size: int
    keys: frozenset[str | None]

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not self.keys

    def expensively_compute_partition_keys(self) -> set[str]:
        """The names of the partitions; none of what has no partitions."""
        return {key for key in self.keys if key is not None}


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """The evaluation of one condition: that of an asset, a check or a job, or a part of it."""

    key: EntityKey
    evaluation: Evaluation

    @property
    def condition(self) -> AutomationCondition:
        """The condition."""
        return self.evaluation.condition

    @property
    def true_subset(self) -> SubsetResult:
        """The partitions for which it was true."""
        return SubsetResult(self.key, len(self.evaluation.true), self.evaluation.true)

    @property
    def child_results(self) -> list[ConditionResult]:
        """The evaluations of the conditions that it is made of, each about the asset that was asked."""
        return [ConditionResult(child.asset, child) for child in self.evaluation.children]


class EvaluateAutomationConditionsResult:
    """What an evaluation of automation conditions requests, and the cursor for the next.

    Made by `evaluate_automation_conditions`; not to be constructed.

    Args:
        result: What the evaluation found.
    """

    def __init__(self, result: ConditionsResult) -> None:
        self._result = result
        self.cursor = result.cursor

    @property
    def total_requested(self) -> int:
        """How many partitions are requested, all assets together."""
        return self._result.total_requested

    @property
    def results(self) -> list[ConditionResult]:
        """The evaluations of all conditions."""
        return [ConditionResult(key, found) for key, found in self._result.evaluations.items()]

    def get_requested_partitions(self, asset_key: Any) -> set[str | None]:
        """The partitions of an asset, a check or a job that are requested; {None} for one without partitions.

        Args:
            asset_key: The asset: a key, or its name; or an `AssetCheckKey` or `AssetJobKey`.
        """
        return set(self._result.requested.get(_entity_key(asset_key), ()))

    def get_num_requested(self, asset_key: Any) -> int:
        """How many partitions of an asset are requested.

        Args:
            asset_key: The asset: a key, or its name. One without partitions counts as one.
        """
        return len(self.get_requested_partitions(asset_key))

    def explain(self, key: Any) -> str:
        """Why an asset is requested or not, a line per condition.

        Args:
            key: The asset: a key, or its name.
        """
        return self._result.evaluations[_entity_key(key)].explain()


def _entity_key(key: Any) -> EntityKey:
    return key if isinstance(key, (AssetCheckKey, AssetJobKey)) else AssetKey.from_coercible(key)


def evaluate_automation_conditions(
    defs: Any,
    instance: Instance,
    asset_selection: Any = None,
    evaluation_time: datetime | None = None,
    cursor: Mapping[str, Any] | None = None,
) -> EvaluateAutomationConditionsResult:
    """Evaluates the conditions of all (or the selected) assets once, without starting anything.

    For tests of conditions: hand the cursor of one result to the next call, so that "since the last evaluation" has a
    meaning.

    Args:
        defs: `Definitions`, or a list of assets.
        instance: The instance whose materializations, runs and partitions count.
        asset_selection: The assets whose conditions are evaluated: a selection, a selection string or keys; None means
            all.
        evaluation_time: The moment for which they are evaluated; None means now, and one without a time zone is UTC.
        cursor: That of the result before; None is the first evaluation.

    Returns:
        What is requested, and why.
    """
    assets = automation_assets(defs)
    if asset_selection is not None:
        chosen = selected_keys(defs, asset_selection)
        assets = [asset if asset.key in chosen else _without_conditions(asset) for asset in assets]
    return _evaluated(assets, automation_jobs(defs), instance, evaluation_time or datetime.now(UTC), cursor)


def _without_conditions(asset: AutomationAsset) -> AutomationAsset:
    checks = tuple(replace(check, condition=None) for check in asset.checks)
    return replace(asset, condition=None, checks=checks)


def _evaluated(
    assets: Sequence[AutomationAsset],
    jobs: Sequence[AutomationJob],
    instance: Instance,
    now: datetime,
    cursor: Mapping[str, Any] | None,
) -> EvaluateAutomationConditionsResult:
    with partition_loading_context(now if now.tzinfo else now.replace(tzinfo=UTC), instance):
        return EvaluateAutomationConditionsResult(evaluate(assets, view_for(instance, assets), cursor, now, jobs))


def evaluate_group(
    assets: Iterable[AutomationAsset],
    jobs: Iterable[AutomationJob],
    instance: Instance,
    group: ConditionGroup,
    cursor: str | None,
    now_s: float,
    default: AutomationCondition | None = None,
) -> dict[str, Any]:
    """One evaluation of a group as plain data: what is requested by partition, the explanations, the next cursor.

    `assets` are all that the group's may see, upstreams first. Jobs belong to the group that no sensor makes;
    `default` is the condition of those of its assets that have none.
    """
    own = [
        replace(asset, condition=asset.condition or default) if asset.key in group else _without_conditions(asset)
        for asset in assets
    ]
    now = datetime.fromtimestamp(now_s, UTC)
    whole = list(jobs) if group.assets is None else []
    data = result_as_data(_evaluated(own, whole, instance, now, json.loads(cursor) if cursor else None))
    places = {job.name: job.location for job in whole}
    return {**data, "jobs": [[partition, name, places[name]] for partition, name in data["jobs"]]}


def result_as_data(result: EvaluateAutomationConditionsResult) -> dict[str, Any]:
    """An evaluation as plain data: what is requested by partition, the explanations, and the next cursor."""
    by_partition: dict[str | None, list[str]] = {}
    checks: dict[str | None, list[tuple[str, str]]] = {}
    jobs: list[tuple[str | None, str]] = []
    for item in result.results:
        key = item.key
        for partition in item.true_subset.keys:
            if isinstance(key, AssetJobKey):
                jobs.append((partition, key.job_name))
            elif isinstance(key, AssetKey):
                by_partition.setdefault(partition, []).append(key.to_escaped_user_string())
            elif partition not in result.get_requested_partitions(key.asset_key):  # else the asset's run evaluates it
                checks.setdefault(partition, []).append((key.asset_key.to_escaped_user_string(), key.name))
    explained = {_shown(item.key): list(item.evaluation.rows()) for item in result.results[:MAX_EXPLAINED]}
    requests = [[partition, sorted(names)] for partition, names in by_partition.items()]
    alone = [[partition, sorted(keys)] for partition, keys in checks.items()]
    return {
        "requests": requests,
        "checks": alone,
        "jobs": sorted(jobs, key=lambda job: (job[1], job[0] or "")),
        "explained": explained,
        "cursor": json.dumps(result.cursor),
    }


def _shown(key: EntityKey) -> str:
    if isinstance(key, AssetJobKey):
        return f"job:{key.job_name}"
    return key.to_escaped_user_string() if isinstance(key, AssetKey) else key.to_user_string()


class ConditionLoop:
    """One evaluation of each group of conditions at a time."""

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
        """Evaluates every group that is switched on; returns how many runs and backfills were requested."""
        groups = condition_groups(self._source.sensors(), self._source.automated_locations())
        return sum(self._evaluate(group) for group in groups)

    def _evaluate(self, group: ConditionGroup) -> int:
        state = self._instance.automation.instigator(group.id)
        if state is None:
            if not group.running_by_default:
                return 0
            state = InstigatorState(
                id=group.id, kind=group.kind, name=group.name, location=group.location, status="RUNNING"
            )
            state = self._instance.automation.add_instigator(state)
        if state.status != "RUNNING":
            return 0
        lease = self._instance.leases.acquire(group.id, self._owner, self._claim_s)
        if lease is None:
            return 0
        try:
            return self._evaluate_alone(group)
        finally:
            self._instance.leases.release(lease)

    def _evaluate_alone(self, group: ConditionGroup) -> int:
        now = self._clock.now()
        state = self._instance.automation.instigator(group.id)
        interval_s = self._interval_s if group.minimum_interval_s is None else group.minimum_interval_s
        if state is None or (state.last_tick_at is not None and now - state.last_tick_at < interval_s):
            return 0
        tick = self._instance.automation.claim_tick(group.id, int(now), owner=self._owner, lease_s=self._claim_s)
        if tick is None:
            return 0
        try:
            answer = self._source.evaluate_conditions(group, state.cursor, now)
        except Exception as error:  # the shell of an evaluation: whatever went wrong is recorded on its tick
            body = {"error": f"{type(error).__name__}: {error}"}
            self._instance.automation.record_tick(
                tick, status=TickStatus.FAILURE, failures=state.failures + 1, body=body
            )
            return 0
        requests: list[tuple[str | None, list[str]]] = answer["requests"]
        backfill = self._backfill(group, tick.at, requests)
        submissions = [
            self._submission(group, tick.at, index, partition, names)
            for index, (partition, names) in enumerate(requests if backfill is None else ())
        ]
        submissions += [
            self._check_submission(group, tick.at, index, partition, keys)
            for index, (partition, keys) in enumerate(answer.get("checks", ()))
        ]
        submissions += [
            self._job_submission(group, tick.at, index, *wanted) for index, wanted in enumerate(answer.get("jobs", ()))
        ]
        asked = {} if backfill is None else {"backfill_ids": [backfill.backfill_id]}
        try:
            self._instance.automation.record_tick(
                tick,
                status=TickStatus.SUCCESS if submissions or backfill else TickStatus.SKIPPED,
                submissions=submissions,
                cursor=answer["cursor"],
                failures=0,
                body={"explained": answer["explained"], **asked},
                backfill=backfill,
            )
        except LeaseLostError:
            return 0
        return len(submissions) + (backfill is not None)

    @staticmethod
    def _backfill(group: ConditionGroup, at: int, requests: list[tuple[str | None, list[str]]]) -> NewBackfill | None:
        """The backfill that makes all that is requested; None where the group has none, or needs none."""
        targets: dict[str, list[str] | None] = {}
        for partition, names in requests:
            for name in names:
                targets[name] = None if partition is None else [*(targets.get(name) or ()), partition]
        if not group.emits_backfills or all(len(keys or ()) < 2 for keys in targets.values()):
            return None
        body = {
            "title": group.name,
            "tags": {**group.run_tags, AUTOMATION_TAG: "true"},
            "location": group.location,
            "job_name": ASSET_JOB,
            "request": {"targets": targets, "all_partitions": False},
        }
        # Named by its tick: whoever records the tick again asks for the same backfill.
        identifier = hashlib.sha256(tick_id(group.id, at).encode()).hexdigest()[:16]
        return NewBackfill(identifier, BackfillStatus.REQUESTED, body)

    def _submission(
        self, group: ConditionGroup, at: int, index: int, partition: str | None, assets: list[str]
    ) -> RunSubmission:
        run = Run(
            job_name=ASSET_JOB,
            tags=_run_tags(group, partition),
            asset_selection=frozenset(AssetKey.from_escaped_user_string(key) for key in assets),
            location=group.location,
            status=RunStatus.QUEUED,
        )
        return RunSubmission(run=run, run_key=f"{tick_id(group.id, at)}#{index}")

    def _check_submission(
        self, group: ConditionGroup, at: int, index: int, partition: str | None, checks: list[tuple[str, str]]
    ) -> RunSubmission:
        run = Run(
            job_name=ASSET_JOB,
            tags=_run_tags(group, partition),
            asset_selection=frozenset(),
            asset_check_selection=frozenset(
                AssetCheckKey(AssetKey.from_escaped_user_string(asset), name) for asset, name in checks
            ),
            location=group.location,
            status=RunStatus.QUEUED,
        )
        return RunSubmission(run=run, run_key=f"{tick_id(group.id, at)}#check{index}")

    def _job_submission(
        self, group: ConditionGroup, at: int, index: int, partition: str | None, job: str, location: str
    ) -> RunSubmission:
        tags = _run_tags(group, partition)
        run = Run(job_name=job, tags=tags, location=location or group.location, status=RunStatus.QUEUED)
        return RunSubmission(run=run, run_key=f"{tick_id(group.id, at)}#job{index}")


def _run_tags(group: ConditionGroup, partition: str | None) -> dict[str, str]:
    of_partition = {} if partition is None else {PARTITION_NAME_TAG: partition}
    return {**group.run_tags, AUTOMATION_TAG: "true", **of_partition}
