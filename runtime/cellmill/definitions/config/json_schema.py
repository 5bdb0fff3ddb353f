"""Config types as JSON Schema, for editors and for other programs."""

from __future__ import annotations

from typing import Any

from cellmill.definitions.config.alternatives import Noneable, ScalarUnion
from cellmill.definitions.config.config_type import ConfigType, ConfigTypeKind, Enum, ScalarConfigType
from cellmill.definitions.config.field import Array, Field, Map, Permissive, Selector, Shape
from cellmill.definitions.config.process import as_config_type

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_json_schema(schema: Any, title: str | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a config type, for editors and for other programs.

    Args:
        schema: A config type, a `Field`, a `Config` class or any shorthand.
        title: Title of the schema.

    Source: JSON Schema, draft 2020-12.
    """
    result: dict[str, Any] = {"$schema": DIALECT}
    if title:
        result["title"] = title
    return result | _of_type(as_config_type(schema))


def _of_type(config_type: ConfigType) -> dict[str, Any]:
    schema = _form(config_type)
    if config_type.description:
        schema["description"] = config_type.description
    return schema


def _form(config_type: ConfigType) -> dict[str, Any]:
    match config_type:
        case ScalarConfigType():
            return {"type": config_type.json_type}
        case Enum():
            return {"enum": config_type.config_values}
        case Noneable():
            return {"anyOf": [_of_type(config_type.inner_type), {"type": "null"}]}
        case Array():
            return {"type": "array", "items": _of_type(config_type.inner_type)}
        case Map():
            return {"type": "object", "additionalProperties": _of_type(config_type.inner_type)}
        case ScalarUnion():
            return {"anyOf": [_of_type(config_type.scalar_type), _of_type(config_type.non_scalar_type)]}
        case Selector():
            only = [*config_type.fields.values()] if len(config_type.fields) == 1 else []
            minimum = 0 if only and not only[0].is_required else 1
            return _object(config_type.fields, [], closed=True) | {"minProperties": minimum, "maxProperties": 1}
        case Shape() | Permissive():
            required = [name for name, field in config_type.fields.items() if field.is_required]
            return _object(config_type.fields, required, closed=config_type.kind is ConfigTypeKind.STRICT_SHAPE)
    return {}


def _object(fields: dict[str, Field], required: list[str], closed: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        "type": "object",
        "properties": {name: _of_field(field) for name, field in fields.items()},
    }
    if required:
        result["required"] = required
    if closed:
        result["additionalProperties"] = False
    return result


def _of_field(field: Field) -> dict[str, Any]:
    schema = _of_type(field.config_type)
    if field.description:
        schema["description"] = field.description
    if field.is_secret:
        schema["writeOnly"] = True
    elif field.default_provided:
        schema["default"] = field.default_value
    return schema
