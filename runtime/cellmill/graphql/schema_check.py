"""Checking plain data against the JSON Schema of a configuration, each mistake with its path; no user code is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from cellmill.graphql.problems import EvaluationErrorReason

_WORDS = {
    "object": "an object with named fields",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


class Mistake(NamedTuple):
    """One mistake: what is wrong, where, and of which kind."""

    message: str
    path: list[str]
    reason: EvaluationErrorReason


def mistakes_in(value: Any, schema: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[Mistake]:
    """Every mistake of `value` against `schema`, in the order of the data."""
    if "anyOf" in schema:
        yield from _any_of(value, schema, path)
    elif "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(map(repr, schema["enum"]))
        yield _mistake(f"{_place(path)} is one of {choices}, not {value!r}.", path, "RUNTIME_TYPE_MISMATCH")
    elif "type" in schema and not _is_type(value, schema["type"]):
        words = " or ".join(_WORDS[one] for one in _types(schema["type"]))
        yield _mistake(f"{_place(path)} must be {words}, not {_shown(value)}.", path, "RUNTIME_TYPE_MISMATCH")
    elif isinstance(value, Mapping):
        yield from _object(value, schema, path)
    elif isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from mistakes_in(item, schema["items"], (*path, str(number)))


def _any_of(value: Any, schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Mistake]:
    found = [list(mistakes_in(value, one, path)) for one in schema["anyOf"]]
    if all(found):
        # The form that was meant is the one whose mistakes lie deepest.
        yield from max(found, key=lambda mistakes: max(len(one.path) for one in mistakes))


def _object(value: Mapping[str, Any], schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Mistake]:
    fields: Mapping[str, Any] = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in fields:
            yield from mistakes_in(item, fields[name], (*path, str(name)))
        elif isinstance(others, Mapping):
            yield from mistakes_in(item, others, (*path, str(name)))
        elif not others:
            near = get_close_matches(str(name), fields, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"The fields are {', '.join(fields) or 'none'}."
            yield _mistake(f"{_place(path)} has no field {name!r}. {hint}", (*path, str(name)), "FIELD_NOT_DEFINED")
    for name in schema.get("required", ()):
        if name not in value:
            yield _mistake(f"{_place(path)} needs the field {name!r}.", path, "MISSING_REQUIRED_FIELD")
    if len(value) > schema.get("maxProperties", len(value)):
        yield _mistake(f"{_place(path)} takes only one of {', '.join(fields)}.", path, "SELECTOR_FIELD_ERROR")


def _place(path: tuple[str, ...]) -> str:
    return ".".join(path) or "The configuration"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _types(wanted: str | list[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else wanted


def _is_type(value: Any, wanted: str | list[str]) -> bool:
    return any(_is_one(value, one) for one in _types(wanted))


def _is_one(value: Any, wanted: str) -> bool:
    match wanted:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
    return True


def _mistake(message: str, path: tuple[str, ...], reason: str) -> Mistake:
    return Mistake(message, list(path), EvaluationErrorReason[reason])
