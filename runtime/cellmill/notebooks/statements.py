"""The walk over statements in the order of execution."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from .branches import BranchWalker, last_name
from .expressions import EXPRESSIONS, dotted, root_name, target_names
from .facts import CERTAIN, GUESS, STAR, Deferred, Import
from .known import ENDING_CALLS
from .starnames import star_names
from .walker import SEQUENCES

#: Decorators that do not call the function that they get.
_QUIET_DECORATORS = frozenset({
    "lru_cache", "cache", "property", "staticmethod", "classmethod", "wraps", "njit", "jit", "vectorize", "dataclass",
    "total_ordering",
    "asset", "op", "job", "graph", "schedule", "sensor", "asset_check", "resource", "io_manager", "multi_asset",
    "contextmanager",
    "cached_property", "abstractmethod", "overload", "singledispatch", "asset_sensor", "graph_asset", "final",
    "override",
    "delayed", "task", "flow", "remote", "fixture", "setter", "register", "hook", "success_hook", "failure_hook",
    "cuda", "numba",
    "observable_source_asset", "repository", "config_mapping", "usable_as_dagster_type", "run_status_sensor",
    "logger", "executor",
})  # fmt: skip


def _named(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


class StatementWalker(BranchWalker):
    """Adds simple statements, imports, functions and classes."""

    __slots__ = ()

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

    # simple statements ------------------------------------------------------------------------------------------

    def expression(self, node: ast.Expr) -> None:
        value: Any = node.value
        if value.__class__ is ast.Constant:
            return
        kind = value.__class__
        EXPRESSIONS[kind](self, value)
        if kind is ast.Call:
            if value.keywords or any(given.__class__ is not ast.Constant for given in value.args):
                # `button.on_click(handler)`: the button calls it later; `register(handler)`: what that changes does
                self.hold(root_name(value.func), value)
            if dotted(value.func) in ENDING_CALLS:
                self.dead = True

    def assign(self, node: ast.Assign) -> None:
        value: Any = node.value
        targets: list[Any] = node.targets
        kind = value.__class__
        single = targets[0].id if len(targets) == 1 and targets[0].__class__ is ast.Name else ""
        if single and kind is ast.Lambda:
            self.defaults(value.args)
            self.define(single, node, self.scan_function(value.args, value.body), "def")
        elif single and kind is ast.GeneratorExp:
            self._assign_generator(single, node, value)
        elif single:
            EXPRESSIONS[kind](self, value)
            self.bind(single, targets[0])
            if kind is not ast.Constant:  # which stands for no other object, and holds none
                self.alias(single, value)
        else:
            EXPRESSIONS[kind](self, value)
            self._assign_all(targets, value)

    def _assign_all(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        first = ""
        for target in targets:
            self.target(target)
            if isinstance(target, ast.Name):
                self.alias(target.id, ast.Name(first, ast.Load()) if first else value)
                first = first or target.id
            elif isinstance(target, SEQUENCES):
                self._unpack(target, value)
            else:
                self.hold(root_name(target), value)

    def _unpack(self, target: ast.Tuple | ast.List, value: ast.expr) -> None:
        values = value.elts if isinstance(value, SEQUENCES) and len(value.elts) == len(target.elts) else None
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
            for item in target.elts if isinstance(target, SEQUENCES) else (target,):
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
        found = star_names(module)
        if found is None and self.ctx.star_names:
            found = self.ctx.star_names(module)
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
        if any(last_name(decorator) not in _QUIET_DECORATORS for decorator in node.decorator_list):
            self.apply(deferred, node, node.name)
        self.define(node.name, node, deferred, "def")
        for decorator in node.decorator_list:
            # `@app.get(…)`: what decorates may keep the function, and call it later
            self.hold(root_name(decorator.func if isinstance(decorator, ast.Call) else decorator), _named(node.name))

    def class_(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.expr(decorator)
        for base in node.bases:
            self.expr(base)
        for keyword in node.keywords:
            self.expr(keyword.value)
        methods = self.class_body(node)
        self.define(node.name, node, methods, "class")
        # inherited methods read their names too
        for parent in (*node.bases, *(keyword.value for keyword in node.keywords)):
            self.alias(node.name, ast.Tuple([parent], ast.Load()))

    def class_body(self, node: ast.ClassDef) -> Deferred:
        """Execute a class body; what its methods do when called."""
        raise AssertionError

    def type_alias(self, node: Any) -> None:
        self.bind(node.name.id, node, "type")
        hidden = {parameter.name for parameter in node.type_params}
        for part in ast.walk(node.value):
            if isinstance(part, ast.Name) and part.id not in hidden:
                self.load(part.id, part, "annotation", GUESS)


def _all_args(args: ast.arguments) -> list[ast.arg]:
    found = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return [*found, *(arg for arg in (args.vararg, args.kwarg) if arg is not None)]


S = StatementWalker
STATEMENTS: dict[type, Callable[[Any, Any], None]] = {
    ast.Expr: S.expression, ast.Assign: S.assign, ast.AnnAssign: S.annotated, ast.AugAssign: S.augmented,
    ast.Delete: S.delete, ast.Import: S.import_, ast.ImportFrom: S.import_from, ast.Raise: S.raise_,
    ast.Return: S.return_,
    ast.Break: S.break_, ast.Continue: S.continue_, ast.FunctionDef: S.function, ast.AsyncFunctionDef: S.function,
    ast.ClassDef: S.class_, ast.If: S.if_, ast.For: S.for_, ast.AsyncFor: S.for_, ast.While: S.while_,
    ast.With: S.with_,
    ast.AsyncWith: S.with_, ast.Try: S.try_, ast.Match: S.match,
}  # fmt: skip
if hasattr(ast, "TryStar"):
    STATEMENTS[ast.TryStar] = S.try_
if hasattr(ast, "TypeAlias"):
    STATEMENTS[ast.TypeAlias] = S.type_alias
