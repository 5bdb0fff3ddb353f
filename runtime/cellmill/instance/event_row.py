"""Events as rows: written in the order of `COLUMNS`, read back as `Event`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.instance import wire
from cellmill.instance.sql import Row
from cellmill.planning.event import RUN_EVENTS, Event, EventType
from cellmill.planning.late import row_maker
from cellmill.redaction import redacted

COLUMNS = "id, run_id, seq, type, timestamp, level, step_key, asset_key, partition, message, body"
SELECT = "SELECT " + COLUMNS + " FROM events"
#: Most events are of no asset and in no feed. SQLite's driver looks for an adapter for each None, which costs more than
#: the rest of the row: this text, which no key is, stands for it.
_NONE = "\n"
INSERT = (
    "INSERT INTO events (run_id, seq, type, timestamp, level, step_key, asset_key, partition, feed, message, body) "
    f"VALUES (?, ?, ?, ?, ?, ?, nullif(?, '{_NONE}'), nullif(?, '{_NONE}'), nullif(?, '{_NONE}'), ?, ?)"
)

#: Types that sensors and screens follow across all runs.
FEED_TYPES = RUN_EVENTS | {
    EventType.ASSET_MATERIALIZATION,
    EventType.ASSET_OBSERVATION,
    EventType.ASSET_CHECK_EVALUATION,
    EventType.STEP_FAILURE,
}
_FEED = {kind: kind.value for kind in FEED_TYPES}


@lru_cache(maxsize=65536)
def key_text(asset_key: AssetKey) -> str:
    """The form in which an asset's key is stored: `a/b`, slashes inside parts escaped."""
    return asset_key.to_escaped_user_string()


@lru_cache(maxsize=65536)
def key_of(text: str) -> AssetKey:
    """The key that `key_text` wrote."""
    return AssetKey.from_escaped_user_string(text)


def as_rows(events: Sequence[Event], seq: int) -> list[tuple[Any, ...]]:
    """The parameters of `INSERT` for events that follow number `seq` of their run, without secrets."""
    rows: list[tuple[Any, ...]] = []
    texts: list[str] = []
    for event in events:
        seq += 1
        asset_key = event.asset_key
        data = event.data
        message = event.message
        kind = event.type
        body = None if data is None else wire.dumps(data)
        texts.append(f"{message}\n{body}")
        rows.append(
            (
                event.run_id,
                seq,
                kind._value_,
                event.timestamp,
                event.level,
                event.step_key,
                _NONE if asset_key is None else key_text(asset_key),
                _NONE if event.partition is None else event.partition,
                _FEED.get(kind, _NONE),
                message,
                body,
            )
        )
    # One look at all the texts together: hardly ever is there anything to take out.
    together = "\n".join(texts)
    if redacted(together) is together:
        return rows
    return [(*row[:-2], *(text and redacted(text) for text in row[-2:])) for row in rows]


def clean_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row with what no database can store as text (lone surrogates, NUL) replaced."""
    return tuple(_clean(item) if isinstance(item, str) else item for item in row)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


_TYPES = {kind.value: kind for kind in EventType}
_make = row_maker(
    Event,
    ("run_id", "type", "timestamp", "level", "step_key", "asset_key", "partition", "message", "job_name"),
    wire.loads,
)


def as_event(row: Row, job_names: Mapping[str, str]) -> Event:
    """The event that a row of `SELECT` describes; its payload is decoded when it is first read."""
    _, run_id, _, kind, timestamp, level, step_key, asset_key, partition, message, body = row
    key = None if asset_key is None else key_of(asset_key)
    name = job_names.get(run_id, "")
    return _make((run_id, _TYPES[kind], timestamp, level, step_key, key, partition, message, name), body)


def type_values(of_type: EventType | Collection[EventType] | None) -> list[str] | None:
    """The stored forms of one type or several; None for all."""
    if of_type is None:
        return None
    if isinstance(of_type, EventType):
        return [of_type.value]
    return sorted(kind.value for kind in of_type)
