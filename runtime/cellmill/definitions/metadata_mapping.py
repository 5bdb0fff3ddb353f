"""Metadata as mappings: plain values become typed ones, and both ways to the stable JSON form."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.metadata import (
    AssetMetadataValue,
    BoolMetadataValue,
    FloatMetadataValue,
    IntMetadataValue,
    JsonMetadataValue,
    MetadataValue,
    NullMetadataValue,
    PathMetadataValue,
    RawMetadataValue,
    TableColumnLineageMetadataValue,
    TableSchemaMetadataValue,
    TextMetadataValue,
)
from cellmill.definitions.table import TableColumnLineage, TableSchema
from cellmill.errors import InvalidMetadataError

_OF_TYPE: dict[type, Callable[[Any], MetadataValue[Any]]] = {
    str: TextMetadataValue,
    int: IntMetadataValue,
    float: FloatMetadataValue,
    bool: BoolMetadataValue,
    dict: JsonMetadataValue,
    list: JsonMetadataValue,
    type(None): lambda _: NullMetadataValue(),
    AssetKey: AssetMetadataValue,
    TableSchema: TableSchemaMetadataValue,
    TableColumnLineage: TableColumnLineageMetadataValue,
}


def normalize_metadata_value(value: RawMetadataValue) -> MetadataValue[Any]:
    """The typed value that a plain value stands for.

    Args:
        value: A `MetadataValue`, or a plain value whose type decides.

    Raises:
        InvalidMetadataError: for a value of a type that stands for none.
    """
    if isinstance(value, MetadataValue):
        return value
    make = _OF_TYPE.get(type(value))
    if make is not None:
        return make(value)
    for base, make in _OF_TYPE.items():
        if isinstance(value, base):
            return make(value)
    if isinstance(value, os.PathLike):
        return PathMetadataValue(value)
    raise InvalidMetadataError(
        f"Its type was {type(value)}. Consider wrapping the value with the appropriate MetadataValue type."
    )


def normalize_metadata(
    metadata: Mapping[str, RawMetadataValue] | None, allow_invalid: bool = False
) -> dict[str, MetadataValue[Any]]:
    """The same metadata with every value typed.

    Args:
        metadata: `MetadataValue`s or plain values by name; None is empty.
        allow_invalid: Whether a value of a type that stands for none becomes a text that says so, instead of an error.

    Raises:
        InvalidMetadataError: for such a value, with its name.
    """
    if not metadata:
        return {}
    result: dict[str, MetadataValue[Any]] = {}
    for key, value in metadata.items():
        try:
            result[key] = normalize_metadata_value(value)
        except InvalidMetadataError as error:
            if not allow_invalid:
                raise InvalidMetadataError(
                    f'Could not resolve the metadata value for "{key}" to a known type. {error}'
                ) from error
            result[key] = TextMetadataValue(f"[{type(value).__name__}] (unserializable)")
    return result


def metadata_to_json(metadata: Mapping[str, MetadataValue[Any]]) -> dict[str, dict[str, Any]]:
    """The stable JSON form of normalized metadata."""
    return {key: value.to_json() for key, value in metadata.items()}


def metadata_from_json(data: Mapping[str, Mapping[str, Any]]) -> dict[str, MetadataValue[Any]]:
    """The metadata whose JSON form this is."""
    return {key: MetadataValue.from_json(value) for key, value in data.items()}
