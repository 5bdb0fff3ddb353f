"""`%%asset`: run a cell as an asset, show its value as always, and one status line under it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.partitions.definition import DynamicPartitionsDefinition
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.facts import CellFacts
from cellmill.notebooks.options_text import partitions_of

from . import current_run
from .body import Body, compile_body
from .displays import status_line
from .session import Session
from .stepping import CellRun, run_cell
from .tracebacks import BODIES


def execute_asset_cell(
    session: Session, source: str, cell_id: str | None = None, partition_key: str | None = None
) -> CellRun:
    """Run an asset cell: link it, compute it, store it, bind it; raises what the body raised.

    The magic, `%materialize` and runs all come through here.
    """
    __tracebackhide__ = True
    cell_id = cell_id or session.cell_for(source)
    session.live.record(cell_id, source)
    linked = session.link(cell_id)
    run = _skipped(session, linked)
    if run is not None:
        return run
    if partition_key is None and not _in_range():
        partition_key = _run_partition() or _last_partition_noted(session, linked)
    body = _compile(session, linked, source)
    run = run_cell(session, linked, body, partition_key)
    session.runs_by_hand.append(run.run_id)
    if run.failure is not None:
        session.changed(linked.keys)
        raise run.failure
    versions: Mapping[AssetKey, str | None] = {key: ref.version for key, ref in run.refs.items()}
    if len(versions) < len(linked.keys):
        versions = session.values.versions(linked.keys)
    if partition_key is not None:
        versions = {}
    for name, key in zip(linked.definition.names, linked.keys, strict=True):
        if name in run.values:
            session.values.keep(key, name, run.values[name], versions.get(key), bind=True, partition=partition_key)
    session.changed(linked.keys)
    return run


def _in_range() -> bool:
    run = current_run.current()
    return run is not None and run.makes_range


def _run_partition() -> str | None:
    run = current_run.current()
    return run.message.partition_key if run is not None else None


def last_partition(session: Session, linked: AssetCell) -> str | None:
    """The partition that a cell makes when nobody says which: the last there is; None where it has none."""
    text = linked.header.text("partitions_def")
    if not text:
        return None
    definition = partitions_of(text, session.lookup)
    if definition is None:
        return None
    store = session.instance if isinstance(definition, DynamicPartitionsDefinition) else None
    key: str | None = definition.get_last_partition_key(dynamic_partitions_store=store)
    return key


def _last_partition_noted(session: Session, linked: AssetCell) -> str | None:
    """The last partition, with a line under the cell that says so."""
    key = last_partition(session, linked)
    if key is not None:
        name = linked.key.to_user_string()
        session.after_cell.append(
            lambda: print(f"partition {key}, the last one; another: %materialize {name} --partition KEY")
        )
    return key


def _skipped(session: Session, linked: AssetCell) -> CellRun | None:
    """In a run, an asset that was not selected is loaded rather than made, if it is stored."""
    run = current_run.current()
    if run is None or any(run.is_selected(key) for key in linked.keys):
        return None
    return CellRun(linked)


def _compile(session: Session, linked: AssetCell, source: str) -> Body:
    facts = linked.definition.facts
    upstream = [up.name for up in linked.upstreams if up.loaded and up.name in facts.uses]
    parameters = list(dict.fromkeys([*upstream, *_plain_parameters(facts, session.namespace)]))
    if "context" in facts.uses:
        parameters.append("context")
    filename = session.shell.compile.cache(source, session.cell_number, raw_code=source)
    BODIES.add(filename)
    return compile_body(linked.definition, source, parameters, session.namespace, filename, timed)


def _plain_parameters(facts: CellFacts, namespace: dict[str, Any]) -> list[str]:
    """Names of plain cells that the body reads and binds anew: they go in as parameters, as locals of the function."""
    return [name for name in facts.binds if name in facts.uses and name in namespace]


@contextlib.contextmanager
def timed() -> Iterator[None]:
    """``%time`` inside a body: the same two lines as IPython's."""
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        yield
    finally:
        print(f"CPU times: total: {_span(time.process_time() - cpu)}\nWall time: {_span(time.perf_counter() - wall)}")


def _span(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} μs"


def show_status(session: Session, run: CellRun) -> None:
    """Put the status line under the cell's output, unless it was switched off."""
    if not session.settings.status_line:
        return
    session.after_cell.append(lambda: print(status_line(run)))
