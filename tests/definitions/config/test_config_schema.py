"""Config schemas: fields, defaults, shorthands, and what is refused where it is declared."""

from __future__ import annotations

import typing
from typing import Any

import pytest
from cellmill.definitions.config.alternatives import Noneable, ScalarUnion
from cellmill.definitions.config.config_type import Enum, EnumValue
from cellmill.definitions.config.env_var import EnvVar
from cellmill.definitions.config.field import Array, Field, Map, Permissive, Selector, Shape, convert_to_field
from cellmill.definitions.config.json_schema import config_json_schema
from cellmill.definitions.config.source import IntSource, StringSource
from cellmill.definitions.types.resolve import List, Optional
from cellmill.errors import (
    CheckError,
    InvalidConfigDefinitionError,
    InvalidConfigError,
    InvalidDefinitionError,
    ParameterCheckError,
)

NONE = object()


@pytest.mark.parametrize(
    ("config", "required", "default"),
    [
        (int, True, NONE),
        (Noneable(int), False, None),
        ({"a": Field(int, default_value=1)}, False, {"a": 1}),
        ({"a": int}, True, NONE),
        ({}, False, {}),
        (dict, False, {}),
        (Permissive(), False, {}),
        (list, True, NONE),
        ({str: int}, True, NONE),
        (Selector({"a": Field(int, default_value=1)}), False, {"a": 1}),
        (Selector({"a": Field(int, default_value=1), "b": int}), True, NONE),
    ],
)
def test_whether_a_field_is_required_follows_from_its_type(config: Any, required: bool, default: Any) -> None:
    """What can be left out has a default, and what has none must be given."""
    field = Field(config)

    assert field.is_required is required
    assert field.default_provided is (default is not NONE)
    if default is not NONE:
        assert field.default_value == default


def test_asking_for_a_default_that_is_not_there_is_an_error() -> None:
    """Only a field with a default has a default value."""
    with pytest.raises(ParameterCheckError):
        _ = Field(int).default_value


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Field(int, default_value=1, is_required=True), ParameterCheckError),
        (lambda: Field(int, description=3), ParameterCheckError),  # type: ignore[arg-type]
        (lambda: Field(int, default_value="x"), InvalidConfigError),
        (lambda: Field(int, default_value=None), InvalidConfigError),
        (lambda: Field({"a": int}, default_value={}), InvalidConfigError),
        (lambda: Field(Enum("x", [EnumValue("A", 1)]), default_value=1), InvalidConfigError),
        (lambda: Field(object), InvalidDefinitionError),
        (lambda: Field(3), InvalidDefinitionError),
        (lambda: Field(tuple), InvalidDefinitionError),
        (lambda: Field(set), InvalidDefinitionError),
        (lambda: Field([int, str]), InvalidDefinitionError),
        (lambda: Field([]), InvalidDefinitionError),
        (lambda: Field({1: str}), InvalidDefinitionError),
        (lambda: Field({str: object()}), InvalidDefinitionError),
        (lambda: Field(typing.List[int]), InvalidDefinitionError),  # noqa: UP006
        (lambda: Field(list[int]), InvalidDefinitionError),
        (lambda: Field(typing.Optional[int]), InvalidDefinitionError),  # noqa: UP045
        (lambda: Field(List[int]), InvalidDefinitionError),
        (lambda: Field(Optional[int]), InvalidDefinitionError),
        (lambda: Field(Shape), ParameterCheckError),
        (lambda: Noneable(Permissive), ParameterCheckError),
        (lambda: Shape(3), ParameterCheckError),  # type: ignore[arg-type]
        (lambda: Array(object()), InvalidDefinitionError),
        (lambda: Noneable(object()), InvalidDefinitionError),
        (lambda: Map([int], int), ParameterCheckError),
        (lambda: Map(str, int, key_label_name=3), ParameterCheckError),  # type: ignore[arg-type]
        (lambda: ScalarUnion(int, int), ParameterCheckError),
        (lambda: ScalarUnion({"a": int}, {"a": int}), ParameterCheckError),
        (lambda: Enum("x", ["a"]), CheckError),  # type: ignore[list-item]
        (lambda: EnumValue(1), ParameterCheckError),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_schema_is_refused_where_it_is_declared(make: Any, error: type[Exception]) -> None:
    """A wrong schema is an error of its own kind at the declaration."""
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"a": object()}, r"Error at stack path :a\. .* cannot be resolved"),
        ({"a": [object()]}, r"Error at stack path :a\. .*List have a single item"),
        ({"a": {"b": [{"c": Field}]}}, r"Error at stack path :a:b:c\."),
        (3, r"Original value passed: 3\. 3 cannot be resolved"),
    ],
)
def test_a_schema_error_names_its_path(schema: Any, message: str) -> None:
    """The error about a nested schema says where in it the wrong value stands."""
    with pytest.raises(InvalidConfigDefinitionError, match=message):
        convert_to_field(schema)


def test_an_env_var_is_a_default() -> None:
    """A reference to an environment variable as a default is kept as a reference."""
    assert Field(StringSource, default_value=EnvVar("X")).default_value == {"env": "X"}
    assert Field(IntSource, default_value=EnvVar.int("X")).default_value == {"env": "X"}


@pytest.mark.parametrize(
    ("schema", "label"),
    [
        ({"a": int, "b": Field(str, default_value="x")}, "{ a: Int b?: String }"),
        ([int], "[Int]"),
        (Noneable(str), "String?"),
        ({str: int}, "{ [String]: Int }"),
        (Map(str, int, key_label_name="city"), "{ [city: String]: Int }"),
        (StringSource, "(String | { env: String })"),
        (Permissive(), "{ }"),
        (Any, "Any"),
    ],
)
def test_types_are_shown_in_one_line(schema: Any, label: str) -> None:
    """A type's text shows its fields, which of them are optional, and their types."""
    assert convert_to_field(schema).config_type.label == label


def test_types_of_the_same_form_have_the_same_key() -> None:
    """The key tells forms apart and nothing else."""
    assert Shape({"a": int}).key == Shape({"a": Field(int)}).key
    assert Shape({"a": int}).key != Shape({"a": Field(int, default_value=1)}).key
    assert Shape({"a": int}).key != Permissive({"a": int}).key


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Any, {}),
        ([str], {"type": "array", "items": {"type": "string"}}),
        (Noneable(str), {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({str: int}, {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Enum("e", [EnumValue("A"), EnumValue("B")]), {"enum": ["A", "B"]}),
        (
            {"a": int, "b": Field(str, default_value="x", description="a b")},
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "string", "description": "a b", "default": "x"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
        (Permissive({"a": int}), {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
        (
            Selector({"a": int, "b": str}),
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ),
    ],
)
def test_a_schema_is_written_as_json_schema(schema: Any, expected: dict[str, Any]) -> None:
    """Every config type has a form in JSON Schema."""
    made = config_json_schema(schema)
    made.pop("$schema")

    assert made == expected
