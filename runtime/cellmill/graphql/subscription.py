"""Everything that can be followed live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import strawberry

from cellmill.definitions.asset_key import AssetKey
from cellmill.graphql.context import Context
from cellmill.graphql.deployment import DaemonStatus, daemon_statuses
from cellmill.graphql.documented import CursorArg, RunIdArg, list_of, said
from cellmill.graphql.events import DagsterRunEvent, MessageEvent, run_event
from cellmill.graphql.freshness import Freshness
from cellmill.graphql.graph_view import AssetGraphPatch, graph_patch
from cellmill.graphql.run_log import MAX_EVENTS
from cellmill.graphql.run_steps import StepProgress, step_progress
from cellmill.graphql.runs import Run
from cellmill.graphql.workspace_news import LocationStateChangeSubscription, location_changes, offers
from cellmill.instance.event_record import EventRecord, RunStatusChangeRecordsFilter
from cellmill.instance.run_stats import STEP_EVENTS, StepStats, step_stats
from cellmill.planning.event import EventType, planned_steps
from cellmill.planning.run import RunRecord, RunsFilter
from cellmill.workspace.manifest import Manifest

#: The events with which runs end.
_ENDS = (EventType.RUN_SUCCESS, EventType.RUN_FAILURE, EventType.RUN_CANCELED)
#: Ends of each kind that are told at once.
MAX_ENDS = 50


class Changes(Protocol):
    """Tells when something was recorded."""

    def changes(self) -> AsyncIterator[None]:
        """Yields at once, and then each time something was recorded."""


class Live:
    """What a subscription can reach: requests' contexts, made anew for each look, and the news."""

    def __init__(self, context: Context, changes: Changes) -> None:
        self.context = context
        self.changes = changes


@strawberry.type(description="The next events of a run.")
class PipelineRunLogsSubscriptionSuccess:
    """The next events of a run."""

    run: Run = said("The run as it is now.")
    messages: list[MessageEvent] = strawberry.field(
        description="The events, in order.", graphql_type=list_of(DagsterRunEvent)
    )
    has_more_past_events: bool = said("Whether events that happened before now follow in another message.")
    cursor: str = said("Where to go on after a lost connection.")


@strawberry.type(description="A run cannot be followed.")
class PipelineRunLogsSubscriptionFailure:
    """A run cannot be followed."""

    message: str = said("Why.")
    missing_run_id: str | None = said("The id under which no run is known.", None)


PipelineRunLogsSubscriptionPayload = Annotated[
    PipelineRunLogsSubscriptionSuccess | PipelineRunLogsSubscriptionFailure,
    strawberry.union("PipelineRunLogsSubscriptionPayload", description="News of a run."),
]


def _page(context: Context, run_id: str, cursor: str | None) -> Any:
    # The record first: a run that has ended then has all its events in the page, or behind it.
    record = context.instance.get_run_record_by_id(run_id)
    found = context.instance.get_records_for_run(run_id, cursor=cursor or None, limit=MAX_EVENTS, ascending=True)
    return found, record


async def follow_run(live: Live, run_id: str, cursor: str | None) -> AsyncIterator[Any]:
    """The events of a run, each once and in order; ends when the run has ended and all were sent."""
    if cursor == "HEAD":
        cursor = await asyncio.to_thread(_last_cursor, live.context, run_id)
    async for _ in live.changes.changes():
        while True:
            page, record = await asyncio.to_thread(_page, live.context, run_id, cursor)
            if record is None:
                yield PipelineRunLogsSubscriptionFailure(message=f"No run has the id {run_id}.", missing_run_id=run_id)
                return
            if page.records or cursor is None:
                cursor = page.cursor
                messages = [run_event(one.event) for one in page.records]
                yield PipelineRunLogsSubscriptionSuccess(
                    run=Run(record=record), messages=messages, has_more_past_events=page.has_more, cursor=cursor
                )
            if not page.has_more:
                break
        if record.run.is_finished:
            return


def _last_cursor(context: Context, run_id: str) -> str | None:
    found = context.instance.get_records_for_run(run_id, limit=1, ascending=False)
    return str(found.cursor) if found.records else None


@dataclass(frozen=True, slots=True)
class _Seen:
    """The assets at one moment; nothing changed as long as manifest and newest event are the same."""

    manifest: Manifest
    event_id: int
    freshness: dict[AssetKey, Freshness]


def _look(context: Context, before: _Seen | None) -> _Seen:
    fresh = context.for_request(context.user)
    if before is not None:
        # Not at the first look: that is what a client was told that asked for the graph beside this, and an edit made
        # before anybody followed is a change for it.
        fresh.follow_files()
    newest = context.instance.events.last_id()
    if before is not None and before.manifest is fresh.manifest and before.event_id == newest:
        return before
    return _Seen(fresh.manifest, newest, dict(fresh.freshness))


async def follow_assets(live: Live) -> AsyncIterator[AssetGraphPatch]:
    """What changes in the asset graph: states, or that it must be loaded anew."""
    before = await asyncio.to_thread(_look, live.context, None)
    async for _ in live.changes.changes():
        now = await asyncio.to_thread(_look, live.context, before)
        if now is before:
            continue
        changed = now.manifest is not before.manifest and now.manifest.assets != before.manifest.assets
        patch = graph_patch(before.freshness, now.freshness, changed)
        before = now
        if patch.structure_changed or patch.keys:
            yield patch


async def follow_ends(live: Live) -> AsyncIterator[list[Run]]:
    """The runs that end from now on, those that ended together at once."""
    after = await asyncio.to_thread(live.context.instance.events.last_id)
    async for _ in live.changes.changes():
        after, ended = await asyncio.to_thread(_ends_after, live.context, after)
        if ended:
            yield [Run(record=record) for record in ended]


def _ends_after(context: Context, after: int) -> tuple[int, list[RunRecord]]:
    found: dict[str, int] = {}
    for kind in _ENDS:
        wanted = RunStatusChangeRecordsFilter(event_type=kind, after_storage_id=after)
        page = context.instance.events.fetch_status_changes(wanted, MAX_ENDS, None, ascending=True)
        found |= {record.run_id: record.storage_id for record in page.records}
    if not found:
        return after, []
    records = context.instance.get_run_records(filters=RunsFilter(run_ids=sorted(found)))
    return max(found.values()), list(records)


def _offers(context: Context, before: Manifest | None) -> Manifest:
    fresh = context.for_request(context.user)
    if before is not None:
        fresh.follow_files()
    return fresh.manifest


async def follow_locations(live: Live) -> AsyncIterator[LocationStateChangeSubscription]:
    """What happens to code locations from now on."""
    manifest = await asyncio.to_thread(_offers, live.context, None)
    before = offers(manifest)
    async for _ in live.changes.changes():
        now = await asyncio.to_thread(_offers, live.context, manifest)
        if now is manifest:
            continue
        manifest, after = now, offers(now)
        for event in location_changes(before, after):
            yield LocationStateChangeSubscription(event=event)
        before = after


async def follow_daemon(live: Live) -> AsyncIterator[list[DaemonStatus]]:
    """The loops of the daemon as they are, and again each time one starts, ends or falls silent."""
    before: set[tuple[str, bool | None]] | None = None
    async for _ in live.changes.changes():
        statuses = await asyncio.to_thread(daemon_statuses, live.context)
        now = {(one.id, one.healthy) for one in statuses}
        if now != before:
            before = now
            yield statuses


def _steps_after(
    context: Context, run_id: str, cursor: str | None, known: list[EventRecord]
) -> tuple[str | None, RunRecord | None]:
    found, record = _page(context, run_id, cursor)
    while True:
        known += [
            one
            for one in found.records
            if (one.event.step_key and one.event.type in STEP_EVENTS) or planned_steps(one.event)
        ]
        if not found.has_more:
            return found.cursor, record
        found, _ = _page(context, run_id, found.cursor)


async def follow_steps(live: Live, run_id: str) -> AsyncIterator[StepProgress]:
    """How far a run has come, each time a step begins or ends, until the run has ended."""
    cursor: str | None = None
    records: list[EventRecord] = []
    before: dict[str, StepStats] = {}
    async for _ in live.changes.changes():
        cursor, record = await asyncio.to_thread(_steps_after, live.context, run_id, cursor, records)
        if record is None:
            raise ValueError(f"No run has the id {run_id}.")
        now = {one.step_key: one for one in step_stats(records)}
        progress = step_progress(run_id, before, now)
        before = now
        if progress is not None:
            yield progress
        if record.run.is_finished:
            return


@strawberry.type(description="Everything that can be followed live.")
class Subscription:
    """Everything that can be followed live."""

    @strawberry.subscription(description="The events of a run, each once and in order, until it ends.")
    async def pipeline_run_logs(
        self, info: strawberry.Info[Live, None], run_id: RunIdArg, cursor: CursorArg = None
    ) -> AsyncIterator[PipelineRunLogsSubscriptionPayload]:
        """The events of a run."""
        async for payload in follow_run(info.context, run_id, cursor):
            yield payload

    @strawberry.subscription(description="Changes of the states of assets, and of the asset graph.")
    async def asset_state_changes(self, info: strawberry.Info[Live, None]) -> AsyncIterator[AssetGraphPatch]:
        """Changes of the states of assets."""
        async for patch in follow_assets(info.context):
            yield patch

    @strawberry.subscription(description="The runs that end from now on.")
    async def finished_runs(self, info: strawberry.Info[Live, None]) -> AsyncIterator[list[Run]]:
        """The runs that end from now on."""
        async for runs in follow_ends(info.context):
            yield runs

    @strawberry.subscription(description="What happens to code locations: they changed, or cannot be loaded.")
    async def location_state_change_events(
        self, info: strawberry.Info[Live, None]
    ) -> AsyncIterator[LocationStateChangeSubscription]:
        """What happens to code locations."""
        async for change in follow_locations(info.context):
            yield change

    @strawberry.subscription(
        description="The loops of the daemon: as they are now, and again when one starts, ends or falls silent."
    )
    async def daemon_statuses(self, info: strawberry.Info[Live, None]) -> AsyncIterator[list[DaemonStatus]]:
        """The loops of the daemon."""
        async for statuses in follow_daemon(info.context):
            yield statuses

    @strawberry.subscription(description="How far a run has come, each time a step begins or ends, until it ends.")
    async def step_progress(self, info: strawberry.Info[Live, None], run_id: RunIdArg) -> AsyncIterator[StepProgress]:
        """How far a run has come."""
        async for progress in follow_steps(info.context, run_id):
            yield progress
