"""Modules that are loaded when something of them is used first: the one way to load late.

An import stands at the top of its module. Where loading it there costs more than most callers would ever use (a command
that answers from text, a kernel's first cell), the module is named twice, side by side::

    if TYPE_CHECKING:
        from cellmill.workspace import partitions
    else:
        partitions = on_first_use("cellmill.workspace.partitions")

Type checkers and the import contracts read the first line, a running program the second. A test holds that both name
the same module and that docs/architecture.md gives the reason.
"""

from __future__ import annotations

import sys
from importlib import import_module


class _OnFirstUse:
    """Stands for a module and looks every attribute up in it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        module = sys.modules.get(self._name)
        if module is None or getattr(module.__spec__, "_initializing", False):
            # another thread may be in the middle of importing it: this waits until that has ended
            module = import_module(self._name)
        return getattr(module, attribute)

    def __repr__(self) -> str:
        return f"<module {self._name!r}, loaded on first use>"


def on_first_use(name: str) -> _OnFirstUse:
    """Return what stands for the module of this full name; it is imported when one of its attributes is read first.

    Raises:
        ModuleNotFoundError: on that first use, where there is no such module.
    """
    return _OnFirstUse(name)
