"""Backfills: planned once, then advanced chunk by chunk.

Run ids are fixed before any run is made, so none is made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellmill.automation.asset_view import backfill_assets
from cellmill.automation.clock import Clock
from cellmill.automation.conditions import ASSET_JOB
from cellmill.automation.source import Source
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.partitions.backfill_policy import BackfillPolicy
from cellmill.definitions.partitions.loading import partition_loading_context
from cellmill.errors import CellmillError, ConcurrencyError, DuplicateRunError, InvalidInvocationError
from cellmill.instance.backfill_store import BackfillRow
from cellmill.instance.instance import Instance
from cellmill.planning.backfill import (
    BackfillAsset,
    BackfillStatus,
    Progress,
    Unit,
    plan_asset_backfill,
    plan_job_backfill,
    progress_of,
    ready_units,
)
from cellmill.planning.run import BACKFILL_TAG, Run, RunStatus, make_run_id

#: Runs that one pass adds to a backfill.
CHUNK = 100
#: Runs of a backfill that may wait or work at a time.
MAX_OPEN = 500
_OPEN = (BackfillStatus.REQUESTED, BackfillStatus.CANCELING)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillView:
    """A backfill as people see it."""

    backfill_id: str
    status: BackfillStatus
    progress: Progress
    title: str
    error: str | None
    run_ids: Sequence[str]


def submit_backfill(
    instance: Instance,
    *,
    job_name: str | None = None,
    assets: Mapping[Any, Sequence[str] | None] | Sequence[Any] | None = None,
    partition_keys: Sequence[str] | None = None,
    all_partitions: bool = False,
    location: str = "",
    tags: Mapping[str, str] | None = None,
    title: str = "",
    policy: BackfillPolicy | None = None,
    backfill_id: str | None = None,
) -> str:
    """Records a backfill of a job's partitions or of assets; the daemon does the rest.

    `assets` maps each asset to its partitions, or lists assets which all get `partition_keys` (or all partitions).
    """
    if (job_name is None) == (assets is None):
        raise InvalidInvocationError("A backfill is of a job (job_name=) or of assets (assets=), one of the two")
    identifier = backfill_id or make_run_id()[:8]
    body: dict[str, Any] = {"title": title, "tags": dict(tags or {}), "location": location}
    if job_name is not None:
        if not partition_keys:
            raise InvalidInvocationError(f"Say which partitions of {job_name!r} to run: partition_keys=[…]")
        body["job_name"] = job_name
        body["units"] = [unit.to_json() for unit in plan_job_backfill(list(partition_keys), location, policy)]
    else:
        assert assets is not None
        body["job_name"] = ASSET_JOB
        given = assets if isinstance(assets, Mapping) else dict.fromkeys(assets, partition_keys)
        body["request"] = {
            "targets": {
                AssetKey.from_coercible(key).to_escaped_user_string(): (None if keys is None else list(keys))
                for key, keys in given.items()
            },
            "all_partitions": all_partitions,
        }
    if not instance.backfills.add(identifier, status=BackfillStatus.REQUESTED, body=body):
        raise InvalidInvocationError(f"There is a backfill {identifier!r} already")
    return identifier


def plan_request(
    definitions: Any, instance: Instance, request: Mapping[str, Any], location: str = ""
) -> list[dict[str, Any]]:
    """The units of an asset backfill as plain data.

    Args:
        definitions: The `Definitions` that have the assets.
        instance: The instance whose partitions and materializations count.
        request: What the backfill asks for, as it is stored.
        location: Name of the code location of the definitions.

    Raises:
        InvalidInvocationError: for an asset or partition that does not exist.
    """
    return plan_targets(backfill_assets(definitions, location), instance, request)


def plan_targets(
    assets: Sequence[BackfillAsset], instance: Instance, request: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """As `plan_request`, over assets that are known already."""
    by_key = {asset.key: asset for asset in assets}
    targets: dict[AssetKey, Any] = {}
    with partition_loading_context(None, instance):
        for name, keys in request["targets"].items():
            asset = by_key.get(AssetKey.from_escaped_user_string(name))
            if asset is None:
                raise InvalidInvocationError(f"There is no asset {name!r} to backfill")
            targets[asset.key] = _target(asset, keys, instance)
        return [unit.to_json() for unit in plan_asset_backfill(assets, targets)]


def _target(asset: BackfillAsset, keys: Sequence[str] | None, instance: Instance) -> Any:
    definition = asset.partitions_def
    if definition is None:
        return None
    if keys is None:
        return definition.subset_with_all_partitions(None, instance)
    for key in keys:
        definition.validate_partition_key(key, None, instance)
    return definition.subset_with_partition_keys(keys)


def _change(
    instance: Instance, backfill_id: str, decide: Callable[[BackfillRow], tuple[BackfillStatus, dict[str, Any]] | None]
) -> bool:
    for _ in range(20):
        row = instance.backfills.get(backfill_id)
        if row is None:
            raise InvalidInvocationError(f"There is no backfill {backfill_id!r}")
        decision = decide(row)
        if decision is None:
            return False
        if instance.backfills.update(backfill_id, revision=row.revision, status=decision[0], body=decision[1]):
            return True
    return False


def _move(instance: Instance, backfill_id: str, before: Sequence[BackfillStatus], after: BackfillStatus) -> bool:
    return _change(instance, backfill_id, lambda row: (after, dict(row.body)) if row.status in before else None)


def pause_backfill(instance: Instance, backfill_id: str) -> bool:
    """Starts no further runs until it is resumed; False where it is over."""
    return _move(instance, backfill_id, [BackfillStatus.REQUESTED], BackfillStatus.PAUSED)


def resume_backfill(instance: Instance, backfill_id: str) -> bool:
    """Goes on with a paused backfill."""
    return _move(instance, backfill_id, [BackfillStatus.PAUSED], BackfillStatus.REQUESTED)


def cancel_backfill(instance: Instance, backfill_id: str) -> bool:
    """Cancels its runs and starts no more."""
    return _move(instance, backfill_id, [BackfillStatus.REQUESTED, BackfillStatus.PAUSED], BackfillStatus.CANCELING)


def retry_backfill(instance: Instance, backfill_id: str) -> bool:
    """Runs the parts again that failed or were cancelled, and what waited for them; False where nothing did."""

    def decide(row: BackfillRow) -> tuple[BackfillStatus, dict[str, Any]] | None:
        units = _units(row)
        failed = {
            part
            for part, state in _states(instance, row, units).items()
            if state in (RunStatus.FAILURE, RunStatus.CANCELED)
        }
        if not failed:
            return None
        attempts = dict(row.body.get("attempts", {}))
        for part in failed:
            attempts[part] = attempts.get(part, 1) + 1
        return BackfillStatus.REQUESTED, {**row.body, "attempts": attempts}

    return _change(instance, backfill_id, decide)


def _units(row: BackfillRow) -> list[Unit]:
    return [Unit.from_json(data) for data in row.body.get("units", ())]


def _attempt_name(row: BackfillRow, part: str) -> str:
    attempt = row.body.get("attempts", {}).get(part, 1)
    return part if attempt == 1 else f"{part}@{attempt}"


def _states(instance: Instance, row: BackfillRow, units: Sequence[Unit]) -> dict[str, RunStatus | None]:
    """The state of each unit's run; None also for a run that is only reserved."""
    runs = instance.backfills.runs(row.backfill_id)
    found: dict[str, RunStatus | None] = {}
    for unit in units:
        status = runs.get(_attempt_name(row, unit.part), (None, None))[1]
        found[unit.part] = None if status is None else RunStatus(status)
    return found


def view_backfill(instance: Instance, backfill_id: str) -> BackfillView:
    """The state and progress of a backfill."""
    row = instance.backfills.get(backfill_id)
    if row is None:
        raise InvalidInvocationError(f"There is no backfill {backfill_id!r}")
    units = _units(row)
    runs = instance.backfills.runs(backfill_id)
    return BackfillView(
        backfill_id=backfill_id,
        status=BackfillStatus(row.status),
        progress=progress_of(units, _states(instance, row, units)),
        title=row.body.get("title", ""),
        error=row.body.get("error"),
        run_ids=[run_id for run_id, status in runs.values() if status is not None],
    )


class BackfillLoop:
    """One pass over the open backfills at a time; any number of loops may work on one instance."""

    def __init__(
        self, instance: Instance, source: Source, clock: Clock, *, chunk: int = CHUNK, max_open: int = MAX_OPEN
    ) -> None:
        self._instance = instance
        self._source = source
        self._clock = clock
        self._chunk = chunk
        self._max_open = max_open

    def run_once(self) -> int:
        """Advances every open backfill; returns how many runs were added."""
        return sum(self._advance(row) for row in reversed(self._instance.backfills.search(list(_OPEN))))

    def _advance(self, row: BackfillRow) -> int:
        if "units" not in row.body:
            planned = self._plan(row)
            if planned is None:
                return 0
            row = planned
        units = _units(row)
        states = _states(self._instance, row, units)
        if row.status == BackfillStatus.CANCELING:
            self._cancel(row, units, states)
            return 0
        progress = progress_of(units, states)
        if progress.is_done:
            good = progress.succeeded == progress.total
            self._end(row, BackfillStatus.COMPLETED_SUCCESS if good else BackfillStatus.COMPLETED_FAILED)
            return 0
        room = min(self._chunk, self._max_open - progress.in_progress)
        return self._start(row, ready_units(units, states, max(room, 0)))

    def _plan(self, row: BackfillRow) -> BackfillRow | None:
        try:
            units = self._source.plan_backfill(row.body.get("location", ""), row.body["request"])
            status, body = BackfillStatus.REQUESTED, {**row.body, "units": units}
        except Exception as error:  # the shell of planning: a backfill that cannot be planned says why
            status, body = (
                BackfillStatus.COMPLETED_FAILED,
                {**row.body, "units": [], "error": f"{type(error).__name__}: {error}"},
            )
        ended = status is not BackfillStatus.REQUESTED
        self._instance.backfills.update(row.backfill_id, revision=row.revision, status=status, body=body, ended=ended)
        return None if ended else self._instance.backfills.get(row.backfill_id)

    def _start(self, row: BackfillRow, units: Sequence[Unit]) -> int:
        if not units:
            return 0
        names = {_attempt_name(row, unit.part): unit for unit in units}
        reserved = self._instance.backfills.reserve_runs(row.backfill_id, {name: make_run_id() for name in names})
        added = 0
        for name, unit in names.items():
            try:
                self._instance.add_run(self._run(row, unit, reserved[name]))
                added += 1
            except DuplicateRunError:
                continue  # another loop was first
        return added

    def _run(self, row: BackfillRow, unit: Unit, run_id: str) -> Run:
        tags = {**row.body.get("tags", {}), **unit.tags, BACKFILL_TAG: row.backfill_id}
        return Run(
            run_id=run_id,
            job_name=row.body["job_name"],
            tags=tags,
            asset_selection=frozenset(AssetKey.from_escaped_user_string(name) for name in unit.assets)
            if unit.assets
            else None,
            location=unit.location or row.body.get("location", ""),
            status=RunStatus.QUEUED,
        )

    def _cancel(self, row: BackfillRow, units: Sequence[Unit], states: Mapping[str, RunStatus | None]) -> None:
        runs = self._instance.backfills.runs(row.backfill_id)
        open_runs = 0
        for unit in units:
            state = states[unit.part]
            if state is None or state in (RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED):
                continue
            open_runs += 1
            run = self._instance.get_run_by_id(runs[_attempt_name(row, unit.part)][0])
            if run is None or state is RunStatus.CANCELING:
                continue
            try:
                if state in (RunStatus.QUEUED, RunStatus.NOT_STARTED):
                    self._instance.report_run_canceled(run, "The backfill was cancelled.")
                else:
                    self._instance.report_run_canceling(run, "The backfill was cancelled.")
            except (ConcurrencyError, CellmillError):
                continue  # it ended meanwhile
        if open_runs == 0:
            self._end(row, BackfillStatus.CANCELED)

    def _end(self, row: BackfillRow, status: BackfillStatus) -> None:
        self._instance.backfills.update(
            row.backfill_id, revision=row.revision, status=status, body=dict(row.body), ended=True
        )
