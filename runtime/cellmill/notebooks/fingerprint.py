"""Code versions: a hash of the syntax of statements, blind to positions, comments, formatting and docstrings."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from .facts import Statement

_SKIPPED = frozenset(
    {"ctx", "type_comment", "kind", "type_ignores", "lineno", "end_lineno", "col_offset", "end_col_offset"}
)
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
_FIELDS: dict[type, tuple[str, ...]] = {}


def normal_form(nodes: Iterable[ast.AST]) -> str:
    """The syntax of `nodes` as text: equal for code that differs only in layout, comments and docstrings."""
    parts: list[str] = []
    add = parts.append
    for node in nodes:
        _write(node, add)
    return " ".join(parts)


def _write(node: Any, add: Callable[[str], None]) -> None:
    kind = node.__class__
    if kind is ast.Name:
        add("$" + node.id)
        return
    if kind is ast.Constant:
        value = node.value
        add(value.__class__.__name__ + repr(value))
        return
    if kind is ast.Attribute:
        _write(node.value, add)
        add("." + node.attr)
        return
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(name for name in kind._fields if name not in _SKIPPED)
    add("(" + kind.__name__)
    body_skip = 0
    if kind in _DOCUMENTED and _docstring(node.body):
        body_skip = 1
    for name in fields:
        value = getattr(node, name, None)
        if value is None or value == []:
            continue
        if value.__class__ is list:
            add(name)
            for item in value[body_skip:] if name == "body" else value:
                if isinstance(item, ast.AST):
                    _write(item, add)
                else:
                    add(repr(item))
        elif isinstance(value, ast.AST):
            if value._fields:
                add(name)
                _write(value, add)
            else:
                add(value.__class__.__name__)
        else:
            add(name + "=" + repr(value))
    add(")")


def _docstring(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def digest(text: str) -> str:
    """A short hash of a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@lru_cache(maxsize=16384)
def _kept_form(nodes: tuple[ast.stmt, ...]) -> str:
    # syntax trees are hashed by identity and never changed, so an unchanged statement is written once
    return normal_form(nodes)


def statement_form(statement: Statement) -> str:
    """The normal form of one statement, or its text where it is not Python."""
    return _kept_form(statement.nodes) + (f" foreign:{statement.foreign.strip()}" if statement.foreign else "")


def module_form(source: str) -> str:
    """The normal form of a whole module's source; the source itself where it does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return "source:" + source
    return normal_form((tree,))


def code_version(parts: Iterable[str], python: tuple[int, int]) -> str:
    """The code version of a body and its slice, under a version of Python."""
    text = "\x00".join((f"python {python[0]}.{python[1]}", *parts))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
