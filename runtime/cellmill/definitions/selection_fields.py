"""What a selection asks of an asset that only a workspace knows: its location, notebook, table and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from cellmill.definitions.selection_graph import AssetFacts


def _table_names(asset: AssetFacts, _: str | None) -> list[str]:
    named = asset.metadata.get("dagster/table_name", asset.metadata.get("table_name"))
    return [] if named is None else [str(getattr(named, "value", named))]


def _columns(asset: AssetFacts) -> Iterable[Any]:
    schema = asset.metadata.get("dagster/column_schema")
    schema = getattr(schema, "schema", getattr(schema, "value", schema))
    return getattr(schema, "columns", ())


def _column_tags(asset: AssetFacts, name: str | None) -> list[str]:
    return [column.tags[name] for column in _columns(asset) if name in (getattr(column, "tags", None) or {})]


#: By field, the values that an asset has there; a column's tag is looked for by its name.
FIELD_VALUES: dict[str, Callable[[AssetFacts, str | None], Sequence[str]]] = {
    "code_location": lambda asset, _: [asset.code_location] if asset.code_location else [],
    "notebook": lambda asset, _: [asset.notebook] if asset.notebook else [],
    "table": _table_names,
    "table_name": _table_names,
    "column": lambda asset, _: [column.name for column in _columns(asset)],
    "column_tag": _column_tags,
    "changed_in_branch": lambda asset, _: asset.changes,
    "automation_type": lambda asset, _: [asset.automation_type] if asset.automation_type else [],
}


def field_matches(field: str, pattern: str, value: str) -> bool:
    """Return whether one value of a field is what a selection asks for."""
    if field == "column_tag" and not pattern:
        return True
    if field == "notebook":
        value = value.replace("\\", "/")
        return (
            fnmatchcase(value, pattern)
            or fnmatchcase(value.rsplit("/", 1)[-1], pattern)
            or value.endswith("/" + pattern)
        )
    return fnmatchcase(value, pattern)
