"""The ipykernel of an unattended run: the ordinary one, without debugger support, history file and their start-up time."""

from __future__ import annotations

import sys
from types import ModuleType


def prepare() -> None:
    """Make what follows start faster: nobody attaches a debugger to an unattended run."""
    for name in ("debugpy", "rfc3987_syntax"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def reveal() -> None:
    """Let user code import what `prepare` hid."""
    for name in ("debugpy", "rfc3987_syntax"):
        if sys.modules.get(name, ModuleType) is None:
            del sys.modules[name]


def main(argv: list[str] | None = None) -> None:
    """Run one kernel until it is shut down."""
    prepare()
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize([*(sys.argv[1:] if argv is None else argv), "--HistoryManager.enabled=False"])
    reveal()
    app.start()


if __name__ == "__main__":
    if sys.path and sys.path[0] == "":
        del sys.path[0]
    main()
