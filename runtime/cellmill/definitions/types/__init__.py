"""Types that values are checked against at run time, gradually and by choice."""

from __future__ import annotations

from cellmill.definitions.types.resolve import resolve_type
from cellmill.definitions.types.runtime_type import ANY_TYPE as Any
from cellmill.definitions.types.runtime_type import NOTHING_TYPE as Nothing
from cellmill.definitions.types.runtime_type import Type

resolve_dagster_type = resolve_type

__all__ = ["Any", "Nothing", "Type", "resolve_dagster_type", "resolve_type"]
