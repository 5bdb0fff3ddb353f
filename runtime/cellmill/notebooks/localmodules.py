"""Modules of the workspace that a notebook imports: their code is part of an asset's code version."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import lru_cache

from .facts import Import
from .fingerprint import digest, module_form


def module_versions(imports: Iterable[Import], modules: Mapping[str, str], path: str = "") -> list[str]:
    """``name digest`` of every workspace-local module that `imports` reach, followed through their own imports.

    `modules` maps dotted names to sources; a name that is not in it is no module of the workspace.
    """
    if not modules:
        return []
    found: dict[str, str] = {}
    todo = [name for item in imports for name in _candidates(item.module, item.name, item.level, "", modules)]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        source = modules[name]
        found[name] = _form_digest(source)
        for module, imported, level in _imports_of(source):
            todo.extend(_candidates(module, imported, level, name, modules))
    return [f"module {name} {found[name]}" for name in sorted(found)]


def _candidates(module: str, name: str, level: int, importer: str, modules: Mapping[str, str]) -> list[str]:
    if level:
        base = importer.split(".")[:-level] if importer else []
        module = ".".join([*base, *([module] if module else [])])
    names = [".".join(module.split(".")[: n + 1]) for n in range(module.count(".") + 1)] if module else []
    if name and name != "*":
        names.append(f"{module}.{name}" if module else name)
    return [candidate for candidate in names if candidate in modules]


@lru_cache(maxsize=512)
def _form_digest(source: str) -> str:
    return digest(module_form(source))


@lru_cache(maxsize=512)
def _imports_of(source: str) -> tuple[tuple[str, str, int], ...]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    found: list[tuple[str, str, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.extend((alias.name, "", 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.extend((node.module or "", alias.name, node.level) for alias in node.names)
    return tuple(found)
