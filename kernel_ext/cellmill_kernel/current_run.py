"""The run that this kernel works for, without loading what only runs need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run_mode import RunMode


def current() -> RunMode | None:
    """Return the run that this kernel works for; None in an interactive kernel."""
    module = sys.modules.get("cellmill_kernel.run_mode")
    found: RunMode | None = module.current() if module is not None else None
    return found
