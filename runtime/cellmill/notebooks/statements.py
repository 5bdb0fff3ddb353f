"""The walk over statements in the order of execution; branches join with "all paths" and "some path"."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from .expressions import ExpressionWalker, dotted, root_name, target_names
from .facts import CERTAIN, GUESS, LIKELY, SETUP, STAR, Deferred, Import
from .known import ENDING_CALLS
from .starnames import STAR_NAMES

#: Decorators that do not call the function that they get.
_QUIET_DECORATORS = frozenset({
    "lru_cache", "cache", "property", "staticmethod", "classmethod", "wraps", "njit", "jit", "vectorize", "dataclass", "total_ordering",
    "asset", "op", "job", "graph", "schedule", "sensor", "asset_check", "resource", "io_manager", "multi_asset", "contextmanager",
    "cached_property", "abstractmethod", "overload", "singledispatch", "asset_sensor", "graph_asset", "final", "override",
    "delayed", "task", "flow", "remote", "fixture", "setter", "register", "hook", "success_hook", "failure_hook", "cuda", "numba",
    "observable_source_asset", "repository", "config_mapping", "usable_as_dagster_type", "run_status_sensor", "logger", "executor",
})  # fmt: skip
_SUPPRESSORS = frozenset({"suppress", "raises", "assertRaises"})


class StatementWalker(ExpressionWalker):
    """Adds statements; `must` holds the names bound on every path so far, `dead` marks code that is not reached."""

    __slots__ = ("breaks", "dead", "depth", "must", "unless")

    def __init__(self, ctx: Any) -> None:
        super().__init__(ctx)
        self.must: set[str] = set()
        self.dead = False
        #: how many branches deep this point is
        self.depth = 0
        self.breaks: list[list[set[str]]] = []
        #: name -> the condition under which it is *not* bound
        self.unless: dict[str, str] = {}

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Execute statements until one that does not come back."""
        for node in body:
            if self.dead:
                return
            handler = STATEMENTS.get(node.__class__)
            if handler is not None:
                handler(self, node)
            else:
                self.generic(node)

    run_block = block

    def sandbox(self, body: Sequence[ast.stmt]) -> None:
        """Execute statements whose bindings are thrown away."""
        raise AssertionError

    # simple statements ------------------------------------------------------------------------------------------

    def expression(self, node: ast.Expr) -> None:
        value = node.value
        if value.__class__ is ast.Constant:
            return
        self.expr(value)
        if value.__class__ is ast.Call and dotted(value.func) in ENDING_CALLS:  # type: ignore[attr-defined]
            self.dead = True

    def assign(self, node: ast.Assign) -> None:
        value, targets = node.value, node.targets
        single = targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else ""
        if single and isinstance(value, ast.Lambda):
            self.defaults(value.args)
            self.define(single, node, self.scan_function(value.args, value.body), "def")
            return
        if single and isinstance(value, ast.GeneratorExp):
            self._assign_generator(single, node, value)
            return
        self.expr(value)
        first = ""
        for target in targets:
            self.target(target)
            if isinstance(target, ast.Name):
                if first:
                    self.alias(target.id, ast.Name(first, ast.Load()))
                else:
                    self.alias(target.id, value)
                first = first or target.id
            elif isinstance(target, ast.Tuple | ast.List):
                self._unpack(target, value)

    def _unpack(self, target: ast.Tuple | ast.List, value: ast.expr) -> None:
        values = value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) else None
        for number, item in enumerate(target.elts):
            for name in target_names(item):
                source = values[number] if values is not None else ast.Subscript(value, ast.Constant(0), ast.Load())
                self.alias(name, source)

    def _assign_generator(self, name: str, node: ast.Assign, value: ast.GeneratorExp) -> None:
        """A generator's first iterable is read now; the rest when it is consumed."""
        self.expr(value.generators[0].iter)
        arguments = ast.arguments(
            posonlyargs=[],
            args=[ast.arg(arg=".0")],
            kwonlyargs=[],
            kw_defaults=[],
            defaults=[],
            vararg=None,
            kwarg=None,
        )
        self.define(name, node, self.scan_function(arguments, value), "assign")

    def annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.expr(node.value)
        self.annotation(node.annotation)
        if node.value is not None:
            self.target(node.target)
            if isinstance(node.target, ast.Name):
                self.alias(node.target.id, node.value)
        elif not isinstance(node.target, ast.Name):
            self.expr(node.target)

    def annotation(self, node: ast.expr | None) -> None:
        """An annotation is a read at definition time, or a deferred one of low weight."""
        if node is None:
            return
        if not self.ctx.future_annotations:
            self.expr(node)
            return
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                self.load(part.id, part, "annotation", GUESS)

    def augmented(self, node: ast.AugAssign) -> None:
        target = node.target
        if isinstance(target, ast.Name):
            self.load(target.id, target)
            self.expr(node.value)
            self.bind(target.id, target)
            sure = CERTAIN if isinstance(node.op, ast.MatMult) else GUESS
            self.mutate(target.id, node, sure, "is changed by an augmented assignment")
            return
        self.change(target, "is changed")
        self.expr(node.value)

    def delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            for item in target.elts if isinstance(target, ast.Tuple | ast.List) else (target,):
                if isinstance(item, ast.Name):
                    self.unbind(item.id, item)
                else:
                    self.change(item, "is deleted")

    def unbind(self, name: str, node: Any) -> None:
        """Delete a name."""
        raise AssertionError

    def import_(self, node: ast.Import) -> None:
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self.ctx.imports.append(Import(alias.name, "", alias.asname or "", 0, node.lineno))
            self.bind(bound, node, "import")

    def import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if module == "__future__":
            if any(alias.name == "annotations" for alias in node.names):
                self.ctx.future_annotations = True
            return
        for alias in node.names:
            self.ctx.imports.append(Import(module, alias.name, alias.asname or "", node.level, node.lineno))
            if alias.name == "*":
                self._star(module, node)
            else:
                self.bind(alias.asname or alias.name, node, "import")

    def _star(self, module: str, node: ast.ImportFrom) -> None:
        names = STAR_NAMES.get(module)
        found = names.split() if names is not None else self.ctx.star_names(module) if self.ctx.star_names else None
        if found is None:
            self.ctx.flags.add(STAR)
            return
        for name in found:
            self.bind(name, node, "import")

    def raise_(self, node: ast.Raise) -> None:
        self.generic(node)
        self.dead = True

    def return_(self, node: ast.Return) -> None:
        if node.value is not None:
            self.expr(node.value)
        self.dead = True

    def break_(self, node: ast.stmt) -> None:
        if self.breaks:
            self.breaks[-1].append(set(self.must))
        self.dead = True

    def continue_(self, node: ast.stmt) -> None:
        self.dead = True

    # definitions ------------------------------------------------------------------------------------------------

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.expr(decorator)
        self.defaults(node.args)
        for arg in _all_args(node.args):
            self.annotation(arg.annotation)
        self.annotation(node.returns)
        hidden = {parameter.name for parameter in getattr(node, "type_params", ())}
        deferred = self.scan_function(node.args, node.body)
        if hidden:
            deferred = deferred._replace(uses={k: v for k, v in deferred.uses.items() if k not in hidden})
        if any(_last_name(decorator) not in _QUIET_DECORATORS for decorator in node.decorator_list):
            self.apply(deferred, node, node.name)
        self.define(node.name, node, deferred, "def")

    def class_(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.expr(decorator)
        for base in node.bases:
            self.expr(base)
        for keyword in node.keywords:
            self.expr(keyword.value)
        methods = self.class_body(node)
        self.define(node.name, node, methods, "class")

    def class_body(self, node: ast.ClassDef) -> Deferred:
        """Execute a class body; what its methods do when called."""
        raise AssertionError

    def type_alias(self, node: Any) -> None:
        self.bind(node.name.id, node, "type")
        hidden = {parameter.name for parameter in node.type_params}
        for part in ast.walk(node.value):
            if isinstance(part, ast.Name) and part.id not in hidden:
                self.load(part.id, part, "annotation", GUESS)

    # branches ---------------------------------------------------------------------------------------------------

    def branches(self, paths: Sequence[Callable[[], None]], start: set[str] | None = None) -> list[set[str]]:
        """Walk alternatives from one state; leaves the join behind and returns the states that arrived."""
        before = self.must if start is None else start
        arrived: list[set[str]] = []
        self.depth += 1
        for path in paths:
            self.must, self.dead = set(before), False
            path()
            if not self.dead:
                arrived.append(self.must)
        self.depth -= 1
        self.dead = not arrived
        self.must = set.intersection(*arrived) if arrived else set(before)
        return arrived

    def if_(self, node: ast.If) -> None:
        self.expr(node.test)
        verdict = fold(node.test)
        if verdict is not None:
            self.block(node.body if verdict else node.orelse)
            return
        arrived = self.branches([lambda: self.block(node.body), lambda: self.block(node.orelse)])
        if len(arrived) == 2 and arrived[0] != arrived[1]:
            text = ast.unparse(node.test)
            for name in arrived[0] - arrived[1]:
                self.unless[name] = f"not {text}" if " " not in text else f"not ({text})"
            for name in arrived[1] - arrived[0]:
                self.unless[name] = text

    def for_(self, node: ast.For | ast.AsyncFor) -> None:
        self.expr(node.iter)
        runs = _surely_runs(node.iter)

        def body() -> None:
            self.target(node.target, "for")
            for name in target_names(node.target):
                self.alias(name, ast.Subscript(node.iter, ast.Constant(0), ast.Load()))
            self.block(node.body)

        self._loop(body, node.orelse, runs, endless=False)

    def while_(self, node: ast.While) -> None:
        self.expr(node.test)
        verdict = fold(node.test)
        if verdict is False:
            self.block(node.orelse)
            return
        self._loop(lambda: self.block(node.body), node.orelse, verdict is True, endless=verdict is True)

    def _loop(self, body: Callable[[], None], orelse: Sequence[ast.stmt], runs: bool, *, endless: bool) -> None:
        before = set(self.must)
        self.breaks.append([])
        self.depth += 1
        body()
        self.depth -= 1
        after = before if self.dead or not runs else self.must
        broken = self.breaks.pop()
        if endless:
            self.dead = not broken
            self.must = set.intersection(*broken) if broken else before
            return
        self.dead = False
        self.must = set(after)
        if orelse:
            self.depth += 1
            self.block(orelse)
            self.depth -= 1
        ends = [*broken, *([] if self.dead else [self.must])]
        self.dead = not ends
        if ends:
            self.must = set.intersection(*ends)

    def with_(self, node: ast.With | ast.AsyncWith) -> None:
        suppressing = False
        for item in node.items:
            self.expr(item.context_expr)
            call = item.context_expr
            suppressing |= isinstance(call, ast.Call) and _last_name(call) in _SUPPRESSORS
            if item.optional_vars is not None:
                self.target(item.optional_vars, "with")
        if suppressing:
            self.branches([lambda: self.block(node.body), lambda: None])
        else:
            self.block(node.body)

    def try_(self, node: Any) -> None:
        before = set(self.must)

        def body() -> None:
            self.block(node.body)
            if not self.dead:
                self.block(node.orelse)

        def handler(item: ast.ExceptHandler) -> Callable[[], None]:
            return lambda: self._handler(item)

        arrived = self.branches([body, *(handler(item) for item in node.handlers)])
        if not node.finalbody:
            return
        joined, dead = self.must, not arrived
        self.must, self.dead = set(before), False
        self.block(node.finalbody)
        self.must = joined | self.must
        self.dead = self.dead or dead

    def _handler(self, item: ast.ExceptHandler) -> None:
        if item.type is not None:
            self.expr(item.type)
        if item.name is None:
            self.block(item.body)
            return
        saved = self.local
        self.local = saved | {item.name}
        self.block(item.body)
        self.local = saved

    def match(self, node: ast.Match) -> None:
        self.expr(node.subject)
        paths: list[Callable[[], None]] = []
        irrefutable = False

        def path(case: ast.match_case) -> Callable[[], None]:
            def walk() -> None:
                self.pattern(case.pattern)
                if case.guard is not None:
                    self.expr(case.guard)
                self.block(case.body)

            return walk

        for case in node.cases:
            paths.append(path(case))
            irrefutable |= case.guard is None and _irrefutable(case.pattern)
        self.branches(paths if irrefutable else [*paths, lambda: None])

    def pattern(self, node: ast.pattern) -> None:
        """Bind the captures of a pattern."""
        if isinstance(node, ast.MatchValue):
            self.expr(node.value)
        elif isinstance(node, ast.MatchClass):
            self.expr(node.cls)
            for part in (*node.patterns, *node.kwd_patterns):
                self.pattern(part)
        elif isinstance(node, ast.MatchMapping):
            for key in node.keys:
                self.expr(key)
            for part in node.patterns:
                self.pattern(part)
            if node.rest:
                self.bind(node.rest, node, "match")
        elif isinstance(node, ast.MatchSequence | ast.MatchOr):
            if isinstance(node, ast.MatchOr):
                self.branches([lambda part=part: self.pattern(part) for part in node.patterns])  # type: ignore[misc]
                return
            for part in node.patterns:
                self.pattern(part)
        elif isinstance(node, ast.MatchStar):
            if node.name:
                self.bind(node.name, node, "match")
        elif isinstance(node, ast.MatchAs):
            if node.pattern is not None:
                self.pattern(node.pattern)
            if node.name:
                self.bind(node.name, node, "match")


def _irrefutable(pattern: ast.pattern) -> bool:
    if isinstance(pattern, ast.MatchAs):
        return pattern.pattern is None or _irrefutable(pattern.pattern)
    return isinstance(pattern, ast.MatchOr) and any(_irrefutable(part) for part in pattern.patterns)


def fold(test: ast.expr) -> bool | None:
    """What a condition is known to be: constants, TYPE_CHECKING, ``__name__ == "__main__"``."""
    kind = test.__class__
    if kind is ast.Constant:
        return bool(test.value)  # type: ignore[attr-defined]
    if kind is ast.Name or kind is ast.Attribute:
        return False if _last_name(test) == "TYPE_CHECKING" else None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = fold(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__":
        other = test.comparators[0]
        if isinstance(other, ast.Constant) and other.value == "__main__" and isinstance(test.ops[0], ast.Eq):
            return True
    return None


def _surely_runs(node: ast.expr) -> bool:
    """True for an iterable that is a literal with at least one item, or range of a positive number."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(not isinstance(item, ast.Starred) for item in node.elts)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes) and bool(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords and node.args:
        if node.func.id == "range" and len(node.args) == 1:
            stop = node.args[0]
            return isinstance(stop, ast.Constant) and isinstance(stop.value, int) and stop.value > 0
        if node.func.id in ("enumerate", "sorted", "list", "tuple", "reversed"):
            return _surely_runs(node.args[0])
    return False


def _last_name(node: ast.AST) -> str:
    while isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _all_args(args: ast.arguments) -> list[ast.arg]:
    found = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return [*found, *(arg for arg in (args.vararg, args.kwarg) if arg is not None)]


S = StatementWalker
STATEMENTS: dict[type, Callable[[Any, Any], None]] = {
    ast.Expr: S.expression, ast.Assign: S.assign, ast.AnnAssign: S.annotated, ast.AugAssign: S.augmented,
    ast.Delete: S.delete, ast.Import: S.import_, ast.ImportFrom: S.import_from, ast.Raise: S.raise_, ast.Return: S.return_,
    ast.Break: S.break_, ast.Continue: S.continue_, ast.FunctionDef: S.function, ast.AsyncFunctionDef: S.function,
    ast.ClassDef: S.class_, ast.If: S.if_, ast.For: S.for_, ast.AsyncFor: S.for_, ast.While: S.while_, ast.With: S.with_,
    ast.AsyncWith: S.with_, ast.Try: S.try_, ast.Match: S.match,
}  # fmt: skip
if hasattr(ast, "TryStar"):
    STATEMENTS[ast.TryStar] = S.try_
if hasattr(ast, "TypeAlias"):
    STATEMENTS[ast.TypeAlias] = S.type_alias

__all__ = ["LIKELY", "SETUP", "StatementWalker", "fold", "root_name"]
