"""What the looking magics show: lists, one asset, reasons, history, differences, soundness."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.execution.notebook import live
from cellmill.io.default import asset_place
from cellmill.notebooks.facts import CLOCK, RANDOM
from cellmill.notebooks.problem import NotebookError
from cellmill.workspace.run_names import artifacts_of

from .audit import Audit
from .displays import Details, Table, ago_text, size_text, state_text, text_table
from .hidden import hidden_reads
from .outputs import show_outputs
from .session import Session
from .states import Seen, staleness_of, states_of
from .stepping import ASSETS_TAG
from .words import number_option, option, refuse_rest, select


def assets(session: Session, words: list[str], line: str) -> Table:
    """The assets with state, group and place."""
    refuse_rest(words, "assets")
    session.refresh(force=True)
    keys = select(session, " ".join(words)) if words else session.all_keys()
    states = states_of(session, keys)
    rows = [_row(session, key, states[key]) for key in keys]
    if not rows:
        return text_table(("asset",), [], note="No assets yet: start a cell with %%asset NAME.")
    return text_table(("asset", "state", "group", "made", "where"), rows)


def _row(session: Session, key: AssetKey, seen: Seen) -> tuple[str, ...]:
    cell = session.registry.find(key)
    entry = session.workspace.asset(key) if cell is None else None
    group = (cell.header.text("group_name") if cell is not None else getattr(entry, "group", "")) or "default"
    where = f"cell {cell.origin.cell_index + 1}" if cell is not None else (getattr(entry, "notebook", "") or "module")
    return key.to_user_string(), state_text(seen.state), group, ago_text(seen.timestamp), where


def asset(session: Session, words: list[str], line: str) -> Details:
    """One asset in full."""
    key = _one(session, words, "asset")
    seen = states_of(session, [key])[key]
    return asset_details(session, key, seen)


def asset_details(session: Session, key: AssetKey, seen: Seen) -> Details:
    """Description, state, edges, code, last materialization with its metadata."""
    cell = session.registry.find(key)
    graph = session.graph()
    below = [other.to_user_string() for other, ups in graph.items() if key in ups]
    event = session.instance.get_latest_materialization_event(key)
    facts = [
        ("description", cell.definition.description if cell is not None else ""),
        ("state", state_text(seen.state)),
        ("because", "\n".join(seen.reasons)),
        ("upstream", ", ".join(up.to_user_string() for up in graph.get(key, ()))),
        ("downstream", ", ".join(below)),
        ("defined in", str(cell.origin) if cell is not None else ""),
        ("made", ago_text(seen.timestamp)),
        ("run", seen.run_id or ""),
        *_metadata(event),
    ]
    code = cell.definition.code.strip() if cell is not None else ""
    return Details(key.to_user_string(), tuple(facts), code)


def _metadata(event: Any) -> list[tuple[str, str]]:
    metadata: Mapping[str, Any] = getattr(getattr(event, "asset_materialization", None), "metadata", None) or {}
    found = []
    for name, value in metadata.items():
        plain = getattr(value, "value", value)
        text = str(plain)
        if len(text) <= 200 and not name.startswith("cellmill/"):
            found.append((name, text))
    return found


#: Stale partitions that `%why` lists.
_SHOWN = 20


def stale(session: Session, words: list[str], line: str) -> Table:
    """What is not fresh, and why."""
    refuse_rest(words, "stale", names=False)
    session.refresh(force=True)
    states = states_of(session)
    rows = [
        (key.to_user_string(), state_text(seen.state), "; ".join(seen.reasons))
        for key, seen in states.items()
        if seen.state not in ("fresh", "external")
    ]
    return text_table(("asset", "state", "because"), rows, note="" if rows else "Everything is fresh.")


def why(session: Session, words: list[str], line: str) -> Details:
    """Why an asset is what it is: reasons, and each upstream and plain cell with the line that needs it."""
    key = _one(session, words, "why")
    seen = states_of(session, [key])[key]
    cell = session.registry.find(key)
    tables = _stale_partitions(session, key)
    if cell is not None:
        tables.append(
            text_table(
                ("needs", "because", "how sure"),
                [
                    (
                        up.key.to_user_string(),
                        ("by --deps" if not up.loaded else f"line {up.line} reads {up.name}")
                        + (f", through {up.via}" if up.via else "")
                        + (f" ({up.note})" if up.note else ""),
                        {1: "guess", 2: "likely", 3: "certain"}[up.confidence],
                    )
                    for up in cell.upstreams
                ],
                "Upstream assets",
            )
        )
        tables.append(
            text_table(
                ("cell", "lines", "for"),
                [
                    (
                        str(index + 1),
                        f"{first}–{last}" if last > first else str(first),
                        cell.reasons.get((index, first), ""),
                    )
                    for index, first, last in cell.slice
                ],
                "Plain statements",
            )
        )
        if cell.notes:
            tables.append(text_table(("note",), [(note,) for note in cell.notes]))
    return Details(
        key.to_user_string(),
        (("state", state_text(seen.state)), ("because", "\n".join(seen.reasons))),
        "",
        tuple(tables),
    )


def _stale_partitions(session: Session, key: AssetKey) -> list[Table]:
    """The partitions that were made and are not fresh, with the reasons; nothing where all are."""
    decided = staleness_of(session).decisions.partitions.get(key, {})
    stale = [(partition, "; ".join(one.reasons)) for partition, one in decided.items() if one.reasons]
    missing = sum(1 for one in decided.values() if not one.is_fresh and not one.reasons)
    if not stale and not missing:
        return []
    shown = [*stale[:_SHOWN], *([("…", f"{len(stale) - _SHOWN} more")] if len(stale) > _SHOWN else [])]
    note = f"{missing} of {len(decided)} partitions were never made." if missing else ""
    return [text_table(("partition", "because"), shown, "Stale partitions", note=note)]


def _one(session: Session, words: list[str], magic: str) -> AssetKey:
    refuse_rest(words, magic)
    if len(words) != 1:
        raise NotebookError("which asset?", remedy=f"Write %{magic} NAME.")
    return session.key_of(words[0])


def history(session: Session, words: list[str], line: str) -> Table | None:
    """The materializations of an asset, latest first."""
    limit = number_option(words, "limit", 10)
    again = option(words, "outputs") is not None
    key = _one(session, words, "history")
    if again:
        return _shown_then(session, key)
    rows = []
    for record in session.instance.fetch_materializations(key, limit=limit).records:
        event = _event(record)
        when = datetime.fromtimestamp(event.timestamp).strftime("%Y-%m-%d %H:%M:%S")
        facts = dict(_metadata(event))
        rows.append(
            (when, event.partition or "", facts.get("dagster/row_count", facts.get("rows", "")), event.run_id or "")
        )
    return text_table(("when", "partition", "rows", "run"), rows, key.to_user_string())


def _event(record: Any) -> Any:
    return getattr(record, "event", None) or getattr(record, "event_log_entry", record)


def _shown_then(session: Session, key: AssetKey) -> Table | None:
    """Show again what the cell of the latest materialization showed."""
    records = session.instance.fetch_materializations(key, limit=1).records
    cell = session.registry.find(key)
    run_id = _event(records[0]).run_id if records else ""
    if run_id and cell is not None and show_outputs(session, run_id, cell.origin.cell_id):
        return None
    return text_table(("output",), [], key.to_user_string(), "Nothing is kept of what its cell showed.")


def diff(session: Session, words: list[str], line: str) -> Any:
    """What changed between the last two stored versions."""
    key = _one(session, words, "diff")
    manager = session.values.default_manager()
    versions = manager.store.versions(asset_place(key))
    if len(versions) < 2:
        return Details(
            key.to_user_string(), (("versions", f"{len(versions)} stored: there is nothing to compare with"),)
        )
    ordered = sorted(versions, key=lambda ref: ref.version)
    old_ref, new_ref = ordered[-2], ordered[-1]
    old, new = manager.store.read(old_ref), manager.store.read(new_ref)
    return Details(
        key.to_user_string(),
        (*_differences(old, new), ("size", f"{size_text(old_ref.size)} → {size_text(new_ref.size)}")),
    )


def _differences(old: Any, new: Any) -> list[tuple[str, str]]:
    if type(old) is not type(new):
        return [("type", f"{type(old).__name__} → {type(new).__name__}")]
    if hasattr(old, "columns") and hasattr(old, "shape"):
        return _frame_differences(old, new)
    if isinstance(old, dict):
        added, gone = set(new) - set(old), set(old) - set(new)
        changed = [k for k in old if k in new and not _equal(old[k], new[k])]
        return [("added", _names(added)), ("removed", _names(gone)), ("changed", _names(changed))]
    if hasattr(old, "shape"):
        return [("shape", f"{old.shape} → {new.shape}"), ("equal", str(_equal(old, new)))]
    return [("before", repr(old)[:200]), ("after", repr(new)[:200])]


def _frame_differences(old: Any, new: Any) -> list[tuple[str, str]]:
    before, after = [str(c) for c in old.columns], [str(c) for c in new.columns]
    facts = [
        ("rows", f"{len(old):,} → {len(new):,}"),
        ("columns added", _names(set(after) - set(before))),
        ("columns removed", _names(set(before) - set(after))),
    ]
    for name in [column for column in after if column in before][:50]:
        first, second = old[name], new[name]
        if str(first.dtype) != str(second.dtype):
            facts.append((name, f"type {first.dtype} → {second.dtype}"))
        elif not _equal(first, second):
            note = "values changed"
            if hasattr(first, "mean") and getattr(first.dtype, "kind", "") in "iuf":
                note += f", mean {first.mean():.6g} → {second.mean():.6g}"
            facts.append((name, note))
    return facts


def _equal(first: Any, second: Any) -> bool:
    if hasattr(first, "equals"):
        return bool(first.equals(second))
    same = first == second
    return bool(same.all()) if hasattr(same, "all") else bool(same)


def _names(names: Any) -> str:
    return ", ".join(sorted(map(str, names)))


def runs(session: Session, words: list[str], line: str) -> Table:
    """The latest runs."""
    limit = number_option(words, "limit", 10)
    refuse_rest(words, "runs", names=False)
    rows = []
    for record in session.instance.get_run_records(limit=limit):
        run = getattr(record, "dagster_run", None) or getattr(record, "run", record)
        keys = sorted(key.to_user_string() for key in (run.asset_selection or ()))
        keys = keys or [text for text in run.tags.get(ASSETS_TAG, "").split(", ") if text]
        started = getattr(record, "start_time", None)
        ended = getattr(record, "end_time", None)
        seconds = f"{ended - started:.2f}" if started and ended else ""
        rows.append(
            (
                run.run_id[:8],
                str(getattr(run.status, "value", run.status)),
                ", ".join(keys[:4]),
                ago_text(started),
                seconds,
                "" if run.is_finished else _cells_done(session, run.run_id),
            )
        )
    return text_table(("run", "status", "assets", "started", "seconds", "cells"), rows)


def _cells_done(session: Session, run_id: str) -> str:
    """How far the notebooks of a run have come, by their cells."""
    folder = artifacts_of(session.instance.home, run_id)
    return "; ".join(live.progress_line(name, state, time.time()) for name, state in live.Followed(folder).look())


_AUDIT_ON = "%audit on records what cells really read, bind and change."


def audit(session: Session, words: list[str], line: str) -> Table | None:
    """What ran, against what the text says: every difference with its remedy."""
    if words in (["on"], ["off"]):
        if session.audit is not None:
            session.audit.stop()
        session.audit = Audit(session) if words == ["on"] else None
        print("Cells are recorded from now on; %audit shows what they did." if session.audit else "Recording is over.")
        return None
    refuse_rest(words, "audit", names=False)
    session.refresh(force=True)
    scan = session.registry.scan()
    rows: list[tuple[str, str, str, str]] = []
    for cell in scan.cells:
        number = str(cell.cell.index + 1)
        facts = cell.facts
        if facts.history:
            rows.append((number, "hidden state", f"reads {_names(facts.history)}", "Give the value a name."))
        if cell.is_plain and cell.cell.id in session.live.ran:
            for read in hidden_reads(session, cell.cell.id, facts):
                rows.append((number, "hidden state", f"line {read.line} reads {read.name}, {read.why}", read.remedy))
        if cell.definition is not None and cell.definition.kind == "asset":
            if CLOCK in facts.flags:
                rows.append(
                    (number, "not reproducible", "reads the clock", "Take the time from context.partition_key.")
                )
            if RANDOM in facts.flags:
                rows.append((number, "not reproducible", "random numbers without a seed", "Use default_rng(SEED)."))
    for key, linked in session.registry.assets().items():
        number = str(linked.origin.cell_index + 1)
        for note in linked.notes:
            hidden = "nothing defines" in note
            remedy = "Define it in a cell above, or restart the kernel to see what is missing." if hidden else ""
            rows.append((number, "hidden state" if hidden else "note", f"{key.to_user_string()}: {note}", remedy))
    rows += [(number, kind, what, remedy) for number, kind, what, remedy in session.mutations_seen]
    document = scan.notebook
    numbers = {cell.id: str(cell.index + 1) for cell in document.cells}
    recorded = session.audit.findings if session.audit is not None else {}
    rows += [
        (numbers[one.cell_id], one.kind, one.what, one.remedy)
        for findings in recorded.values()
        for one in findings
        if one.cell_id in numbers
    ]
    for edited in session.live.edited_not_run():
        at = next((c.index + 1 for c in document.cells if c.id == edited.id), 0)
        rows.append((str(at), "edited", "the saved cell is not the one that ran", "Run the cell again."))
    note = f"{session.audit.cells} cells were recorded." if session.audit is not None else _AUDIT_ON
    return text_table(("cell", "finding", "what", "remedy"), rows, note=note if rows else f"Nothing to report. {note}")
