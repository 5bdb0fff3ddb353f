"""What may be set with `%config Cellmill.NAME = VALUE`, or as `c.Cellmill.NAME` in IPython's configuration."""

from __future__ import annotations

from typing import Any

from traitlets import Bool
from traitlets.config import Configurable


class Cellmill(Configurable):
    """Settings of the cellmill extension in a kernel."""

    verbose = Bool(False, help="Whether tracebacks show every line, not only those of cells.").tag(config=True)
    status_line = Bool(True, help="Whether a line under an asset cell says what was stored.").tag(config=True)


def settings_of(shell: Any) -> Cellmill:
    """The settings of a shell, which `%config` lists and sets."""
    found = next((one for one in getattr(shell, "configurables", ()) if isinstance(one, Cellmill)), None)
    if found is None:
        found = Cellmill(parent=shell) if hasattr(shell, "configurables") else Cellmill()
        if hasattr(shell, "configurables"):
            shell.configurables.append(found)
    return found
