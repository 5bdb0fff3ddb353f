"""What of the workspace's own modules makes assets when a cell calls it: `built = make("orders")`.

A function that holds a decorated function, a class with such a method, and whatever else of a module stands for one of
these: another name, a function around it, an import.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from cellmill.notebooks.decorators import ASSET_DECORATORS, called_name, may_define
from cellmill.notebooks.facts import Import
from cellmill.notebooks.scan import NotebookScan
from cellmill.notebooks.walker import FUNCTIONS

_NONE: frozenset[str] = frozenset()
#: Modules that import factories from each other are followed this far.
_DEPTH = 8


def factory_names(sources: Mapping[str, str]) -> frozenset[str]:
    """Return the names by which modules, given by their dotted names, offer factories."""
    names = _NONE.union(*(factories_of(source) for source in sources.values()))
    for _ in range(_DEPTH if names else 0):
        before = names
        for source in sources.values():
            given = [alias for _, name, alias in _imports(source) if name in names]
            if given:
                names |= factories_of(source, frozenset(given))
        if names == before:
            break
    return names


@lru_cache(maxsize=512)
def factories_of(source: str, given: frozenset[str] = _NONE) -> frozenset[str]:
    """Return the factories of a module; `given` are those that it imports from others, by its own names for them."""
    if not given and not may_define(source):
        return _NONE
    names = set(given)
    for _ in range(_DEPTH):
        before = len(names)
        for node in _tree(source).body:
            names.update(_new_factories(node, names))
        if len(names) == before:
            break
    return frozenset(names)


def _new_factories(node: ast.stmt, names: set[str]) -> Iterator[str]:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        if _makes_assets(node) or (names and _mentions(node, names)):
            yield node.name
    elif isinstance(node, ast.Assign) and names and _mentions(node.value, names):
        # `build = make` and `build = partial(make, 1)` are factories; what `make(1)` gave is an asset
        if not (isinstance(node.value, ast.Call) and called_name(node.value.func) in names):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _makes_assets(node: ast.AST) -> bool:
    inner = (one for one in ast.walk(node) if isinstance(one, FUNCTIONS) and one is not node)
    return any(called_name(by) in ASSET_DECORATORS for one in inner for by in one.decorator_list)


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(one, (ast.Name, ast.Attribute)) and called_name(one) in names for one in ast.walk(node))


@lru_cache(maxsize=512)
def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


@lru_cache(maxsize=512)
def _imports(source: str) -> tuple[tuple[Import, str, str], ...]:
    """Return what a module takes from others at its top level: the import, the name there, the name here."""
    return tuple(
        (
            Import(node.module or "", one.name, one.asname or "", node.level, node.lineno),
            one.name,
            one.asname or one.name,
        )
        for node in _tree(source).body
        if isinstance(node, ast.ImportFrom)
        for one in node.names
    )


def factory_calls(scan: NotebookScan, folders: Iterable[Path]) -> tuple[set[tuple[int, int]], set[Path]]:
    """Return the cells and lines of a notebook that use a factory of a module in these folders, and those modules."""
    reader = _Modules(list(folders))
    plain = [(one.cell.index, one.facts) for one in scan.cells if one.is_plain]
    names: set[str] = set()
    classes: set[str] = set()
    for item in (item for _, facts in plain for item in facts.imports):
        for file, name in reader.imported(item, None):
            made = reader.factories(file)
            bound = item.alias or item.name or item.module.partition(".")[0]
            taken = {one: one for one in made} if name == "*" else {bound: name} if name in made else {}
            names.update(taken, [bound] if made and not name else [])
            classes.update(here for here, there in taken.items() if reader.is_class(file, there))
    lines = set()
    for index, facts in plain:
        for statement in facts.statements:
            if not names.isdisjoint(statement.uses):
                lines.add((index, statement.line))
            if not classes.isdisjoint(statement.uses):
                # its methods make assets too: `maker = Maker()`, then `built = maker.make("orders")`
                names.update(name for name, bind in statement.binds.items() if bind.kind == "assign")
    return lines, reader.read


class _Modules:
    """The modules in some folders, and which of their names are factories."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders
        self._found: dict[Path, frozenset[str]] = {}

    @property
    def read(self) -> set[Path]:
        """The modules that were looked at."""
        return set(self._found)

    def factories(self, file: Path) -> frozenset[str]:
        """Return the factories that a module offers, those of the modules that it imports them from among them."""
        if file not in self._found:
            source = file.read_text("utf-8", "replace")
            self._found[file] = factories_of(source)  # for modules that import each other
            given: set[str] = set()
            for item, _, alias in _imports(source):
                for other, name in self.imported(item, file):
                    made = self.factories(other)
                    given |= made if name == "*" else {alias} if name in made else _NONE
            self._found[file] = factories_of(source, frozenset(given))
        return self._found[file]

    def is_class(self, file: Path, name: str, depth: int = _DEPTH) -> bool:
        """Return whether a module's name is a class, its own or one that it imports."""
        source = file.read_text("utf-8", "replace")
        if any(isinstance(node, ast.ClassDef) and node.name == name for node in _tree(source).body):
            return True
        places = [place for item, _, alias in _imports(source) if alias == name for place in self.imported(item, file)]
        return depth > 0 and any(self.is_class(*place, depth - 1) for place in places if place[1])

    def imported(self, item: Import, importer: Path | None) -> Iterator[tuple[Path, str]]:
        """Yield the file that an import reads, with the name it takes of it; empty where it takes the module."""
        folders = self.folders
        if item.level and importer is not None:
            folders = [importer.parents[item.level - 1]]
        whole = f"{item.module}.{item.name}".strip(".")
        for module, name in [(item.module, item.name), *([(whole, "")] if item.name else [])]:
            for folder in folders:
                stem = folder.joinpath(*module.split(".")) if module else folder
                for file in (stem.with_suffix(".py"), stem / "__init__.py"):
                    if (module or item.level) and file.is_file():
                        yield file, name
