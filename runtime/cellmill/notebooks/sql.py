"""Tables that an SQL text reads and makes; sqlglot is loaded at the first SQL that is met."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from importlib import import_module
from typing import Any

_SQL_START = re.compile(
    r"^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(select|with|from|create|insert|update|delete|copy|summarize|describe|pivot|merge|"
    r"explain|values|alter|drop|unpivot|truncate|replace)\b", re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_TABLE_WORD = re.compile(
    r"\b(?:from|join|into|update|summarize|describe|pivot)\s+([^\W\d]\w*)\b(?!\s*\()", re.IGNORECASE
)
_CREATE_WORD = re.compile(
    r"\bcreate\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:table|view)\s+(?:if\s+not\s+exists\s+)?([^\W\d]\w*)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"\{\{\s*([^\W\d]\w*)[^{}]*\}\}|(?<![:\w]):([^\W\d]\w*)|(?<!\{)\{([^\W\d]\w*)\}(?!\})|(?<!\$)\$([^\W\d]\w*)"
)


def looks_like_sql(text: str) -> bool:
    """True where a text begins as a statement of SQL does."""
    return _SQL_START.match(text) is not None


def placeholders(text: str) -> list[str]:
    """Names in ``{{x}}``, ``:x``, ``{x}`` and ``$x``."""
    return [next(name for name in found if name) for found in _PLACEHOLDER.findall(_without_strings(text))]


def _without_strings(text: str) -> str:
    return re.sub(r"'(?:''|[^'])*'", lambda m: m.group() if "{" in m.group() or ":" == m.group()[1:2] else "''", text)


@lru_cache(maxsize=1024)
def tables_of(text: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """(tables read, tables made) in order; None where the text is no SQL."""
    if not looks_like_sql(text):
        return None
    plain = _PLACEHOLDER.sub(lambda m: "__hole__" if m.group(0)[0] == "{" else "1", text)
    try:
        found = _parsed(plain)
    except Exception:  # sqlglot's errors are many, and a dialect that it does not know is no mistake of the user
        found = None
    if found is None:
        reads = tuple(dict.fromkeys(_TABLE_WORD.findall(plain)))
        creates = tuple(dict.fromkeys(_CREATE_WORD.findall(plain)))
        return tuple(t for t in reads if t != "__hole__"), creates
    return found


def _parsed(text: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    sqlglot: Any = import_module("sqlglot")
    expressions: Any = import_module("sqlglot.expressions")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    reads: dict[str, None] = {}
    creates: dict[str, None] = {}
    for statement in sqlglot.parse(text, read="duckdb"):
        if statement is None:
            continue
        if isinstance(statement, expressions.Command):
            return None
        made = ""
        if isinstance(statement, expressions.Create | expressions.Insert):
            target = statement.this
            target = target.this if isinstance(target, expressions.Schema) else target
            if isinstance(target, expressions.Table) and isinstance(statement, expressions.Create):
                made = target.name
                creates[made] = None
        common = {cte.alias_or_name for cte in statement.find_all(expressions.CTE)}
        for table in statement.find_all(expressions.Table):
            name = table.name
            if not name or name in common or name == "__hole__" or table.db:
                continue
            if name == made and table is _created(statement):
                continue
            if name not in creates or made == name:
                reads[name] = None
    return tuple(reads), tuple(creates)


def _created(statement: Any) -> Any:
    target = statement.this
    return getattr(target, "this", target) if type(target).__name__ == "Schema" else target
