"""Def-use linking in document order: from a read to the statements above that make its value."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .facts import (
    BUILTINS,
    CERTAIN,
    DYNAMIC,
    GIVEN,
    GUESS,
    LIKELY,
    SETUP,
    STAR,
    Bind,
    CellFacts,
    Mutation,
    Statement,
    Use,
    is_history,
)


class Unit(NamedTuple):
    """One statement of a plain cell, at its position in the notebook."""

    position: int
    cell: int
    statement: Statement


class Entry(NamedTuple):
    """That a unit binds a name, or changes its object."""

    position: int
    bind: Bind | None
    mutation: Mutation | None


@dataclass(slots=True)
class Slice:
    """What some reads need: units (by position), assets (by name), and what nothing above binds."""

    units: set[int] = field(default_factory=set)
    assets: dict[str, Use] = field(default_factory=dict)
    #: names that no plain cell above and no asset of this notebook makes
    free: dict[str, Use] = field(default_factory=dict)
    #: unit position -> names for which it is needed (for imports and explanations)
    why: dict[int, dict[str, Use]] = field(default_factory=dict)
    #: every name that was looked up on the way
    looked_up: set[str] = field(default_factory=set)


class Linker:
    """Links the names of one notebook.

    - knows which unit binds or changes which name, and in which order;
    - `slice_of` walks upwards from reads, transitively;
    - assets of the notebook win over plain bindings.
    """

    def __init__(self, cells: Sequence[tuple[int, CellFacts]], assets: Mapping[str, int]) -> None:
        self.units: list[Unit] = []
        self.entries: dict[str, list[Entry]] = {}
        self.assets = assets
        #: cell index -> position of its first unit, and behind its last
        self.spans: dict[int, tuple[int, int]] = {}
        self.open: list[int] = []
        self._setup: list[int] | None = None
        self._setup_needs: dict[int, Slice] = {}
        for index, facts in cells:
            start = len(self.units)
            for statement in facts.statements:
                self._add(index, statement)
            self.spans[index] = (start, len(self.units))
        self._indices = sorted(self.spans)
        self._add_alias_changes()

    def _add(self, cell: int, statement: Statement) -> None:
        position, entries = len(self.units), self.entries
        self.units.append(Unit(position, cell, statement))
        binds, mutates = statement.binds, statement.mutates
        if mutates:
            for name, mutation in mutates.items():
                if name not in binds and mutation.confidence >= LIKELY:
                    self._note(name, Entry(position, None, mutation))
        if binds:
            for name, bind in binds.items():
                self._note(name, Entry(position, bind, None))
        for name in statement.deletes:
            self._note(name, Entry(position, Bind(name, statement.line, False, "del"), None))
        if statement.flags and (STAR in statement.flags or DYNAMIC in statement.flags):
            self.open.append(position)
        for name, held in statement.holds.items() if statement.holds else ():
            # an object that got a function to call later is another object from here on
            if name not in binds and name not in mutates and self._any_function(held, position):
                self._note(name, Entry(position, None, Mutation(name, statement.line, LIKELY, "keeps a function")))
        for name in statement.uses:
            # calling a helper that changes a name changes it here
            if name in entries:
                self._helper_changes(name, position)

    def _note(self, name: str, entry: Entry) -> None:
        found = self.entries.get(name)
        if found is None:
            self.entries[name] = [entry]
        else:
            found.append(entry)

    def _any_function(self, names: Iterable[str], position: int) -> bool:
        """Whether one of `names` is a function or a class that a unit up to `position` defines."""
        for name in names:
            for entry in reversed(self.entries.get(name, ())):
                if entry.bind is not None and entry.position <= position:
                    if name in self.units[entry.position].statement.deferred:
                        return True
                    break
        return False

    def _helper_changes(self, name: str, position: int) -> None:
        for entry in reversed(self.entries[name]):
            if entry.position >= position or entry.bind is None:
                continue
            function = self.units[entry.position].statement.deferred.get(name)
            if function is not None:
                for change in function.mutates.values():
                    if change.confidence >= LIKELY:
                        found = change._replace(via=name)
                        self._note(change.name, Entry(position, None, found))
                for bound in function.binds:
                    self._note(bound, Entry(position, Bind(bound, 0, False, "global"), None))
            if entry.bind.must:
                return

    def _add_alias_changes(self) -> None:
        """A change of ``b`` changes ``a`` where somewhere ``b = a``."""
        aliases: dict[str, set[str]] = {}
        for unit in self.units:
            for name, sources in unit.statement.aliases.items():
                for root, sure in sources:
                    if sure >= LIKELY:
                        aliases.setdefault(name, set()).add(root)
        if not aliases:
            return
        extra: list[tuple[str, Entry]] = []
        for name in aliases:
            roots = _closure(name, aliases)
            for entry in self.entries.get(name, ()):
                if entry.mutation is not None:
                    extra.extend((root, entry) for root in roots)
        for root, entry in extra:
            entries = self.entries.setdefault(root, [])
            entries.append(entry)
            entries.sort(key=lambda item: item.position)

    def position_of(self, cell: int) -> int:
        """The position at which a cell that is no plain cell stands."""
        at = bisect_left(self._indices, cell)
        return self.spans[self._indices[at - 1]][1] if at else 0

    def above(self, name: str, position: int) -> tuple[list[Entry], bool]:
        """The entries for `name` that reach `position`, nearest first, and whether one binds it on every path."""
        entries = self.entries.get(name)
        if not entries:
            return [], False
        found: list[Entry] = []
        for at in range(bisect_left(entries, position, key=lambda item: item.position) - 1, -1, -1):
            entry = entries[at]
            if entry.bind is None:
                found.append(entry)
            elif entry.bind.kind == "del":
                continue
            else:
                found.append(entry)
                if entry.bind.must:
                    if entry.bind.kind == "import":
                        # methods of a module that look like changes (os.remove) are none
                        found = [e for e in found if e.mutation is None or e.mutation.confidence == CERTAIN]
                    return found, True
        if found and all(entry.bind is None for entry in found):
            return found, False
        return found, False

    def below(self, name: str, position: int) -> Entry | None:
        """The first unit at or below `position` that binds `name`."""
        for entry in self.entries.get(name, ()):
            if entry.position >= position and entry.bind is not None and entry.bind.kind != "del":
                return entry
        return None

    def slice_of(
        self, uses: Iterable[Use], position: int, *, own: frozenset[str] = frozenset(), infer: bool = True
    ) -> Slice:
        """What `uses` at `position` need; `own` are names of the asset itself, `infer` False ignores assets."""
        result = Slice()
        walk = _Walk(self, result, own, infer)
        for use in uses:
            walk.name(use, position)
        walk.run()
        return result

    def setup_units(self, position: int) -> list[int]:
        """Units above that change the global state of a library, with what they need: the preamble of what is below."""
        if self._setup is None:
            self._setup = [
                unit.position
                for unit in self.units
                if (unit.statement.mutates or unit.statement.flags) and self.is_setup(unit)
            ]
            self._setup_needs = {at: self.slice_of(self.units[at].statement.uses.values(), at) for at in self._setup}
        above = self._setup[: bisect_left(self._setup, position)]
        return sorted({*above, *(need for at in above for need in self._setup_needs[at].units)}) if above else []

    def setup_needs(self) -> dict[int, set[int]]:
        """Every unit that sets something up, with the units that it needs."""
        self.setup_units(0)
        return {at: needs.units for at, needs in self._setup_needs.items()}

    def is_setup(self, unit: Unit) -> bool:
        """True for a unit that sets options, seeds, paths: it must run before what stands below."""
        statement = unit.statement
        if SETUP in statement.flags:
            return True
        for name, change in statement.mutates.items():
            if change.confidence == CERTAIN:
                found, sure = self.above(name, unit.position)
                if sure and found[-1].bind is not None and found[-1].bind.kind == "import":
                    return True
        return False


class _Walk:
    """One transitive walk upwards, without recursion over units."""

    def __init__(self, linker: Linker, result: Slice, own: frozenset[str], infer: bool) -> None:
        self.linker = linker
        self.result = result
        self.own = own
        self.infer = infer
        self.todo: list[int] = []
        self.seen: set[tuple[str, int]] = set()

    def name(self, use: Use, position: int) -> None:
        """Link one read at a position."""
        name = use.name
        if (name, position) in self.seen or use.kind == "inspection":
            return
        self.seen.add((name, position))
        self.result.looked_up.add(name)
        linker, result = self.linker, self.result
        if self.infer and name in linker.assets and name not in self.own:
            if name not in result.assets or result.assets[name].confidence < use.confidence:
                result.assets[name] = use
            return
        found, sure = linker.above(name, position)
        for entry in found:
            self._take(entry, use, position)
        if not sure:
            self._unbound(use, position, bool(found))

    def _take(self, entry: Entry, use: Use, position: int) -> None:
        at = entry.position
        self.result.why.setdefault(at, {})[use.name] = use
        if at not in self.result.units:
            self.result.units.add(at)
            self.todo.append(at)
        function = self.linker.units[at].statement.deferred.get(use.name) if entry.bind is not None else None
        if function is not None:
            # a helper reads its names when it is called: from the caller's place
            for inner in function.uses.values():
                if inner.name not in use.covered:
                    self.name(inner._replace(via=inner.via or use.name), position)
        if self.linker.units[at].statement.holds:
            # a helper that changes an object may have given it the functions that the helper got
            through = entry.mutation.via if entry.mutation is not None else ""
            self._held(use, [use.name, *([through] if through else [])], at, position)

    def _held(self, use: Use, names: Iterable[str], at: int, position: int) -> None:
        """What functions that a value holds read, when the value is used: `model = Model(step)`, `model.run()`."""
        todo = [(name, at) for name in names]
        seen: set[tuple[str, int]] = set()
        while todo:
            name, place = todo.pop()
            if (name, place) in seen:
                continue
            seen.add((name, place))
            statement = self.linker.units[place].statement
            for held in statement.holds.get(name, ()):
                # `@show.register` above a function: the statement that gives it away binds it, too
                given = [place] if held in statement.deferred else []
                self.result.looked_up.add(held)
                above = self.linker.above(held, place)[0]
                for at in given or [entry.position for entry in above if entry.bind is not None]:
                    todo.append((held, at))
                    function = self.linker.units[at].statement.deferred.get(held)
                    for inner in function.uses.values() if function is not None else ():
                        later = inner._replace(via=inner.via or use.name, confidence=min(inner.confidence, LIKELY))
                        self.name(later, position)

    def _unbound(self, use: Use, position: int, partly: bool) -> None:
        name = use.name
        if name in BUILTINS or name == GIVEN or is_history(name) or name.startswith("sql:"):
            return
        if partly and use.confidence < CERTAIN:
            return
        for at in reversed(self.linker.open):
            if at < position:
                self._take(Entry(at, Bind(name, 0, False, "star"), None), use._replace(confidence=GUESS), position)
                break
        self.result.free.setdefault(name, use)

    def run(self) -> None:
        """Follow the reads of every unit that was taken."""
        units = self.linker.units
        while self.todo:
            at = self.todo.pop()
            statement = units[at].statement
            for use in statement.uses.values():
                self.name(use, at)
            if statement.loose:
                end = self.linker.spans[units[at].cell][1]
                for function in statement.loose:
                    for use in function.uses.values():
                        self.name(use, end)


def _closure(name: str, aliases: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        for root in aliases.get(todo.pop(), ()):
            if root not in found and root != name:
                found.add(root)
                todo.append(root)
    return found
