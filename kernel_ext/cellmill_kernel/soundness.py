"""What a body did to its inputs: cheap fingerprints of upstream values before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Rows and items that a fingerprint looks at.
SAMPLE = 64


def fingerprint(value: Any) -> object:
    """A cheap mark that changes when a value is changed in place in the usual ways; None where there is none."""
    try:
        return _mark(value)
    except Exception:
        # a value whose parts cannot be looked at has no mark
        return None


def _mark(value: Any) -> object:
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        names = tuple(map(str, value.columns))
        return "frame", value.shape, names, tuple(map(str, value.dtypes)), _rows(value)
    if hasattr(value, "iloc"):
        return "series", value.shape, str(value.dtype), str(value.name), _rows(value)
    if hasattr(value, "dtype") and hasattr(value, "ravel"):
        flat = value.ravel()
        step = max(1, flat.size // SAMPLE)
        return "array", value.shape, str(value.dtype), repr(flat[::step][:SAMPLE].tolist())
    if isinstance(value, list):
        step = max(1, len(value) // SAMPLE)
        return "list", len(value), tuple(id(item) for item in value[::step][:SAMPLE])
    if isinstance(value, dict):
        return "dict", len(value), tuple((repr(k), id(v)) for k, v in list(value.items())[:SAMPLE])
    if isinstance(value, set):
        return "set", len(value), hash(frozenset(list(value)[:SAMPLE]))
    return None


def _rows(value: Any) -> str:
    step = max(1, len(value) // SAMPLE)
    return repr(value.iloc[::step].head(SAMPLE).to_numpy().tolist())


def marks(values: Mapping[str, Any]) -> dict[str, object]:
    """The marks of some values by name."""
    return {name: fingerprint(value) for name, value in values.items()}


def changed_names(before: Mapping[str, object], values: Mapping[str, Any]) -> list[str]:
    """The names whose values were changed in place."""
    return [
        name
        for name, mark in before.items()
        if mark is not None and name in values and fingerprint(values[name]) != mark
    ]
