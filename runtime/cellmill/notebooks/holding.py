"""Values that hold functions: what ``model = Model(step)`` may call long after the statement."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

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
    # a dictionary for its order; kinds of values that hold nothing cost one look-up: this sees every assignment
    found: dict[str, None] = {}
    _hold(value, found)
    return tuple(found)


def _hold(node: Any, found: dict[str, None]) -> None:
    part = _PARTS.get(node.__class__)
    if part is not None:
        part(node, found)


def _of_name(node: ast.Name, found: dict[str, None]) -> None:
    found[node.id] = None


def _of_items(node: ast.Tuple | ast.List | ast.Set, found: dict[str, None]) -> None:
    for item in node.elts:
        _hold(item, found)


def _of_dict(node: ast.Dict, found: dict[str, None]) -> None:
    for item in node.values:
        _hold(item, found)


def _of_value(node: ast.Attribute | ast.Starred | ast.Await, found: dict[str, None]) -> None:
    _hold(node.value, found)


def _of_choice(node: ast.IfExp, found: dict[str, None]) -> None:
    _hold(node.body, found)
    _hold(node.orelse, found)


def _of_call(node: ast.Call, found: dict[str, None]) -> None:
    func = node.func
    last = func.id if func.__class__ is ast.Name else func.attr if func.__class__ is ast.Attribute else ""
    if last in _EAGER:
        return
    if func.__class__ is ast.Attribute or last[:1].isupper():
        # a class, or a method of a value that may hold functions: `Pipeline([…]).fit(x)`
        _hold(func, found)
    for argument in node.args:
        _hold(argument, found)
    for keyword in node.keywords:
        _hold(keyword.value, found)


_PARTS: dict[type, Callable[[Any, dict[str, None]], None]] = {
    ast.Name: _of_name, ast.Call: _of_call, ast.Tuple: _of_items, ast.List: _of_items, ast.Set: _of_items,
    ast.Dict: _of_dict, ast.Attribute: _of_value, ast.Starred: _of_value, ast.Await: _of_value, ast.IfExp: _of_choice,
}  # fmt: skip


__all__ = ["held_names"]
