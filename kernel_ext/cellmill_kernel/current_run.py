"""The run that this kernel works for, without loading what only runs need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run_in_kernel import RunInKernel

_run: RunInKernel | None = None


def current() -> RunInKernel | None:
    """Return the run that this kernel works for; None in an interactive kernel."""
    return _run


def become(run: RunInKernel) -> None:
    """Work for this run from now on."""
    global _run
    _run = run
