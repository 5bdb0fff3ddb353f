"""The public surface of a module: its names, the parameters of what can be called, the public members of its classes.

Run as a script in an environment of Dagster it writes `tests/data/dagster_surface.json`, which `test_surface` compares
with `cellmill.dagster`.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "data" / "dagster_surface.json"


def parameters(found: Any) -> list[str] | None:
    """The names of what can be passed; None where that cannot be seen or is open."""
    try:
        given = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in given):
        return None
    names = [each.name for each in given if each.kind is not inspect.Parameter.VAR_POSITIONAL]
    return [name for name in names if not name.startswith("_") and name not in ("self", "cls")]


def _is_public(member: Any) -> bool:
    inner = getattr(member, "fget", None) or getattr(member, "__func__", None) or member
    return bool(getattr(inner, "_is_public", False) or getattr(member, "_public_attr_name", None))


def public_members(cls: type) -> dict[str, list[str] | None]:
    """The members that Dagster marks as public, with their parameters."""
    found: dict[str, list[str] | None] = {}
    for name in sorted(dir(cls)):
        if name.startswith("_"):
            continue
        static = inspect.getattr_static(cls, name, None)
        if _is_public(static):
            member = getattr(cls, name)
            found[name] = parameters(member) if callable(member) else None
    return found


def surface(module: Any) -> dict[str, Any]:
    """The surface of a module."""
    found: dict[str, Any] = {}
    for name, value in sorted(vars(module).items()):
        if name.startswith("_") or inspect.ismodule(value):
            continue
        entry: dict[str, Any] = {}
        if callable(value) and not (isinstance(value, type) and issubclass(value, BaseException)):
            entry["parameters"] = parameters(value)
        if isinstance(value, type):
            entry["members"] = public_members(value)
        found[name] = entry
    return found


_ASSIGNED = re.compile(r"self\.([a-z]\w*)(?:: [^=\n]+)? = ")


def has_member(cls: Any, name: str) -> bool:
    """Whether a class, or each value of it, has the member."""
    if hasattr(cls, name):
        return True
    for base in getattr(cls, "__mro__", ()):
        if name in getattr(base, "__annotations__", ()) or name in getattr(base, "model_fields", ()):
            return True
        if base.__module__.startswith("cellmill") and name in _ASSIGNED.findall(inspect.getsource(base)):
            return True
    return False


if __name__ == "__main__":
    FILE.write_text(json.dumps(surface(import_module(sys.argv[1])), indent=None, separators=(",", ":")) + "\n")
