"""The walk over expressions in evaluation order: which names are read, bound and changed on the way."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from . import strings
from .calls import SPECIAL, special_call
from .facts import CERTAIN, Mutation, Use
from .walker import NO_NAMES, SEQUENCES, Walker


class ExpressionWalker(Walker):
    """Reads expressions; a subclass says what loading, binding and changing a name means in its scope."""

    __slots__ = ()

    def expr(self, node: ast.AST) -> None:
        """Evaluate one expression."""
        EXPRESSIONS[node.__class__](self, node)

    def generic(self, node: ast.AST) -> None:
        """Evaluate the parts of `node` in the order of its fields."""
        for name in node._fields:
            value = getattr(node, name, None)
            if value.__class__ is list:
                for item in value:
                    if isinstance(item, ast.AST):
                        self.expr(item)
            elif isinstance(value, ast.AST):
                self.expr(value)

    # the parts of what most cells are made of are handed to their handlers here, without a call of `expr` between

    def name(self, node: ast.Name) -> None:
        self.load(node.id, node)

    def skip(self, node: ast.AST) -> None:
        """Nothing is read by a constant."""

    def attribute(self, node: ast.Attribute) -> None:
        EXPRESSIONS[node.value.__class__](self, node.value)

    def sequence(self, node: Any) -> None:
        for item in node.elts:
            EXPRESSIONS[item.__class__](self, item)

    def binary(self, node: ast.BinOp) -> None:
        EXPRESSIONS[node.left.__class__](self, node.left)
        EXPRESSIONS[node.right.__class__](self, node.right)
        if node.op.__class__ is ast.Mod:
            strings.percent_format(self, node)

    def compare(self, node: ast.Compare) -> None:
        EXPRESSIONS[node.left.__class__](self, node.left)
        for item in node.comparators:
            EXPRESSIONS[item.__class__](self, item)

    def subscript(self, node: ast.Subscript) -> None:
        if strings.namespace_subscript(self, node):
            return
        EXPRESSIONS[node.value.__class__](self, node.value)
        EXPRESSIONS[node.slice.__class__](self, node.slice)

    def dictionary(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                EXPRESSIONS[key.__class__](self, key)
            EXPRESSIONS[value.__class__](self, value)

    def boolean(self, node: ast.BoolOp) -> None:
        self.expr(node.values[0])
        mark = self.conditional()
        for value in node.values[1:]:
            self.expr(value)
        self.unconditional(mark)

    def if_expression(self, node: ast.IfExp) -> None:
        self.expr(node.test)
        for part in (node.body, node.orelse):
            mark = self.conditional()
            self.expr(part)
            self.unconditional(mark)

    def walrus(self, node: ast.NamedExpr) -> None:
        self.expr(node.value)
        self.bind(node.target.id, node)
        self.alias(node.target.id, node.value)

    def lambda_(self, node: ast.Lambda) -> None:
        self.defaults(node.args)
        self.postpone(self.scan_function(node.args, node.body), node)

    def lambda_now(self, node: ast.Lambda) -> None:
        """A lambda passed as an argument counts as called now."""
        self.defaults(node.args)
        self.apply(self.scan_function(node.args, node.body), node, "lambda")

    def defaults(self, args: ast.arguments) -> None:
        """Default values are evaluated at definition time."""
        for default in args.defaults:
            self.expr(default)
        for keyword_default in args.kw_defaults:
            if keyword_default is not None:
                self.expr(keyword_default)

    def formatted(self, node: ast.FormattedValue) -> None:
        EXPRESSIONS[node.value.__class__](self, node.value)
        if node.format_spec is not None:
            self.expr(node.format_spec)

    def joined(self, node: ast.JoinedStr) -> None:
        for value in node.values:
            if value.__class__ is not ast.Constant:
                EXPRESSIONS[value.__class__](self, value)

    def comprehension(self, node: Any) -> None:
        elements = (node.key, node.value) if node.__class__ is ast.DictComp else (node.elt,)
        saved_local, saved_cls = self.local, self.cls
        mark = -1
        for number, generator in enumerate(node.generators):
            self.expr(generator.iter)
            if number == 0:
                # only the first iterable belongs to the enclosing scope
                self.cls = None
                mark = self.conditional()
            self.local = self.local | target_names(generator.target)
            for condition in generator.ifs:
                self.expr(condition)
        for element in elements:
            self.expr(element)
        self.unconditional(mark)
        self.local, self.cls = saved_local, saved_cls

    def call(self, node: ast.Call) -> None:
        func = node.func
        last = ""
        if func.__class__ is ast.Attribute:
            last, owner = func.attr, func.value
            EXPRESSIONS[owner.__class__](self, owner)
        elif func.__class__ is ast.Name:
            last = func.id
            self.load(last, func, "call")
        else:
            self.expr(func)
        for arg in node.args:
            if arg.__class__ is ast.Lambda:
                self.lambda_now(arg)
            else:
                EXPRESSIONS[arg.__class__](self, arg)
        for keyword in node.keywords:
            value = keyword.value
            if value.__class__ is ast.Lambda:
                self.lambda_now(value)
            else:
                EXPRESSIONS[value.__class__](self, value)
            if keyword.arg in ("inplace", "out"):
                self._changing_keyword(keyword, func, last)
        if last in SPECIAL:
            special_call(self, node, last)

    def _changing_keyword(self, keyword: ast.keyword, func: ast.expr, last: str) -> None:
        value = keyword.value
        if keyword.arg == "out":
            name = root_name(value)
            if name:
                self.mutate(name, keyword, CERTAIN, f"out={name}")
        elif isinstance(value, ast.Constant) and value.value is True and isinstance(func, ast.Attribute):
            name = root_name(func.value)
            if name:
                self.mutate(name, keyword, CERTAIN, f".{last}(inplace=True)")

    # targets ----------------------------------------------------------------------------------------------------

    def target(self, node: ast.expr, kind: str = "assign") -> None:
        """Store into a target."""
        if node.__class__ is ast.Name:
            self.bind(node.id, node, kind)
        elif node.__class__ is ast.Tuple or node.__class__ is ast.List:
            for item in node.elts:
                self.target(item, kind)
        elif node.__class__ is ast.Starred:
            self.target(node.value, kind)
        else:
            self.change(node, "is assigned")

    def change(self, node: ast.expr, how: str) -> None:
        """Store into, or delete, an attribute or an item: a certain change of the outermost name."""
        if isinstance(node, ast.Subscript):
            if strings.namespace_store(self, node):
                return
            self.expr(node.value)
            self.expr(node.slice)
            how = f"[…] {how}"
        elif isinstance(node, ast.Attribute):
            self.expr(node.value)
            how = f".{node.attr} {how}"
        name = root_name(node)
        if name:
            self.mutate(name, node, CERTAIN, how)


def root_name(node: ast.AST) -> str:
    """The outermost name of ``x.a[0].b``: ``x``; empty where there is none."""
    while True:
        if node.__class__ is ast.Name:
            return node.id
        if node.__class__ is ast.Attribute or node.__class__ is ast.Subscript or node.__class__ is ast.Starred:
            node = node.value
        else:
            return ""


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of a chain of attributes, else the empty string."""
    parts: list[str] = []
    while node.__class__ is ast.Attribute:
        parts.append(node.attr)
        node = node.value
    if node.__class__ is not ast.Name:
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


def target_names(node: ast.expr) -> frozenset[str]:
    """The names that a target binds."""
    if isinstance(node, ast.Name):
        return frozenset((node.id,))
    if isinstance(node, SEQUENCES):
        return frozenset(name for item in node.elts for name in target_names(item))
    if isinstance(node, ast.Starred):
        return target_names(node.value)
    return NO_NAMES


def make_use(name: str, node: Any, kind: str, confidence: int, via: str, note: str, covered: frozenset[str]) -> Use:
    """A use with its place."""
    try:
        line, column, end_line, end_column = node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
    except AttributeError:  # a node that the walk itself made up
        line, column, end_line, end_column = getattr(node, "lineno", 1), 0, None, None
    # the most frequent record of all: without the call of its own constructor
    return tuple.__new__(
        Use, (name, line, column, end_line or line, end_column or column, confidence, kind, note, via, covered)
    )


def make_mutation(name: str, node: Any, confidence: int, how: str, via: str) -> Mutation:
    """A mutation with its line."""
    return Mutation(name, getattr(node, "lineno", 1), confidence, how, via)


class _Table(dict[type, Callable[[Any, Any], None]]):
    """Handlers by type of node; a type without one is walked field by field."""

    def __missing__(self, kind: type) -> Callable[[Any, Any], None]:
        self[kind] = ExpressionWalker.generic
        return self[kind]


E = ExpressionWalker
EXPRESSIONS = _Table({
    ast.Name: E.name, ast.Constant: E.skip, ast.Attribute: E.attribute, ast.Call: E.call, ast.Subscript: E.subscript,
    ast.BinOp: E.binary, ast.Compare: E.compare, ast.Tuple: E.sequence, ast.List: E.sequence, ast.Set: E.sequence,
    ast.Dict: E.dictionary, ast.BoolOp: E.boolean, ast.IfExp: E.if_expression, ast.NamedExpr: E.walrus,
    ast.Lambda: E.lambda_, ast.JoinedStr: E.joined, ast.FormattedValue: E.formatted, ast.ListComp: E.comprehension,
    ast.SetComp: E.comprehension, ast.DictComp: E.comprehension, ast.GeneratorExp: E.comprehension,
    ast.Load: E.skip, ast.Store: E.skip,
})  # fmt: skip
