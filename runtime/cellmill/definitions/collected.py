"""Definitions of assets as they are made: what a loop in a cell makes, one behind the other, under a single name."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_OPEN: ContextVar[list[Any] | None] = ContextVar("cellmill_made_definitions", default=None)


@contextmanager
def collected() -> Iterator[list[Any]]:
    """Give the list to which every definition of assets is added that is made inside."""
    found: list[Any] = []
    token = _OPEN.set(found)
    try:
        yield found
    finally:
        _OPEN.reset(token)


def collect_into(found: list[Any] | None) -> None:
    """From now on add every definition that is made to `found`; None ends it. For callbacks around a cell."""
    _OPEN.set(found)


def note_made(definition: Any) -> None:
    """Say that a definition was made."""
    found = _OPEN.get()
    if found is not None:
        found.append(definition)


def held_definitions(namespace: Mapping[str, Any], kinds: tuple[type, ...]) -> list[tuple[str, Any, bool]]:
    """Return the definitions of these kinds that a namespace holds: the name that does, the definition, whether the
    name is the definition's own.

    Those in its lists, tuples, sets and dictionaries count too; each definition comes once.
    """
    found: dict[int, tuple[str, Any, bool]] = {}
    containers: list[tuple[str, Any]] = []
    for name, value in namespace.items():
        kind = type(value)
        # texts and numbers first: a notebook's namespace is mostly what IPython remembers of cells
        if kind is str or kind is int:
            continue
        is_container = kind in _CONTAINERS
        # what IPython remembers of outputs begins with an underscore
        if not (is_container or isinstance(value, kinds)) or name.startswith("_") or name in _IPYTHON:
            continue
        if is_container:
            containers.append((name, value))
        else:
            found.setdefault(id(value), (name, value, True))
    for name, value in containers:
        for one in value.values() if isinstance(value, dict) else value:
            if isinstance(one, kinds):
                found.setdefault(id(one), (name, one, False))
    return list(found.values())


_CONTAINERS = frozenset({list, tuple, set, dict})
#: Containers that IPython keeps in a notebook's namespace.
_IPYTHON = frozenset({"In", "Out"})


def made_in_cell(definition: Any) -> bool:
    """Return whether a definition's function was written at the level of a cell: not in a module, not in a function."""
    function = function_of(definition)
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<locals>")
    return module == "__main__" and "<locals>" not in name


def is_imported(definition: Any) -> bool:
    """Return whether a definition is an attribute of the module that its function comes from: that module's own."""
    function = function_of(definition)
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if function is None or module is None or module.__name__ == "__main__":
        return False
    return any(value is definition for value in vars(module).values())


def function_of(definition: Any) -> Any:
    """Return the function that a definition decorates, or None."""
    function = getattr(definition, "__wrapped__", None)
    return getattr(function, "decorated_fn", function)
