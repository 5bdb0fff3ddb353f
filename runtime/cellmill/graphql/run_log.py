"""The log of a run, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry

from cellmill.graphql.documented import list_of, page_size, said
from cellmill.graphql.events import DagsterRunEvent, MessageEvent, run_event
from cellmill.instance.event_record import EventRecord


@strawberry.type(description="A page of a run's log.")
class EventConnection:
    """A page of a run's log."""

    events: list[MessageEvent] = strawberry.field(
        description="The events, in order.", graphql_type=list_of(DagsterRunEvent)
    )
    cursor: str = said("Where the next page begins.")
    has_more: bool = said("Whether there is more now.")


def event_page(info: Any, run_id: str, cursor: str | None, limit: int | None) -> EventConnection:
    """A page of a run's log; its cost depends on its own length only."""
    found = info.context.instance.get_records_for_run(
        run_id, cursor=cursor or None, limit=page_size(limit or 1000, MAX_EVENTS), ascending=True
    )
    events = [run_event(record.event) for record in found.records]
    return EventConnection(events=events, cursor=found.cursor, has_more=found.has_more)


def first_page(info: Any, run_id: str, limit: int | None) -> EventConnection:
    """The first page of the log of a run that may be one of a list."""
    rows = page_size(limit or 1000, MAX_EVENTS)

    def load(run_ids: list[str]) -> Mapping[str, list[EventRecord]]:
        found: Mapping[str, list[EventRecord]] = info.context.instance.events.first_of_each_run(run_ids, rows + 1)
        return found

    found = info.context.bulk.get("run", ("page", rows), run_id, load, rows=rows) or []
    page = found[:rows]
    return EventConnection(
        events=[run_event(record.event) for record in page],
        cursor=str(page[-1].seq if page else 0),
        has_more=len(found) > rows,
    )


#: Events of one page of a log.
MAX_EVENTS = 1000
