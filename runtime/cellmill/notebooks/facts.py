"""What is known about a statement and about a cell without running it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

GUESS, LIKELY, CERTAIN = 1, 2, 3

#: Names that every cell has; a use of one counts only where some cell binds it.
BUILTINS = frozenset(dir(builtins)) | {
    "get_ipython", "display", "exit", "quit", "__file__", "__name__", "__doc__", "__builtins__", "__builtin__",
    "__loader__", "__package__", "__spec__", "__annotations__", "__dict__", "__path__", "__cached__",
}  # fmt: skip

#: The name that cellmill gives to every cell: what it is told of its run.
GIVEN = "context"

#: Flags of a cell or statement.
DYNAMIC = "dynamic"  # may bind or read names that the text does not show
OPAQUE = "opaque"  # holds code that is not analysed
STAR = "star"  # a star import whose names are not known
HISTORY = "history"  # reads IPython's history (_, Out[…], In[…])
EFFECTS = "effects"  # acts outside Python: the shell, the environment
ENVIRONMENT = "environment"  # changes the environment only: %matplotlib, %load_ext, %pip
SETUP = "setup"  # changes global state of a library: options, seeds, paths
BROKEN = "broken"  # does not parse
CLOCK = "clock"  # reads the clock
RANDOM = "random"  # reads a random source

#: A cell with one of these is one indivisible slice.
INDIVISIBLE = frozenset({DYNAMIC, OPAQUE, EFFECTS})


class Use(NamedTuple):
    """A name that is read from outside, with its place."""

    name: str
    line: int
    column: int
    end_line: int
    end_column: int
    confidence: int = CERTAIN
    #: name, call, string, sql, shell, annotation, inspection, magic
    kind: str = "name"
    note: str = ""
    #: the helper through which it is read
    via: str = ""
    #: names that the statement itself had bound before this read
    covered: frozenset[str] = frozenset()


class Bind(NamedTuple):
    """A name that is bound and left bound."""

    name: str
    line: int
    #: False where some path leaves it unbound
    must: bool = True
    #: assign, import, def, class, for, with, except, match, magic, table, star …
    kind: str = "assign"


class Mutation(NamedTuple):
    """An outside name whose object may be changed in place."""

    name: str
    line: int
    confidence: int
    how: str
    via: str = ""


class Import(NamedTuple):
    """One imported name: ``from module import name as alias`` (name empty for ``import module``)."""

    module: str
    name: str
    alias: str
    level: int
    line: int


class Hint(NamedTuple):
    """A place where the outside world comes in: a file, a URL, the clock, a random source."""

    kind: str
    text: str
    line: int


class Deferred(NamedTuple):
    """What a function does when it is called: its free global names, mutations and global stores."""

    uses: Mapping[str, Use]
    mutates: Mapping[str, Mutation]
    binds: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Statement:
    """The facts of one top-level statement (or of an indivisible cell), free of what stands around it."""

    line: int
    end_line: int
    nodes: tuple[ast.stmt, ...] = ()
    #: text that stands for code that is not Python
    foreign: str = ""
    uses: Mapping[str, Use] = field(default_factory=dict)
    binds: Mapping[str, Bind] = field(default_factory=dict)
    mutates: Mapping[str, Mutation] = field(default_factory=dict)
    deletes: frozenset[str] = frozenset()
    deferred: Mapping[str, Deferred] = field(default_factory=dict)
    #: functions without a name of their own (a lambda in a list): read at the end of the cell
    loose: tuple[Deferred, ...] = ()
    aliases: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    #: bound name -> names whose functions its value may call later: `model = Model(step)`
    holds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    imports: tuple[Import, ...] = ()
    hints: tuple[Hint, ...] = ()
    flags: frozenset[str] = frozenset()
    #: nothing behind it is reached: it raises, returns, or never ends
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFacts:
    """The facts of one cell: what it reads from outside, what it leaves bound, what it changes."""

    uses: Mapping[str, Use]
    #: reads of builtins and of IPython's history, which count only where some cell binds that name
    builtin_uses: Mapping[str, Use]
    binds: Mapping[str, Bind]
    mutates: Mapping[str, Mutation]
    deletes: frozenset[str]
    imports: tuple[Import, ...]
    flags: frozenset[str]
    history: frozenset[str]
    hints: tuple[Hint, ...] = ()
    statements: tuple[Statement, ...] = ()
    problem: str = ""
    problem_line: int | None = None
    #: lints: reads of a function's own local before it is bound, and the like
    notes: tuple[str, ...] = ()

    @property
    def must_binds(self) -> frozenset[str]:
        """Names bound on every path."""
        return frozenset(name for name, bind in self.binds.items() if bind.must)

    @property
    def may_binds(self) -> frozenset[str]:
        """Names bound on some paths only."""
        return frozenset(name for name, bind in self.binds.items() if not bind.must)


EMPTY_FACTS = CellFacts(
    uses={}, builtin_uses={}, binds={}, mutates={}, deletes=frozenset(), imports=(), flags=frozenset(),
    history=frozenset(),
)  # fmt: skip


def is_history(name: str) -> bool:
    """True for IPython's history names: ``_``, ``__``, ``_i3``, ``_7``, ``Out``, ``In``."""
    if name[0] == "_":
        rest = name.lstrip("_")
        if not rest:
            return len(name) <= 3
        if len(name) - len(rest) == 1:
            return (
                rest.isdigit()
                or rest in ("i", "ii", "iii", "ih", "oh", "dh")
                or (rest[0] == "i" and rest[1:].isdigit())
            )
        return False
    return name in ("Out", "In")
