"""Pinned notebooks: a schedule of a whole notebook that runs a kept version, and which cells have changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from cellmill.errors import InvalidInvocationError
from cellmill.execution.notebook.document import Node, read_notebook
from cellmill.instance.automation import InstigatorState
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import ScheduleSpec
from cellmill.workspace.run_names import NOTEBOOK_JOB, NOTEBOOK_TAG

#: Under which a pin is remembered of its schedule.
PIN = "pin"
_KIND = "notebook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The version of a notebook that a schedule runs."""

    #: Hash of the snapshot that holds it.
    snapshot: str
    #: The notebook's path from the root.
    notebook: str
    #: Seconds since the epoch.
    pinned_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """A code cell that is not what it was when its notebook was pinned."""

    #: "changed", "added" or "removed".
    kind: str
    #: Its position in the notebook as it is now; of a removed one, in the pinned version.
    cell: int
    #: Its source before and now; empty where there was or is none.
    before: str = ""
    now: str = ""


def notebook_of(spec: ScheduleSpec) -> str | None:
    """Return the notebook that a schedule runs as a whole."""
    return spec.tags.get(NOTEBOOK_TAG) if spec.job_name == NOTEBOOK_JOB else None


def pin_of(state: InstigatorState | None) -> Pin | None:
    """Return the pin that is remembered of a schedule."""
    kept = state.body.get(PIN) if state is not None else None
    return Pin(**kept) if isinstance(kept, Mapping) else None


def pin_schedule(instance: Instance, root: Path, spec: ScheduleSpec) -> Pin:
    """Pin a schedule to its notebook as it is now; one that is pinned already is promoted to it.

    Raises: InvalidInvocationError for a schedule that runs no whole notebook.
    """
    notebook = notebook_of(spec)
    if notebook is None:
        raise InvalidInvocationError(
            f"The schedule {spec.name!r} runs {spec.job_name or 'assets'}, which is always as it is in the workspace. "
            "Only a schedule that runs a whole notebook can be pinned: keep it in that notebook's metadata."
        )
    text = json.dumps(_without_outputs(read_notebook(root / notebook)), sort_keys=True)
    pin = Pin(snapshot=instance.snapshots.put(_KIND, text), notebook=notebook, pinned_at=instance.db.now())
    _remember(instance, spec, {"snapshot": pin.snapshot, "notebook": notebook, "pinned_at": pin.pinned_at})
    return pin


def unpin_schedule(instance: Instance, spec: ScheduleSpec) -> None:
    """Let a schedule run its notebook as it is at each launch."""
    _remember(instance, spec, None)


def _remember(instance: Instance, spec: ScheduleSpec, pin: Mapping[str, object] | None) -> None:
    status = "RUNNING" if spec.running_by_default else "STOPPED"
    state = InstigatorState(id=spec.id, kind="schedule", name=spec.name, location=spec.location, status=status)
    instance.automation.add_instigator(state)
    instance.automation.remember(spec.id, {PIN: pin})


def pinned_text(instance: Instance, snapshot: str) -> str:
    """Return a pinned notebook. Raises: InvalidInvocationError where its snapshot is gone."""
    text = instance.snapshots.get(snapshot)
    if text is None:
        raise InvalidInvocationError(
            f"The pinned notebook {snapshot[:12]} is not stored any more. Pin it again: cellmill schedules promote NAME"
        )
    return text


def changes_since(instance: Instance, root: Path, pin: Pin) -> tuple[CellChange, ...]:
    """Return the code cells that differ between a pin and its notebook's file, in document order."""
    before = _sources(json.loads(pinned_text(instance, pin.snapshot)))
    now = _sources(read_notebook(root / pin.notebook))
    found: list[CellChange] = []
    matcher = SequenceMatcher(None, [text for _, text in before], [text for _, text in now], autojunk=False)
    for word, i1, i2, j1, j2 in matcher.get_opcodes():
        if word == "equal":
            continue
        both = min(i2 - i1, j2 - j1)
        for (_, old), (cell, new) in zip(before[i1 : i1 + both], now[j1 : j1 + both], strict=True):
            found.append(CellChange(kind="changed", cell=cell, before=old, now=new))
        found += [CellChange(kind="removed", cell=cell, before=old) for cell, old in before[i1 + both : i2]]
        found += [CellChange(kind="added", cell=cell, now=new) for cell, new in now[j1 + both : j2]]
    return tuple(found)


def _sources(notebook: Node) -> list[tuple[int, str]]:
    cells = enumerate(notebook["cells"])
    return [(index, str(cell["source"])) for index, cell in cells if cell["cell_type"] == "code"]


def _without_outputs(notebook: Node) -> Node:
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in notebook["cells"]
    ]
    return {**notebook, "cells": cells}
