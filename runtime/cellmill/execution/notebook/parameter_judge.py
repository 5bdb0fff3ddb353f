"""In a kernel: whether values are of the types that a notebook declares, and how the notebook writes them.

Pydantic is imported only for types that need it: an Enum needs nothing beyond itself.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Sequence
from difflib import get_close_matches
from enum import Enum
from typing import Any

#: What stands for no value where a type allows none.
NONE_WORDS = ("none", "null")


def judge(asked: Sequence[tuple[str, str, Any]], namespace: dict[str, Any]) -> list[dict[str, str]]:
    """Return for each parameter how the notebook writes its value, or what is wrong with it.

    Args:
        asked: By parameter its name, the text of its annotation, and the value: a text, or JSON.
        namespace: Where the annotations' names are bound.
    """
    return [_judged(annotation, value, namespace) for _, annotation, value in asked]


def _judged(annotation: str, value: Any, namespace: dict[str, Any]) -> dict[str, str]:
    try:
        kind = eval(annotation, namespace)  # the notebook's own text, as the notebook evaluates it
    except Exception as error:
        return {"error": f"its type cannot be had: {type(error).__name__}: {error}"}
    try:
        return _written(kind, value)
    except ValueError as error:
        return {"error": _words(error)}


def _written(kind: Any, value: Any) -> dict[str, str]:
    inner, optional = _without_none(kind)
    if optional and (value is None or isinstance(value, str) and value.strip().lower() in NONE_WORDS):
        return {"form": "none", "text": ""}
    if _is_enum(inner):
        member = _member(inner, value)
        if not optional:
            return {"form": "member", "text": member.name}
        value = member.value
    # 50 ms and more, for parameters of a notebook's own types alone
    from pydantic import TypeAdapter

    adapter = TypeAdapter(kind)
    found = _validated(adapter, value)
    return {"form": "json", "text": adapter.dump_json(found).decode()}


def _validated(adapter: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return adapter.validate_json(json.dumps(value))
    try:
        json.loads(value)
    except ValueError:
        return adapter.validate_json(json.dumps(value))
    try:
        return adapter.validate_json(value)
    except ValueError:
        try:
            # a text may look like a number and yet be meant as a text
            return adapter.validate_json(json.dumps(value))
        except ValueError:
            pass
        raise


def _without_none(kind: Any) -> tuple[Any, bool]:
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind, False
    kinds = [one for one in typing.get_args(kind) if one is not type(None)]
    return (kinds[0] if len(kinds) == 1 else kind), len(kinds) < len(typing.get_args(kind))


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _member(kind: type[Enum], value: Any) -> Enum:
    """Return the member of that name, or of that value."""
    for member in kind:
        if value in (member.name, member.value) or str(value) == str(member.value):
            return member
    names = [member.name for member in kind]
    near = get_close_matches(str(value), names, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"It is one of {', '.join(names)}.{hint}")


def _words(error: ValueError) -> str:
    """Return what pydantic says, a clause for each place."""
    if not hasattr(error, "errors"):
        return str(error)
    said = []
    for one in error.errors():
        place = ".".join(map(str, one["loc"]))
        said.append(f"{place}: {one['msg']}" if place else str(one["msg"]))
    return "; ".join(said) + "."
