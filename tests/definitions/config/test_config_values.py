"""Checking and resolving config values: what fits a schema, what is wrong, where, and what user code gets."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from cellmill.definitions.config.alternatives import Noneable, ScalarUnion
from cellmill.definitions.config.config_type import Enum, EnumValue
from cellmill.definitions.config.evaluation import EvaluationErrorReason as Reason
from cellmill.definitions.config.field import Array, Field, Map, Permissive, Selector, Shape
from cellmill.definitions.config.process import process_config, resolve_defaults, validate_config
from cellmill.definitions.config.source import BoolSource, IntSource, StringSource


class Colour(enum.Enum):
    """Two colours."""

    RED = 1
    BLUE = 2


COLOURS = Enum("Colour", [EnumValue("RED", Colour.RED), EnumValue("PLAIN")])
UNION = ScalarUnion(int, {"x": str})

VALID: list[tuple[str, Any, Any, Any]] = [
    ("scalar int", int, 5, 5),
    ("int becomes float", {"a": float}, {"a": 1}, {"a": 1.0}),
    ("str", {"a": str}, {"a": "x"}, {"a": "x"}),
    ("bool", {"a": bool}, {"a": True}, {"a": True}),
    ("any takes None", Any, None, None),
    ("any takes objects", {"a": Any}, {"a": {"q": object}}, {"a": {"q": object}}),
    ("dict shorthand", {"a": dict}, {"a": {"q": 1}}, {"a": {"q": 1}}),
    ("list shorthand", {"a": list}, {"a": [1, "q"]}, {"a": [1, "q"]}),
    ("array shorthand", {"a": [int]}, {"a": [1, 2]}, {"a": [1, 2]}),
    ("nested arrays", [[int]], [[1], []], [[1], []]),
    ("array of noneable", Array(Noneable(int)), [None, 1], [None, 1]),
    ("default", {"a": Field(int, default_value=3)}, {}, {"a": 3}),
    ("default not used", {"a": Field(int, default_value=3)}, {"a": 4}, {"a": 4}),
    ("optional without default", {"a": Field(int, is_required=False)}, {}, {}),
    ("noneable is optional", {"a": Noneable(int)}, {}, {"a": None}),
    ("noneable none", {"a": Noneable(int)}, {"a": None}, {"a": None}),
    ("noneable shape", {"a": Noneable({"b": int})}, {}, {"a": None}),
    (
        "defaults of nested shapes",
        {"a": {"b": Field(int, default_value=1), "c": {"d": Field(str, default_value="q")}}},
        {},
        {"a": {"b": 1, "c": {"d": "q"}}},
    ),
    (
        "nested default filled",
        {"a": {"b": int, "c": Field(int, default_value=2)}},
        {"a": {"b": 1}},
        {"a": {"b": 1, "c": 2}},
    ),
    ("permissive keeps extras", Permissive({"a": int}), {"a": 1, "z": 2}, {"a": 1, "z": 2}),
    ("permissive without fields", Permissive(), {"z": 2}, {"z": 2}),
    ("permissive default", {"a": Permissive({"b": Field(int, default_value=1)})}, {}, {"a": {"b": 1}}),
    ("selector", Selector({"a": int, "b": str}), {"b": "x"}, {"b": "x"}),
    ("selector's only default", Selector({"a": Field(int, default_value=2)}), {}, {"a": 2}),
    ("choice without a value", Selector({"a": {"x": Field(int, default_value=2)}}), {"a": None}, {"a": {"x": 2}}),
    ("optional selector", {"s": Selector({"q": Field(int, default_value=1)})}, {}, {"s": {"q": 1}}),
    ("map", Map(str, int), {"a": 1}, {"a": 1}),
    ("map shorthand", {str: int}, {"a": 1}, {"a": 1}),
    ("map of int keys", {int: str}, {1: "a"}, {1: "a"}),
    ("map of shapes", Map(str, {"x": Field(int, default_value=1)}), {"a": {}}, {"a": {"x": 1}}),
    ("enum gives the Python value", COLOURS, "RED", Colour.RED),
    ("enum without Python value", COLOURS, "PLAIN", "PLAIN"),
    ("enum default", {"c": Field(COLOURS, default_value="RED")}, {}, {"c": Colour.RED}),
    ("enum of a Python enum", Enum.from_python_enum(Colour), "BLUE", Colour.BLUE),
    ("enum of a Python enum's values", Enum.from_python_enum_direct_values(Colour), "BLUE", 2),
    ("scalar side of a union", UNION, 1, 1),
    ("other side of a union", UNION, {"x": "a"}, {"x": "a"}),
    ("source as scalar", StringSource, "x", "x"),
    ("int source as scalar", IntSource, 3, 3),
    ("bool source as scalar", BoolSource, False, False),
    ("description and label do not matter", {"a": Field(int, description="an a")}, {"a": 1}, {"a": 1}),
]


@pytest.mark.parametrize(("schema", "value", "expected"), [case[1:] for case in VALID], ids=[case[0] for case in VALID])
def test_a_valid_value_resolves(schema: Any, value: Any, expected: Any) -> None:
    """A value that fits is accepted, and user code gets it with defaults filled in."""
    result = process_config(schema, value)

    assert result.success, result.errors
    assert result.value == expected


ROOT: list[str] = []
INVALID: list[tuple[str, Any, Any, list[tuple[Reason, str]]]] = [
    ("wrong scalar", {"a": int}, {"a": "x"}, [(Reason.RUNTIME_TYPE_MISMATCH, "root:a")]),
    ("True is no int", {"a": int}, {"a": True}, [(Reason.RUNTIME_TYPE_MISMATCH, "root:a")]),
    ("float is no int", {"a": int}, {"a": 1.0}, [(Reason.RUNTIME_TYPE_MISMATCH, "root:a")]),
    ("int is no bool", {"a": bool}, {"a": 1}, [(Reason.RUNTIME_TYPE_MISMATCH, "root:a")]),
    ("None is no str", {"a": str}, {"a": None}, [(Reason.RUNTIME_TYPE_MISMATCH, "root:a")]),
    ("None at the root", {"a": int}, None, [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    ("no dictionary", {"a": int}, 3, [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    ("missing", {"a": int}, {}, [(Reason.MISSING_REQUIRED_FIELD, "root")]),
    ("several missing", {"a": int, "b": int}, {}, [(Reason.MISSING_REQUIRED_FIELDS, "root")]),
    ("not defined", {"a": int}, {"a": 1, "aa": 3}, [(Reason.FIELD_NOT_DEFINED, "root")]),
    (
        "several not defined and missing",
        {"a": int},
        {"x": 1, "y": 2},
        [(Reason.FIELDS_NOT_DEFINED, "root"), (Reason.MISSING_REQUIRED_FIELD, "root")],
    ),
    (
        "nested",
        {"a": {"b": int}},
        {"a": {"c": 2}},
        [(Reason.FIELD_NOT_DEFINED, "root:a"), (Reason.MISSING_REQUIRED_FIELD, "root:a")],
    ),
    (
        "items of a list",
        {"a": [int]},
        {"a": [1, "x", None]},
        [(Reason.RUNTIME_TYPE_MISMATCH, "root:a[1]"), (Reason.RUNTIME_TYPE_MISMATCH, "root:a[2]")],
    ),
    ("no list", {"a": [int]}, {"a": 3}, [(Reason.RUNTIME_TYPE_MISMATCH, "root:a")]),
    (
        "None for an optional shape",
        {"a": {"b": Field(int, default_value=1)}},
        {"a": None},
        [(Reason.RUNTIME_TYPE_MISMATCH, "root:a")],
    ),
    ("selector without a choice", Selector({"a": int, "b": int}), {}, [(Reason.SELECTOR_FIELD_ERROR, "root")]),
    (
        "selector with two choices",
        Selector({"a": int, "b": int}),
        {"a": 1, "b": 1},
        [(Reason.SELECTOR_FIELD_ERROR, "root")],
    ),
    ("selector's required field", Selector({"a": int}), {}, [(Reason.SELECTOR_FIELD_ERROR, "root")]),
    ("selector with an unknown choice", Selector({"a": int}), {"c": 1}, [(Reason.FIELD_NOT_DEFINED, "root")]),
    ("selector with a wrong value", Selector({"a": int}), {"a": "1"}, [(Reason.RUNTIME_TYPE_MISMATCH, "root:a")]),
    ("selector no dictionary", Selector({"a": int}), 3, [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    ("selector None", Selector({"a": int}), None, [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    ("permissive's own field missing", Permissive({"a": int}), {"z": 2}, [(Reason.MISSING_REQUIRED_FIELD, "root")]),
    ("permissive no dictionary", Permissive(), 2, [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    (
        "keys and values of a map",
        Map(str, int),
        {"a": "1", 2: 3},
        [(Reason.RUNTIME_TYPE_MISMATCH, "root:'a':value"), (Reason.RUNTIME_TYPE_MISMATCH, "root:2:key")],
    ),
    ("map no dictionary", Map(str, int), 3, [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    ("enum unknown name", COLOURS, "GREEN", [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    ("enum takes names only", COLOURS, Colour.RED, [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    ("scalar union scalar", UNION, "q", [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    (
        "scalar union shape",
        UNION,
        {"y": 1},
        [(Reason.FIELD_NOT_DEFINED, "root"), (Reason.MISSING_REQUIRED_FIELD, "root")],
    ),
    ("scalar union None", UNION, None, [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    ("source of another type", StringSource, 3, [(Reason.RUNTIME_TYPE_MISMATCH, "root")]),
    (
        "source misspelt",
        StringSource,
        {"e": "x"},
        [(Reason.FIELD_NOT_DEFINED, "root")],
    ),
    ("variable not set", StringSource, {"env": "CELLMILL_NOT_SET"}, [(Reason.FAILED_POST_PROCESSING, "root")]),
]


@pytest.mark.parametrize(
    ("schema", "value", "expected"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID]
)
def test_every_problem_is_found_with_its_path(schema: Any, value: Any, expected: Any) -> None:
    """A value that does not fit gives every problem, with its reason and its path."""
    result = process_config(schema, value)

    assert not result.success
    assert sorted((error.reason, error.path) for error in result.errors or ()) == sorted(expected)


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"a": int}, {"a": "x"}, 'Invalid scalar at path root:a. Value "x" of type "<class \'str\'>" is not valid'),
        ({"a": int}, {}, 'Missing required config entry "a" at the root.*Example config for the missing entry'),
        ({"a": {"b": int}}, {}, r"Example config for the missing entry: {'a': {'b': 0}}"),
        ({"a": int}, {"a": 1, "aa": 3}, 'Received unexpected config entry "aa" at the root. Expected: "{ a: Int }"'),
        ({"limit": int}, {"limi": 3}, "Did you mean 'limit'"),
        (COLOURS, "READ", "Did you mean 'RED'"),
        (Selector({"a": int, "b": int}), {}, "Must specify a field at the root"),
        (Selector({"a": int, "b": int}), {"a": 1, "b": 2}, "You can only specify a single field at the root"),
        (StringSource, {"env": "CELLMILL_NOT_SET"}, '"CELLMILL_NOT_SET" which is not set'),
    ],
)
def test_messages_say_what_to_do(schema: Any, value: Any, message: str) -> None:
    """A problem's message names the place, what was found and what is expected or near."""
    import re

    result = process_config(schema, value)

    assert re.search(message, result.error.message), result.error.message


def test_problems_carry_the_allowed_keys_and_the_nearest_name() -> None:
    """A program can read what is allowed and what was probably meant."""
    error = process_config({"limit": int, "name": str}, {"limit": 1, "nam": "x", "name": "y"}).error

    assert sorted(error.allowed) == ["limit", "name"]
    assert list(error.suggestions) == ["name"]
    assert list(error.field_names) == ["nam"]


def test_errors_can_be_asked_for_by_level() -> None:
    """The problems at one place are found by the names on the way to it."""
    result = validate_config({"a": {"b": int}, "c": int}, {"a": {"b": "x"}})

    assert [error.reason for error in result.errors_at_level("a", "b")] == [Reason.RUNTIME_TYPE_MISMATCH]
    assert [error.reason for error in result.errors_at_level()] == [Reason.MISSING_REQUIRED_FIELD]
    assert result.errors_at_level("c") == []


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        (StringSource, "abc", "abc"),
        (IntSource, "12", 12),
        (BoolSource, "true", True),
        (BoolSource, "False", False),
        (BoolSource, "0", False),
        (BoolSource, "12", True),
    ],
)
def test_sources_read_the_environment(monkeypatch: pytest.MonkeyPatch, source: Any, text: str, expected: Any) -> None:
    """A source given as {"env": name} is the variable's value at the time of resolving."""
    monkeypatch.setenv("CELLMILL_TEST_VALUE", text)

    assert process_config({"a": source}, {"a": {"env": "CELLMILL_TEST_VALUE"}}).value == {"a": expected}


def test_a_variable_that_is_no_number_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable whose text is no whole number is reported with its name."""
    monkeypatch.setenv("CELLMILL_TEST_VALUE", "abc")
    error = process_config(IntSource, {"env": "CELLMILL_TEST_VALUE"}).error

    assert error.reason is Reason.FAILED_POST_PROCESSING
    assert "CELLMILL_TEST_VALUE" in error.message


def test_checking_alone_leaves_the_environment_alone() -> None:
    """Validation accepts a variable that is not set, since only a run reads it."""
    value = {"a": {"env": "CELLMILL_NOT_SET"}}

    assert validate_config({"a": StringSource}, value).value == value
    assert resolve_defaults({"a": StringSource, "b": Field(int, default_value=1)}, value).value == {**value, "b": 1}


def test_field_aliases_name_a_field_in_config() -> None:
    """A field may be given under its alias, and not under both names."""
    schema = Shape({"a": int}, field_aliases={"a": "A"})

    assert process_config(schema, {"A": 1}).value == {"a": 1}
    assert process_config(schema, {"A": 1, "a": 1}).error.reason is Reason.FIELD_ALIAS_COLLISION
