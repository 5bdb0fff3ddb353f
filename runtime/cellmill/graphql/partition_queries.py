"""What can be asked of partition sets and backfills."""

from __future__ import annotations

from typing import Annotated

import strawberry

from cellmill.graphql.assets import Info
from cellmill.graphql.backfills import (
    PartitionBackfill,
    PartitionBackfillOrError,
    PartitionBackfills,
    PartitionBackfillsOrError,
)
from cellmill.graphql.documented import CursorArg, LimitArg, arg, documented, page_size
from cellmill.graphql.problems import BackfillNotFoundError, PartitionSetNotFoundError
from cellmill.graphql.repository import (
    PartitionSet,
    PartitionSetOrError,
    PartitionSets,
    PartitionSetsOrError,
    RepositorySelector,
    find_job,
    no_such_job,
)

SelectorArg = Annotated[RepositorySelector, arg("The repository.")]


@strawberry.type
class PartitionQueries:
    """What can be asked of partition sets and backfills."""

    @documented
    def partition_sets_or_error(
        self, info: Info, repository_selector: SelectorArg, pipeline_name: Annotated[str, arg("The job.")]
    ) -> PartitionSetsOrError:
        """The partition sets of a job."""
        entry = find_job(info.context, pipeline_name, repository_selector.repository_location_name)
        if entry is None:
            return no_such_job(pipeline_name, None, repository_selector.repository_location_name)
        return PartitionSets(results=[PartitionSet(entry=entry)] if entry.partitions is not None else [])

    @documented
    def partition_set_or_error(
        self,
        info: Info,
        repository_selector: SelectorArg,
        partition_set_name: Annotated[str | None, arg("The set's name.")] = None,
    ) -> PartitionSetOrError:
        """One partition set."""
        name = (partition_set_name or "").removesuffix("_partition_set")
        entry = find_job(info.context, name, repository_selector.repository_location_name)
        if entry is None or entry.partitions is None:
            wanted = partition_set_name or ""
            return PartitionSetNotFoundError(message=f"No partition set is named {wanted}.", partition_set_name=wanted)
        return PartitionSet(entry=entry)

    @documented
    def partition_backfills_or_error(
        self,
        info: Info,
        status: Annotated[str | None, arg("Only backfills in this state.")] = None,
        cursor: CursorArg = None,
        limit: LimitArg = None,
    ) -> PartitionBackfillsOrError:
        """Backfills, newest first."""
        rows = info.context.instance.backfills.search(
            [status] if status else None, limit=page_size(limit), cursor=cursor
        )
        return PartitionBackfills(results=[PartitionBackfill(row=row) for row in rows])

    @documented
    def partition_backfill_or_error(
        self, info: Info, backfill_id: Annotated[str, arg("The backfill's id.")]
    ) -> PartitionBackfillOrError:
        """One backfill."""
        row = info.context.instance.backfills.get(backfill_id)
        if row is None:
            return BackfillNotFoundError(message=f"No backfill has the id {backfill_id}.", backfill_id=backfill_id)
        return PartitionBackfill(row=row)
