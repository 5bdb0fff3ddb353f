"""What the visit of a notebook needs of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.execution.notebook.notebook_run import CancelSwitch
from cellmill.execution.notebook.notebook_step import NotebookStepOutcome, run_notebook_step
from cellmill.execution.notebook.start import OpenKernel
from cellmill.planning.asset_state import AssetState
from cellmill.planning.event import Event
from cellmill.planning.run import Run
from cellmill.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldKernel:
    """The kernel of a failed cell, kept for somebody to look at its names."""

    kernel: OpenKernel
    connection_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitServices:
    """What a visit needs of its run."""

    run: Run
    attempt: int
    home: Path
    workspace: Workspace
    find_ref: Callable[[AssetKey, str | None], ValueRef | None]
    find_versions: Callable[[Sequence[AssetKey]], Mapping[AssetKey, str | None]]
    find_partition_versions: Callable[[AssetKey, Sequence[str]], Mapping[str, str | None]]
    find_state: Callable[[AssetKey, str | None], AssetState | None]
    #: Where the keys of dynamic partitions are kept.
    dynamic_partitions: Any
    #: Seconds since the epoch of the instant that the run is for.
    scheduled_at: float
    emit: Callable[[Sequence[Event]], None]
    cancel: CancelSwitch
    #: Carries out a notebook step: in a kernel of this machine, or of another.
    run_step: Callable[..., NotebookStepOutcome] = run_notebook_step
    #: Seconds for which the kernel of a failed cell is kept; the kernels kept go here, for the run to end them.
    hold_failed_s: float = 0.0
    held: list[HeldKernel] = field(default_factory=list)
