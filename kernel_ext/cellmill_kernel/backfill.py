"""`%backfill`: partitions of assets to be made by the daemon; `%resources`: what the notebook's cells may use."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from cellmill.automation import backfills
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.key import PartitionKeyRange
from cellmill.notebooks.options_text import partitions_of
from cellmill.notebooks.problem import NotebookError
from cellmill.workspace import partitions as stored_partitions

from . import current_run
from .displays import Details, Table, text_table
from .session import Session
from .words import option, refuse_rest, select


def backfill(session: Session, words: list[str], line: str) -> Any:
    """Record a backfill of the selected assets' partitions; without a selection list the backfills there are."""
    if current_run.current() is not None:
        print("%backfill does nothing in a run: a run makes its own assets.")
        return None
    if not words:
        return _backfills(session)
    everything = option(words, "all") is not None
    bounds = option(words, "range", value=True)
    keys: list[str] = []
    while (key := option(words, "partition", value=True)) is not None:
        keys.append(key)
    refuse_rest(words, "backfill")
    chosen = select(session, " ".join(words))
    partitions = {key: found for key in chosen if (found := _partitions(session, key)) is not None}
    if not partitions:
        raise NotebookError(
            "none of the selected assets has partitions", notebook=session.live.path,
            remedy=f"Write %materialize {' '.join(words)}.",
        )  # fmt: skip
    if (bool(keys) + bool(bounds) + everything) != 1:
        raise NotebookError(
            "which partitions?", remedy="Write --partition KEY (once or more), --range FIRST..LAST, or --all."
        )
    name, definition = next(iter(partitions.items()))
    wanted = keys or (_in_range(session, name, definition, bounds) if bounds else None)
    for key in wanted or ():
        _check(session, name, definition, key)
    targets = {key: wanted if key in partitions else None for key in chosen}
    submit = backfills.submit_backfill
    identifier = submit(session.instance, assets=targets, all_partitions=everything)
    return Details(
        f"backfill {identifier}",
        (
            ("assets", ", ".join(key.to_user_string() for key in chosen)),
            ("partitions", "all" if wanted is None else ", ".join(wanted)),
            ("runs by", "cellmill daemon, from the saved notebook; %backfill shows how far it is"),
        ),
    )


def _backfills(session: Session) -> Table:
    view = backfills.view_backfill
    rows = []
    for row in session.instance.backfills.search(limit=10):
        seen = view(session.instance, row.backfill_id)
        done, total = seen.progress.succeeded, seen.progress.total
        rows.append((seen.backfill_id, seen.status.value, f"{done} of {total}", seen.title, seen.error or ""))
    note = "" if rows else "No backfills yet: %backfill NAME --all"
    return text_table(("backfill", "status", "partitions", "title", "error"), rows, note=note)


def _partitions(session: Session, key: AssetKey) -> PartitionsDefinition | None:
    cell = session.registry.find(key)
    if cell is not None:
        text = cell.header.text("partitions_def")
        return partitions_of(text, session.lookup) if text else None
    entry = session.workspace.asset(key)
    if entry is None or not entry.partitions:
        return None
    found: PartitionsDefinition = stored_partitions.partitions_from_json(entry.partitions)
    return found


def _check(session: Session, asset: AssetKey, definition: PartitionsDefinition, key: str) -> None:
    if definition.has_partition_key(key, dynamic_partitions_store=session.instance):
        return
    known = definition.get_partition_keys(dynamic_partitions_store=session.instance)
    near = get_close_matches(key, known, 1)
    raise NotebookError(
        f"{key!r} is no partition of {asset.to_user_string()}", notebook=session.live.path,
        remedy=f"Did you mean {near[0]}?" if near else f"They go from {known[0]} to {known[-1]}." if known else "",
    )  # fmt: skip


def _in_range(session: Session, asset: AssetKey, definition: PartitionsDefinition, text: str) -> Sequence[str]:
    first, dots, last = text.partition("..")
    if not dots or not first or not last:
        raise NotebookError(f"{text!r} is no range of partitions", remedy="Write --range FIRST..LAST.")
    for key in (first, last):
        _check(session, asset, definition, key)
    found = definition.get_partition_keys_in_range(
        PartitionKeyRange(first, last), dynamic_partitions_store=session.instance
    )
    if not found:
        raise NotebookError(f"{first} comes behind {last}", remedy=f"Write --range {last}..{first}.")
    return list(found)


def resources(session: Session, words: list[str], line: str) -> Table:
    """The resources that the notebook's `Definitions` give, and the assets that ask for each."""
    if words:
        raise NotebookError("%resources takes nothing", remedy="Write %resources.")
    session.refresh()
    given = session.resources()
    users: dict[str, list[str]] = {name: [] for name in given}
    for key, cell in session.registry.assets().items():
        wanted = [*cell.header.items("required_resource_keys"), cell.header.text("io_manager_key") or ""]
        for name in wanted:
            if name:
                users.setdefault(name, []).append(key.to_user_string())
    rows = [
        (name, type(given[name]).__name__ if name in given else "(not given)", ", ".join(used))
        for name, used in users.items()
    ]
    note = "" if rows else "No resources yet: Definitions(resources={…}) in a plain cell gives them."
    return text_table(("resource", "is", "used by"), rows, note=note)
