"""Which runs are meant: states, tags and times."""

from __future__ import annotations

from datetime import UTC, datetime

import strawberry

from cellmill.graphql.documented import instant, said
from cellmill.planning import run as records
from cellmill.planning.run import RunStatus as RunStatus

# Whoever names it in a field has it from here: its description is given before a field asks for it.
strawberry.enum(RunStatus, description="The state of a run.")


@strawberry.input(description="A tag.")
class ExecutionTag:
    """A tag."""

    key: str = said("The key.")
    value: str = said("The value.")


@strawberry.input(description="Which runs to list; an empty filter lists all.")
class RunsFilter:
    """Which runs to list."""

    run_ids: list[str | None] | None = said("Only runs with these ids.", None)
    pipeline_name: str | None = said("Only runs of this job.", None)
    tags: list[ExecutionTag] | None = said("Only runs with all of these tags.", None)
    statuses: list[RunStatus] | None = said("Only runs in one of these states.", None)
    snapshot_id: str | None = said("Only runs of this snapshot of code.", None)
    updated_after: float | None = said("Only runs changed after, in seconds since the epoch.", None)
    updated_before: float | None = said("Only runs changed before, in seconds since the epoch.", None)
    created_after: float | None = said("Only runs made after, in seconds since the epoch.", None)
    created_before: float | None = said("Only runs made before, in seconds since the epoch.", None)
    mode: str | None = said("The mode; there is only one, `default`.", None)

    def record(self) -> records.RunsFilter:
        """The filter as the instance takes it."""
        tags: dict[str, list[str]] = {}
        for tag in self.tags or ():
            tags.setdefault(tag.key, []).append(tag.value)
        return records.RunsFilter(
            run_ids=[run_id for run_id in self.run_ids if run_id] if self.run_ids is not None else None,
            job_name=self.pipeline_name,
            tags=tags or None,
            statuses=self.statuses or None,
            updated_after=_instant(self.updated_after),
            updated_before=_instant(self.updated_before),
            created_after=_instant(self.created_after),
            created_before=_instant(self.created_before),
        )


def _instant(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(instant(seconds), UTC) if seconds is not None else None
