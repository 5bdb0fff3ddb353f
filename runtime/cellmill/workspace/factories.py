"""What of the workspace's own modules makes assets when a cell calls it: `built = make("orders")`.

A function that holds a decorated function, a class with such a method, and whatever else of a module stands for one of
these: another name, a function around it, an import.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cellmill.notebooks.decorators import ASSET_DECORATORS, called_name, may_define
from cellmill.notebooks.facts import Import
from cellmill.notebooks.scan import NotebookScan
from cellmill.notebooks.walker import FUNCTIONS

_NONE: frozenset[str] = frozenset()
#: Modules that import factories from each other are followed this far.
_DEPTH = 8


#: What a module takes from others by `from … import …`, found without parsing it.
_TAKEN = re.compile(r"^from\s+\S+\s+import\s+(\([^)]*\)|.*)", re.MULTILINE)
_WORD = re.compile(r"\w+")


def factory_names(sources: Iterable[str]) -> frozenset[str]:
    """Return the names by which modules, given by their text, offer factories."""
    distinct = list(dict.fromkeys(sources))
    offers = {source: _offer_of(source) for source in distinct if may_define(source)}
    names = _NONE.union(*(offer.factories() for offer in offers.values()))
    # only a module that takes one of these names from another is parsed beside those that make assets
    taken = {source: frozenset(_WORD.findall(" ".join(_TAKEN.findall(source)))) for source in distinct if names}
    for _ in range(_DEPTH):
        before = names
        for source, words in taken.items():
            if names.isdisjoint(words):
                continue
            if source not in offers:
                offers[source] = _offer_of(source)
            given = frozenset(alias for _, name, alias in offers[source].imports if name in names)
            if given:
                names |= offers[source].factories(given)
        if names == before:
            break
    return names


@dataclass(frozen=True, slots=True)
class _Binding:
    """What a statement at a module's top level binds, and why that might be a factory."""

    names: tuple[str, ...]
    #: whether it holds a decorated function
    makes: bool
    mentions: frozenset[str]
    #: what an assignment calls: `build = partial(make, 1)` is a factory, what `make(1)` gave is an asset
    called: str | None = None


@dataclass(frozen=True, slots=True)
class _Offer:
    """What says which names of a module are factories: far less than its syntax tree."""

    #: What it takes from others at its top level: the import, the name there, the name here.
    imports: tuple[tuple[Import, str, str], ...]
    bindings: tuple[_Binding, ...]

    def factories(self, given: frozenset[str] = _NONE) -> frozenset[str]:
        """Return the module's factories; `given` are those that it imports from others, by its own names for them."""
        names = set(given)
        for _ in range(_DEPTH):
            before = len(names)
            for one in self.bindings:
                if one.makes or (one.called not in names and not names.isdisjoint(one.mentions)):
                    names.update(one.names)
            if len(names) == before:
                break
        return frozenset(names)


def _offer_of(source: str) -> _Offer:
    body = _tree(source).body
    imports = tuple(
        (
            Import(node.module or "", one.name, one.asname or "", node.level, node.lineno),
            one.name,
            one.asname or one.name,
        )
        for node in body
        if isinstance(node, ast.ImportFrom)
        for one in node.names
    )
    return _Offer(imports, tuple(filter(None, map(_binding, body))))


def _binding(node: ast.stmt) -> _Binding | None:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return _Binding((node.name,), _makes_assets(node), _mentioned(node))
    if isinstance(node, ast.Assign):
        names = tuple(target.id for target in node.targets if isinstance(target, ast.Name))
        called = called_name(node.value.func) if isinstance(node.value, ast.Call) else None
        return _Binding(names, False, _mentioned(node.value), called)
    return None


def _makes_assets(node: ast.AST) -> bool:
    inner = (one for one in ast.walk(node) if isinstance(one, FUNCTIONS) and one is not node)
    return any(called_name(by) in ASSET_DECORATORS for one in inner for by in one.decorator_list)


def _mentioned(node: ast.AST) -> frozenset[str]:
    named = (called_name(one) for one in ast.walk(node) if isinstance(one, (ast.Name, ast.Attribute)))
    return frozenset(name for name in named if name)


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


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
        self._offers: dict[Path, _Offer] = {}

    @property
    def read(self) -> set[Path]:
        """The modules that were looked at."""
        return set(self._found)

    def factories(self, file: Path) -> frozenset[str]:
        """Return the factories that a module offers, those of the modules that it imports them from among them."""
        if file not in self._found:
            offer = self._offer(file)
            self._found[file] = offer.factories()  # for modules that import each other
            given: set[str] = set()
            for item, _, alias in offer.imports:
                for other, name in self.imported(item, file):
                    made = self.factories(other)
                    given |= made if name == "*" else {alias} if name in made else _NONE
            self._found[file] = offer.factories(frozenset(given))
        return self._found[file]

    def _offer(self, file: Path) -> _Offer:
        if file not in self._offers:
            self._offers[file] = _offer_of(file.read_text("utf-8", "replace"))
        return self._offers[file]

    def is_class(self, file: Path, name: str, depth: int = _DEPTH) -> bool:
        """Return whether a module's name is a class, its own or one that it imports."""
        source = file.read_text("utf-8", "replace")
        if any(isinstance(node, ast.ClassDef) and node.name == name for node in _tree(source).body):
            return True
        imports = self._offer(file).imports
        places = [place for item, _, alias in imports if alias == name for place in self.imported(item, file)]
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
