"""Re-running assets in a clean kernel, and comparing what they give with what is stored."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.execution.notebook.notebook_run import CancelSwitch
from cellmill.execution.notebook.protocol import AUDIT_TAG
from cellmill.instance.instance import Instance
from cellmill.notebooks.facts import CLOCK, RANDOM
from cellmill.planning.asset_state import AssetState
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import PARTITION_TAG, Run, make_run_id
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.notebook_visit import visit_notebook
from cellmill.workspace.run_names import artifacts_of
from cellmill.workspace.run_plan import LinkedNotebooks, plan_visits
from cellmill.workspace.visit_services import VisitServices
from cellmill.workspace.workspace import Workspace

VERIFY_JOB = "__VERIFY_JOB"

Verdict = Literal["same", "different", "failed", "stale", "not stored", "not made", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What verifying one asset showed."""

    asset: str
    verdict: Verdict
    where: str = ""
    why: str = ""
    stored: ValueRef | None = None
    again: ValueRef | None = None

    @property
    def ok(self) -> bool:
        """Whether the stored value was made again."""
        return self.verdict == "same"


@dataclass(slots=True)
class _Collected:
    """The events of the re-run: kept here, never written to the instance."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    refs: dict[AssetKey, ValueRef] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    findings: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, events: Sequence[Event]) -> None:
        with self.lock:
            for event in events:
                ref = getattr(event.data, "value_ref", None)
                if event.type is EventType.ASSET_MATERIALIZATION and event.asset_key is not None and ref is not None:
                    self.refs[event.asset_key] = ref
                elif event.step_key == AUDIT_TAG:
                    self.findings.extend(json.loads(event.message or "[]"))
                elif event.type is EventType.STEP_FAILURE and event.step_key:
                    self.errors[event.step_key] = _error_text(event)


def _error_text(event: Event) -> str:
    info = event.error_info
    while info is not None and info.cause is not None:
        info = info.cause
    return info.message.strip() if info is not None else event.message or ""


def verify_assets(
    workspace: Workspace,
    instance: Instance,
    entries: Sequence[AssetEntry],
    *,
    partition: str | None = None,
    audit: list[dict[str, str]] | None = None,
) -> list[Verified]:
    """Return for each asset whether a clean kernel gives the value that is stored.

    Nothing is recorded: the values that the re-run stores are removed again. `audit` gets what cells really did and
    their text does not say, each with ``cell_id``, ``kind``, ``what`` and ``remedy``; the kernels then record it.
    """
    stored = instance.asset_states([entry.asset_key for entry in entries])
    notebooks = LinkedNotebooks(workspace)
    cells = [entry for entry in entries if entry.notebook]
    visits = plan_visits(workspace, cells, notebooks)
    collected = _Collected()
    tags = {PARTITION_TAG: partition} if partition else {}
    if audit is not None:
        tags[AUDIT_TAG] = "true"
    run = Run(run_id=make_run_id(), job_name=VERIFY_JOB, tags=tags)
    services = VisitServices(
        run=run,
        attempt=1,
        home=instance.home,
        workspace=workspace,
        find_ref=lambda key, wanted: collected.refs.get(key) or instance.find_value_ref(key, wanted),
        find_versions=instance.data_versions,
        find_partition_versions=instance.partition_data_versions,
        find_state=instance.asset_state,
        dynamic_partitions=instance,
        scheduled_at=time.time(),
        emit=collected,
        cancel=CancelSwitch(),
    )
    ends: dict[AssetKey, str] = {}
    try:
        for visit in visits:
            end = visit_notebook(visit, services)
            if not end.succeeded:
                ends.update(dict.fromkeys(visit.assets, end.message))
        if audit is not None:
            audit.extend(collected.findings)
        return [_verdict(entry, stored.get(entry.asset_key), collected, ends, notebooks) for entry in entries]
    finally:
        _remove(instance, run, stored, collected)


def _remove(instance: Instance, run: Run, stored: Mapping[AssetKey, AssetState], collected: _Collected) -> None:
    kept = {state.value_ref.path for state in stored.values() if state.value_ref is not None}
    root = Path(instance.storage_directory())
    for ref in collected.refs.values():
        if "://" not in ref.path and ref.path not in kept:
            with suppress(OSError):
                (root / ref.path).unlink()
    shutil.rmtree(artifacts_of(instance.home, run.run_id), ignore_errors=True)


def _verdict(
    entry: AssetEntry,
    state: AssetState | None,
    collected: _Collected,
    ends: Mapping[AssetKey, str],
    notebooks: LinkedNotebooks,
) -> Verified:
    key, where = entry.asset_key, str(entry.place)
    again = collected.refs.get(key)
    stored = state.value_ref if state is not None else None
    if not entry.notebook:
        return Verified(asset=entry.name, verdict="unknown", where=where, why="only cells of notebooks are verified")
    if again is None:
        error = collected.errors.get(key.to_python_identifier())
        if error:
            return Verified(asset=entry.name, verdict="failed", where=where, why=_failure(error))
        return Verified(asset=entry.name, verdict="not made", where=where, why=ends.get(key, ""))
    if state is None or stored is None:
        return Verified(asset=entry.name, verdict="not stored", where=where, why="nothing is stored to compare with")
    if stored.checksum == again.checksum:
        return Verified(asset=entry.name, verdict="same", where=where, stored=stored, again=again)
    if state.code_version and entry.code_version and state.code_version != entry.code_version:
        why = "its code changed since it was stored: materialize it, then verify"
        return Verified(asset=entry.name, verdict="stale", where=where, why=why, stored=stored, again=again)
    why = _suspect(entry, notebooks) or "it gives another value each time it runs, or its inputs changed"
    return Verified(asset=entry.name, verdict="different", where=where, why=why, stored=stored, again=again)


def _failure(error: str) -> str:
    if "NameError" in error:
        return f"{error}: the stored value was made with a name that only the live kernel had"
    return error


def _suspect(entry: AssetEntry, notebooks: LinkedNotebooks) -> str:
    """Return the statements that an asset reaches which draw random numbers or read the clock."""
    assert entry.notebook is not None
    cell = notebooks.cell(entry)
    scan = notebooks.scan(entry.notebook)
    found = []
    for scanned in scan.cells:
        wanted = [(first, last) for index, first, last in cell.slice if index == scanned.cell.index]
        own = scanned.cell.index == cell.origin.cell_index
        for statement in scanned.facts.statements if not own else cell.definition.facts.statements:
            if own or (statement.line, statement.end_line) in wanted:
                for flag, what in ((RANDOM, "draws random numbers"), (CLOCK, "reads the clock")):
                    if flag in statement.flags or any(hint.kind == flag for hint in statement.hints):
                        found.append(f"cell {scanned.cell.index + 1}, line {statement.line} {what}")
    return "; ".join(dict.fromkeys(found))
