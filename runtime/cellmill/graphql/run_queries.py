"""What can be asked of runs and their logs."""

from __future__ import annotations

from typing import Annotated

import strawberry

from cellmill.graphql.assets import Info
from cellmill.graphql.documented import CursorArg, LimitArg, RunIdArg, arg, documented, page_size
from cellmill.graphql.run_filter import RunsFilter
from cellmill.graphql.run_lists import (
    EventConnectionOrError,
    PipelineTagAndValues,
    RunGroup,
    RunGroupOrError,
    RunIds,
    RunIdsOrError,
    RunOrError,
    RunsOrError,
    RunTagKeys,
    RunTagKeysOrError,
    RunTags,
    RunTagsOrError,
    load_run,
    load_runs,
    no_such_run,
)
from cellmill.graphql.run_log import event_page
from cellmill.graphql.runs import Run
from cellmill.planning.run import RunsFilter as RunsWanted

FilterArg = Annotated[RunsFilter | None, arg("Which runs.")]


@strawberry.type
class RunQueries:
    """What can be asked of runs."""

    @documented
    def runs_or_error(
        self, info: Info, filter: FilterArg = None, cursor: CursorArg = None, limit: LimitArg = None
    ) -> RunsOrError:
        """Runs, newest first."""
        return load_runs(info, filter, cursor, limit)

    @documented
    def pipeline_runs_or_error(
        self, info: Info, filter: FilterArg = None, cursor: CursorArg = None, limit: LimitArg = None
    ) -> RunsOrError:
        """Runs, newest first (the older name)."""
        return load_runs(info, filter, cursor, limit)

    @documented
    def run_or_error(self, info: Info, run_id: RunIdArg) -> RunOrError:
        """One run."""
        return load_run(info, run_id) or no_such_run(run_id)

    @documented
    def pipeline_run_or_error(self, info: Info, run_id: RunIdArg) -> RunOrError:
        """One run (the older name)."""
        return load_run(info, run_id) or no_such_run(run_id)

    @documented
    def run_ids_or_error(
        self, info: Info, filter: FilterArg = None, cursor: CursorArg = None, limit: LimitArg = None
    ) -> RunIdsOrError:
        """The ids of runs, newest first."""
        wanted = filter.record() if filter else None
        return RunIds(results=info.context.instance.get_run_ids(wanted, cursor=cursor, limit=page_size(limit)))

    @documented
    def run_group_or_error(self, info: Info, run_id: RunIdArg) -> RunGroupOrError:
        """A run and its re-executions."""
        if info.context.run_record(run_id) is None:
            return no_such_run(run_id)
        root, runs = info.context.instance.get_run_group(run_id)
        wanted = RunsWanted(run_ids=[run.run_id for run in runs])
        found = info.context.instance.get_run_records(filters=wanted, limit=page_size(None), ascending=True)
        return RunGroup(root_run_id=root, runs=[Run(record=record) for record in found])

    @documented
    def run_tag_keys_or_error(self, info: Info) -> RunTagKeysOrError | None:
        """The keys of tags in use."""
        return RunTagKeys(keys=info.context.instance.get_run_tag_keys())

    @documented
    def run_tags_or_error(
        self,
        info: Info,
        tag_keys: Annotated[list[str] | None, arg("Only these keys.")] = None,
        value_prefix: Annotated[str | None, arg("Only values that begin so.")] = None,
        limit: LimitArg = None,
    ) -> RunTagsOrError | None:
        """Tags in use."""
        found = info.context.instance.get_run_tags(tag_keys, value_prefix, page_size(limit))
        return RunTags(tags=[PipelineTagAndValues(key=key, values=sorted(values)) for key, values in found])

    @documented
    def logs_for_run(
        self, info: Info, run_id: RunIdArg, after_cursor: CursorArg = None, limit: LimitArg = None
    ) -> EventConnectionOrError:
        """A page of a run's log."""
        if info.context.run_record(run_id) is None:
            return no_such_run(run_id)
        return event_page(info, run_id, after_cursor, limit)
