"""Values that hold functions: what ``model = Model(step)`` may call long after the statement."""

from __future__ import annotations

import ast
from collections.abc import Iterator

#: Functions and methods that call what they are given at once and keep nothing of it.
_EAGER = frozenset({
    "agg", "aggregate", "all", "any", "apply", "applymap", "assign", "combine", "curve_fit", "dict", "filter", "float",
    "int", "isinstance", "issubclass", "len", "list", "loc", "max", "min", "minimize", "pipe", "print", "quad",
    "reduce", "root", "round", "set", "solve_ivp", "sort_values", "sorted", "str", "sum", "transform", "tuple", "where",
})  # fmt: skip


def held_names(value: ast.expr) -> tuple[str, ...]:
    """The names whose functions, methods included, a value may call when it is used.

    An instance holds its class, the result of a call the functions it was given, a display or an alias its items;
    which of the names are functions is decided where they are linked.
    """
    if value.__class__ is ast.Constant:
        return ()
    return tuple(dict.fromkeys(_held(value)))


def _held(node: ast.expr) -> Iterator[str]:
    kind = node.__class__
    if kind is ast.Name:
        yield node.id  # type: ignore[attr-defined]
    elif kind is ast.Call:
        yield from _of_call(node)  # type: ignore[arg-type]
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for item in node.elts:
            yield from _held(item)
    elif isinstance(node, ast.Dict):
        for item in node.values:
            yield from _held(item)
    elif isinstance(node, ast.Attribute):
        yield from _held(node.value)
    elif isinstance(node, ast.Starred | ast.Await):
        yield from _held(node.value)
    elif isinstance(node, ast.IfExp):
        yield from _held(node.body)
        yield from _held(node.orelse)


def _of_call(node: ast.Call) -> Iterator[str]:
    func = node.func
    last = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    if last in _EAGER:
        return
    if last[:1].isupper() or isinstance(func, ast.Attribute):
        # a class, or a method of a value that may hold functions: `Pipeline([…]).fit(x)`
        yield from _held(func)
    for argument in node.args:
        yield from _held(argument)
    for keyword in node.keywords:
        yield from _held(keyword.value)


__all__ = ["held_names"]
