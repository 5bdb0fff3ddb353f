"""What a walk over a cell's code does with names, wherever it meets them: the scopes behind it fill it in."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .facts import CERTAIN, Deferred, Hint, Import

NO_NAMES: frozenset[str] = frozenset()
#: Kinds of nodes, as tuples: `isinstance` builds a union anew at each call, and every statement is asked.
SEQUENCES = (ast.Tuple, ast.List)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Context:
    """What is gathered, whatever the depth: flags, imports and hints over one statement, notes over a cell."""

    __slots__ = ("flags", "future_annotations", "hints", "imports", "notes", "python", "star_names")

    def __init__(
        self,
        python: tuple[int, int] = (3, 11),
        future_annotations: bool = False,
        star_names: Callable[[str], Iterable[str] | None] | None = None,
    ) -> None:
        self.python = python
        self.future_annotations = future_annotations or python >= (3, 14)
        self.star_names = star_names
        self.flags: set[str] = set()
        self.imports: list[Import] = []
        self.hints: list[Hint] = []
        self.notes: list[str] = []


class Walker:
    """What calls, magics and strings with names in them may ask of the walk over a cell's code."""

    __slots__ = ("cls", "ctx", "local", "place")

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        #: names of comprehensions around this point
        self.local: frozenset[str] = NO_NAMES
        #: names bound so far in the class body that is being executed
        self.cls: set[str] | None = None
        #: the node whose place stands for nodes parsed out of a string
        self.place: ast.AST | None = None

    # what a scope does with a name ------------------------------------------------------------------------------

    def load(self, name: str, node: Any, kind: str = "name", confidence: int = CERTAIN, via: str = "") -> None:
        """Read `name`."""
        raise AssertionError

    def bind(self, name: str, node: Any, kind: str = "assign") -> None:
        """Bind `name`."""
        raise AssertionError

    def mutate(self, name: str, node: Any, confidence: int, how: str, via: str = "") -> None:
        """Change the object of `name` in place."""
        raise AssertionError

    def define(self, name: str, node: Any, deferred: Deferred, kind: str) -> None:
        """Bind `name` to a function."""
        raise AssertionError

    def sandbox(self, body: Sequence[ast.stmt]) -> None:
        """Execute statements whose bindings are thrown away."""
        raise AssertionError

    def apply(self, deferred: Deferred, node: Any, via: str) -> None:
        """Call a function now."""
        raise AssertionError

    def postpone(self, deferred: Deferred, node: Any) -> None:
        """Keep a function that has no name of its own."""
        raise AssertionError

    def scan_function(self, args: ast.arguments, body: Sequence[ast.stmt] | ast.expr) -> Deferred:
        """What a function does when called."""
        raise AssertionError

    def conditional(self) -> int:
        """Begin an expression that may not be evaluated."""
        return 0

    def unconditional(self, mark: int) -> None:
        """End it: what it bound is bound on some paths only."""

    def run_block(self, body: Sequence[ast.stmt]) -> None:
        """Execute statements (of a string given to exec)."""
        raise AssertionError

    def alias(self, name: str, value: ast.expr) -> None:
        """Note that `name` may stand for the same object as the root of `value`, or may call its functions later."""

    def hold(self, name: str, value: ast.expr) -> None:
        """Note that the object of `name` may call the functions of `value` later."""

    def expr(self, node: ast.AST) -> None:
        """Evaluate one expression."""
        raise AssertionError
