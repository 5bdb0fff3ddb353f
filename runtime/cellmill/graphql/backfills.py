"""Backfills: many partitions made by many runs."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from cellmill.automation.backfills import cancel_backfill, resume_backfill, submit_backfill
from cellmill.definitions.asset_key import AssetKey as Key
from cellmill.errors import CellmillError
from cellmill.graphql.assets import AssetKeyInput, Info
from cellmill.graphql.context import Context
from cellmill.graphql.documented import documented, said
from cellmill.graphql.metadata import AssetKey
from cellmill.graphql.problems import (
    BackfillNotFoundError,
    PartitionKeysNotFoundError,
    PartitionSetNotFoundError,
    PythonError,
    UnauthorizedError,
)
from cellmill.graphql.repository import RepositorySelector, find_job
from cellmill.graphql.run_filter import ExecutionTag
from cellmill.instance.backfill_store import BackfillRow
from cellmill.workspace.manifest import AssetEntry, JobEntry


@strawberry.type(description="How one partition of a backfill goes.")
class PartitionRunStatus:
    """How one partition of a backfill goes."""

    partition_name: str = said("The partition.")
    run_id: str = said("The run that makes it.")
    status: str = said("The run's state; `REQUESTED` before it is recorded.")


#: The state of a run as the state of the partitions that it makes; any other is on its way.
_PARTITION_WORDS = {"SUCCESS": "MATERIALIZED", "FAILURE": "FAILED", "CANCELED": "FAILED"}


@strawberry.type(description="How the partitions of one asset of a backfill go: one list for each property.")
class BackfillAssetStatuses:
    """How the partitions of one asset of a backfill go."""

    asset_key: AssetKey = said("The asset.")
    keys: list[str] = said("The partitions, in order.")
    states: list[str] = said("MATERIALIZED, MATERIALIZING, FAILED or MISSING.")
    run_ids: list[str] = said("The run that makes each; empty before there is one.")


@strawberry.type(description="Many partitions made by many runs.")
class PartitionBackfill:
    """Many partitions made by many runs."""

    row: strawberry.Private[BackfillRow]

    @documented
    def id(self) -> str:
        """The backfill's id."""
        return self.row.backfill_id

    @documented
    def status(self) -> str:
        """How far it is: REQUESTED, COMPLETED, FAILED, CANCELING, CANCELED."""
        return self.row.status

    @documented
    def timestamp(self) -> float:
        """When it was asked for, in seconds since the epoch."""
        return float(self.row.created_at)

    @documented
    def end_timestamp(self) -> float | None:
        """When it ended, in seconds since the epoch."""
        return self.row.ended_at

    @documented
    def title(self) -> str | None:
        """Its title."""
        return self.row.body.get("title") or None

    @documented
    def asset_selection(self) -> list[AssetKey] | None:
        """The assets it makes."""
        targets = self.row.body.get("request", {}).get("targets")
        return [AssetKey(path=name.split("/")) for name in targets] if targets else None

    @documented
    def partition_names(self) -> list[str] | None:
        """The partitions it makes; null before the daemon has planned it."""
        return self._partitions()

    @documented
    def num_partitions(self) -> int | None:
        """How many partitions it makes; null before the daemon has planned it."""
        names = self._partitions()
        return len(names) if names is not None else None

    def _partitions(self) -> list[str] | None:
        units = self.row.body.get("units")
        if units is None:
            return None
        return list(dict.fromkeys(str(key) for unit in units for key in unit.get("keys") or ()))

    @documented
    def partition_statuses(self, info: Info) -> list[PartitionRunStatus]:
        """How each of its partitions goes; one entry for each run and partition."""
        runs = info.context.instance.backfills.runs(self.row.backfill_id)
        found = []
        for unit in self.row.body.get("units") or ():
            run_id, status = runs.get(unit["part"], ("", None))
            found += [
                PartitionRunStatus(partition_name=str(key), run_id=run_id, status=status or "REQUESTED")
                for key in unit.get("keys") or ()
                if run_id
            ]
        return found

    @documented
    def asset_statuses(self, info: Info) -> list[BackfillAssetStatuses]:
        """How each partition of each of its assets goes; empty before the daemon has planned it, and of a job."""
        runs = info.context.instance.backfills.runs(self.row.backfill_id)
        found: dict[str, BackfillAssetStatuses] = {}
        for unit in self.row.body.get("units") or ():
            run_id, status = runs.get(unit["part"], ("", None))
            keys = [str(key) for key in unit.get("keys") or ()]
            for name in unit.get("assets") or ():
                key = AssetKey.of(Key.from_escaped_user_string(name))
                own = found.setdefault(name, BackfillAssetStatuses(asset_key=key, keys=[], states=[], run_ids=[]))
                own.keys += keys
                own.states += [_PARTITION_WORDS.get(status or "", "MATERIALIZING" if run_id else "MISSING")] * len(keys)
                own.run_ids += [run_id] * len(keys)
        return list(found.values())

    @documented
    def error(self) -> PythonError | None:
        """Why it failed."""
        problem = self.row.body.get("error")
        return PythonError.told(str(problem)) if problem else None


@strawberry.type(description="A page of backfills.")
class PartitionBackfills:
    """A page of backfills."""

    results: list[PartitionBackfill] = said("The backfills, newest first.")


@strawberry.type(description="A backfill was asked for.")
class LaunchBackfillSuccess:
    """A backfill was asked for."""

    backfill_id: str = said("The backfill's id.")
    launched_run_ids: list[str | None] | None = said("Runs that were started at once; the daemon starts the others.")


@strawberry.type(description="A backfill is being stopped.")
class CancelBackfillSuccess:
    """A backfill is being stopped."""

    backfill_id: str = said("The backfill's id.")


@strawberry.type(description="A backfill goes on.")
class ResumeBackfillSuccess:
    """A backfill goes on."""

    backfill_id: str = said("The backfill.")


PartitionBackfillOrError = Annotated[
    PartitionBackfill | BackfillNotFoundError | PythonError,
    strawberry.union("PartitionBackfillOrError", description="A backfill."),
]
PartitionBackfillsOrError = Annotated[
    PartitionBackfills | PythonError, strawberry.union("PartitionBackfillsOrError", description="Backfills.")
]
LaunchBackfillResult = Annotated[
    LaunchBackfillSuccess | PartitionSetNotFoundError | PartitionKeysNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("LaunchBackfillResult", description="The outcome of asking for a backfill."),
]
ResumeBackfillResult = Annotated[
    ResumeBackfillSuccess | BackfillNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("ResumeBackfillResult", description="The outcome of going on with a backfill."),
]
CancelBackfillResult = Annotated[
    CancelBackfillSuccess | BackfillNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("CancelBackfillResult", description="The outcome of stopping a backfill."),
]


@strawberry.input(description="A partition set of a repository.")
class PartitionSetSelector:
    """A partition set of a repository."""

    partition_set_name: str = said("The set's name.")
    repository_selector: RepositorySelector = said("The repository.")


@strawberry.input(description="What to make for which partitions.")
class LaunchBackfillParams:
    """What to make for which partitions."""

    selector: PartitionSetSelector | None = said("The partition set of a job; none where assets are selected.", None)
    partition_names: list[str] | None = said("The partitions.", None)
    all_partitions: bool | None = said("All partitions.", None)
    asset_selection: list[AssetKeyInput] | None = said("The assets to make.", None)
    from_failure: bool | None = said("Whether runs of failed partitions go on behind what succeeded.", None)
    reexecution_steps: list[str] | None = said("Kept for Dagster's clients; has no effect.", None)
    tags: list[ExecutionTag] | None = said("Tags of the runs.", None)
    force_synchronous_submission: bool | None = said("Kept for Dagster's clients; has no effect.", None)
    title: str | None = said("A title for people.", None)
    description: str | None = said("What it is for.", None)


def launch_backfill(context: Context, params: LaunchBackfillParams) -> Any:
    """Ask for a backfill; every way to fail is a value of the union."""
    job_name, assets = None, None
    entry: JobEntry | AssetEntry | None
    if params.selector is not None:
        name = params.selector.partition_set_name
        job_name = name.removesuffix("_partition_set")
        entry = find_job(context, job_name, params.selector.repository_selector.repository_location_name)
        if entry is None or entry.partitions is None:
            return PartitionSetNotFoundError(message=f"No partition set is named {name}.", partition_set_name=name)
    elif params.asset_selection:
        assets = [one.key for one in params.asset_selection]
        missing = [key for key in assets if key not in context.assets]
        if missing:
            return PythonError.told(f"No asset has the key {missing[0].to_user_string()}.", "AssetNotFound")
        entry = context.assets[assets[0]]
    else:
        return PythonError.told("Give a selector or an assetSelection.", "InvalidParams")
    known = set(context.partition_keys(entry))
    unknown = [key for key in params.partition_names or () if key not in known]
    if unknown:
        return PartitionKeysNotFoundError(message=f"There is no partition {unknown[0]}.", partition_keys=unknown)
    try:
        backfill_id = submit_backfill(
            context.instance,
            job_name=job_name,
            assets=assets,
            partition_keys=params.partition_names,
            all_partitions=bool(params.all_partitions),
            location=entry.location,
            title=params.title or "",
            tags={tag.key: tag.value for tag in params.tags or ()},
        )
    except CellmillError as problem:
        return PythonError.of(problem)
    return LaunchBackfillSuccess(backfill_id=str(backfill_id), launched_run_ids=[])


def go_on(context: Context, backfill_id: str) -> Any:
    """Go on with a backfill that is paused."""
    if context.instance.backfills.get(backfill_id) is None:
        return BackfillNotFoundError(message=f"No backfill has the id {backfill_id}.", backfill_id=backfill_id)
    resume_backfill(context.instance, backfill_id)
    return ResumeBackfillSuccess(backfill_id=backfill_id)


def stop_backfill(context: Context, backfill_id: str) -> Any:
    """Ask for a backfill to be stopped."""
    if context.instance.backfills.get(backfill_id) is None:
        return BackfillNotFoundError(message=f"No backfill has the id {backfill_id}.", backfill_id=backfill_id)
    cancel_backfill(context.instance, backfill_id)
    return CancelBackfillSuccess(backfill_id=backfill_id)
