"""Pinned notebooks: a schedule that runs a kept version of its notebooks, and which cells have changed since."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path

from cellmill.errors import InvalidInvocationError
from cellmill.execution.notebook.document import Node, read_notebook
from cellmill.instance.automation import InstigatorState
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import ScheduleSpec
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.run_names import NOTEBOOK_JOB, NOTEBOOK_TAG
from cellmill.workspace.workspace import Workspace

#: Under which a pin is remembered of its schedule.
PIN = "pin"
_KIND = "notebooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The version of its notebooks that a schedule runs."""

    #: Hash of the snapshot that holds it.
    snapshot: str
    #: The notebooks' paths from the root.
    notebooks: tuple[str, ...]
    #: Seconds since the epoch.
    pinned_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedVersion:
    """What a snapshot holds."""

    #: Text of each notebook by its path from the root.
    notebooks: Mapping[str, str]
    #: The assets to make, as escaped user strings; empty where the whole notebook runs.
    assets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """A code cell that is not what it was when its notebook was pinned."""

    notebook: str
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
    return Pin(**{**kept, "notebooks": tuple(kept["notebooks"])}) if isinstance(kept, Mapping) else None


def pin_schedule(instance: Instance, workspace: Workspace, spec: ScheduleSpec) -> Pin:
    """Pin a schedule to its notebooks as they are now; one that is pinned already is promoted to them.

    Raises: InvalidInvocationError for a schedule that runs nothing of a notebook.
    """
    whole = notebook_of(spec)
    assets = [] if whole is not None else _assets_of(workspace, spec)
    notebooks = [whole] if whole is not None else sorted({entry.notebook for entry in assets if entry.notebook})
    if not notebooks:
        raise InvalidInvocationError(
            f"The schedule {spec.name!r} runs {spec.job_name or 'assets'}, which no notebook makes: modules and jobs "
            "of ops are always as they are in the workspace. A schedule of notebooks, or of assets in notebooks, can "
            "be pinned."
        )
    told = sorted(entry.name for entry in assets if entry.bound is not None)
    if told:
        raise InvalidInvocationError(
            f"The schedule {spec.name!r} cannot be pinned: only running the notebook tells of {', '.join(told)}. "
            "Write these assets as cells or as decorated functions of their own."
        )
    root = workspace.config.root
    kept = {
        "notebooks": {path: _without_outputs(read_notebook(root / path)) for path in notebooks},
        "assets": sorted(entry.asset_key.to_escaped_user_string() for entry in assets),
    }
    snapshot = instance.snapshots.put(_KIND, json.dumps(kept, sort_keys=True))
    pin = Pin(snapshot=snapshot, notebooks=tuple(notebooks), pinned_at=instance.db.now())
    _remember(instance, spec, asdict(pin))
    return pin


def _assets_of(workspace: Workspace, spec: ScheduleSpec) -> list[AssetEntry]:
    """Return the assets that a schedule makes, by its selection or by its job's."""
    if spec.asset_selection is not None:
        known = {entry.asset_key.to_escaped_user_string(): entry for entry in workspace.manifest.assets}
        return [known[name] for name in spec.asset_selection if name in known]
    for job in workspace.manifest.jobs:
        if (job.name, job.location) == (spec.job_name, spec.location) and job.kind == "asset":
            return workspace.assets_of(job)
    return []


def unpin_schedule(instance: Instance, spec: ScheduleSpec) -> None:
    """Let a schedule run its notebooks as they are at each launch."""
    _remember(instance, spec, None)


def _remember(instance: Instance, spec: ScheduleSpec, pin: Mapping[str, object] | None) -> None:
    status = "RUNNING" if spec.running_by_default else "STOPPED"
    state = InstigatorState(id=spec.id, kind="schedule", name=spec.name, location=spec.location, status=status)
    instance.automation.add_instigator(state)
    instance.automation.remember(spec.id, {PIN: pin})


def pinned_version(instance: Instance, snapshot: str) -> PinnedVersion:
    """Return what a snapshot holds. Raises: InvalidInvocationError where it is gone."""
    text = instance.snapshots.get(snapshot)
    if text is None:
        raise InvalidInvocationError(
            f"The pinned notebook {snapshot[:12]} is not stored any more. Pin it again: cellmill schedules promote NAME"
        )
    kept = json.loads(text)
    notebooks = {path: json.dumps(notebook) for path, notebook in kept["notebooks"].items()}
    return PinnedVersion(notebooks=notebooks, assets=tuple(kept["assets"]))


def changes_since(instance: Instance, root: Path, pin: Pin) -> tuple[CellChange, ...]:
    """Return the code cells that differ between a pin and its notebooks' files, in document order."""
    kept = pinned_version(instance, pin.snapshot).notebooks
    return tuple(change for path in pin.notebooks for change in _changes(path, json.loads(kept[path]), root / path))


def _changes(notebook: str, pinned: Node, file: Path) -> Iterator[CellChange]:
    before = _sources(pinned)
    now = _sources(read_notebook(file)) if file.exists() else []
    matcher = SequenceMatcher(None, [text for _, text in before], [text for _, text in now], autojunk=False)
    for word, i1, i2, j1, j2 in matcher.get_opcodes():
        if word == "equal":
            continue
        both = min(i2 - i1, j2 - j1)
        for (_, old), (cell, new) in zip(before[i1 : i1 + both], now[j1 : j1 + both], strict=True):
            yield CellChange(notebook=notebook, kind="changed", cell=cell, before=old, now=new)
        for cell, old in before[i1 + both : i2]:
            yield CellChange(notebook=notebook, kind="removed", cell=cell, before=old)
        for cell, new in now[j1 + both : j2]:
            yield CellChange(notebook=notebook, kind="added", cell=cell, now=new)


def _sources(notebook: Node) -> list[tuple[int, str]]:
    cells = enumerate(notebook["cells"])
    return [(index, str(cell["source"])) for index, cell in cells if cell["cell_type"] == "code"]


def _without_outputs(notebook: Node) -> Node:
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in notebook["cells"]
    ]
    return {**notebook, "cells": cells}
