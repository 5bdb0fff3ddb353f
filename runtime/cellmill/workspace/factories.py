"""Functions of the workspace's own modules that make assets when a cell calls them: `built = make("orders")`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from cellmill.notebooks.decorators import ASSET_DECORATORS, called_name, may_define
from cellmill.notebooks.facts import Import
from cellmill.notebooks.scan import NotebookScan
from cellmill.notebooks.walker import FUNCTIONS


@lru_cache(maxsize=512)
def factories_of(source: str) -> frozenset[str]:
    """Return the functions of a module that hold a function decorated as an asset."""
    if not may_define(source):
        return frozenset()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()
    return frozenset(node.name for node in tree.body if isinstance(node, FUNCTIONS) and _makes_assets(node))


def _makes_assets(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    inner = (node for node in ast.walk(function) if isinstance(node, FUNCTIONS) and node is not function)
    return any(called_name(one) in ASSET_DECORATORS for node in inner for one in node.decorator_list)


def factory_calls(scan: NotebookScan, folders: Iterable[Path]) -> tuple[set[tuple[int, int]], set[Path]]:
    """Return the cells and lines of a notebook that use a factory of a module in these folders, and those modules."""
    folders = list(folders)
    names: set[str] = set()
    files: set[Path] = set()
    plain = [(one.cell.index, one.facts) for one in scan.cells if one.is_plain]
    for item in (item for _, facts in plain for item in facts.imports):
        for file, name in _imported(item, folders):
            files.add(file)
            made = factories_of(file.read_text("utf-8", "replace"))
            if name in made or (not name and made):
                names.add(item.alias or item.name or item.module.partition(".")[0])
    lines = {
        (index, statement.line)
        for index, facts in plain
        for statement in facts.statements
        if not names.isdisjoint(statement.uses)
    }
    return lines, files


def _imported(item: Import, folders: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield the file that an import reads, with the name it takes of it; empty where it takes the module."""
    ways = [(item.module, item.name)] + ([(f"{item.module}.{item.name}".strip("."), "")] if item.name else [])
    for module, name in ways:
        for folder in folders:
            stem = folder.joinpath(*module.split("."))
            for file in (stem.with_suffix(".py"), stem / "__init__.py"):
                if module and file.is_file():
                    yield file, name
