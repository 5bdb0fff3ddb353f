"""`from tools import *` where `tools` is a module of the workspace: the names that its text binds."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from .cells import analyse_source
from .facts import STAR, Bind, CellFacts, Statement
from .starnames import star_names


def resolved(facts: CellFacts, modules: Mapping[str, str], python: tuple[int, int]) -> CellFacts:
    """A plain cell's facts with what star imports of these modules bind; as they are where one is not at hand."""
    if STAR not in facts.flags or not modules:
        return facts
    return replace(facts, statements=tuple(_resolved(one, modules, python) for one in facts.statements))


def _resolved(statement: Statement, modules: Mapping[str, str], python: tuple[int, int]) -> Statement:
    binds = dict(statement.binds)
    for item in statement.imports:
        if item.name == "*":
            names = _names_of(item.module, modules, python, frozenset())
            if names is None:
                return statement
            binds |= {name: Bind(name, item.line, True, "import") for name in names}
    return replace(statement, binds=binds, flags=statement.flags - {STAR})


def _names_of(
    module: str, modules: Mapping[str, str], python: tuple[int, int], seen: frozenset[str]
) -> frozenset[str] | None:
    """What a star import of a module binds: its `__all__`, else its public names; None where its text does not tell."""
    known = star_names(module)
    if known is not None or module in seen:
        return frozenset(known or ())
    source = modules.get(module)
    if source is None:
        return None
    facts = analyse_source(source, python=python)
    if facts.problem:
        return None
    names = set(facts.binds)
    for item in facts.imports:
        if item.name == "*":
            above = ".".join(module.split(".")[: -item.level]) if item.level else ""
            inner = _names_of(".".join(filter(None, (above, item.module))), modules, python, seen | {module})
            if inner is None:
                return None
            names |= inner
    if "__all__" in names:
        listed = [_listed(node) for one in facts.statements for node in one.nodes if "__all__" in one.binds]
        return listed[0] if len(listed) == 1 else None
    return frozenset(name for name in names if not name.startswith("_"))


def _listed(node: ast.stmt) -> frozenset[str] | None:
    """The texts of `__all__ = ["a", "b"]`; None where it is computed."""
    value = getattr(node, "value", None)
    items = value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]
    texts = [item.value for item in items if isinstance(item, ast.Constant)]
    return frozenset(map(str, texts)) if len(texts) == len(items) else None
