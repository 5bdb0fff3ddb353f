"""Types that a notebook declares for its parameters: texts become values of them, or are refused."""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import uuid
from pathlib import Path
from typing import Any

import pytest
from cellmill.errors import InvalidConfigError
from cellmill.execution.notebook.declared_parameters import (
    declared_parameters,
    parameters_of,
    recorded,
    typed_value,
    typed_values,
    undeclared,
)
from cellmill.execution.notebook.parameters import InvalidParameterName, Secret

from .conftest import notebook_of

_CELL = "\n".join(
    [
        "import datetime as dt",
        *(f"a_{word.lower()}: {annotation} = None" for word, annotation in {
            "int": "int", "float": "float", "bool": "bool", "str": "str", "date": "dt.date",
            "datetime": "dt.datetime", "time": "dt.time", "timedelta": "dt.timedelta", "decimal": "decimal.Decimal",
            "fraction": "Fraction", "uuid": "UUID", "path": "Path", "bytes": "bytes", "complex": "complex",
            "list": "list[int]", "tuple": "tuple[int, ...]", "set": "set[str]", "dict": "dict[str, int]",
        }.items()),
        "maybe: int | None = None",
        "other: Optional[dt.date] = None",
        "text = 'a'",
        "number = 1",
        "mine: Colour = Colour.RED",
        "one = two = 2",
    ]
)  # fmt: skip
DECLARED = declared_parameters(notebook_of("1", _CELL, tags={1: ["parameters"]}))

GOOD: dict[str, tuple[str, Any]] = {
    "a_int": ("7", 7),
    "a_float": ("7", 7.0),
    "a_bool": ("no", False),
    "a_str": ("007", "007"),
    "a_date": ("2024-02-29", dt.date(2024, 2, 29)),
    "a_datetime": ("2024-02-29T01:02:03+00:00", dt.datetime(2024, 2, 29, 1, 2, 3, tzinfo=dt.UTC)),
    "a_time": ("01:02", dt.time(1, 2)),
    "a_timedelta": ("90.5", dt.timedelta(seconds=90.5)),
    "a_decimal": ("1.10", decimal.Decimal("1.10")),
    "a_fraction": ("1/3", fractions.Fraction(1, 3)),
    "a_uuid": (str(uuid.UUID(int=7)), uuid.UUID(int=7)),
    "a_path": ("a b/c", Path("a b/c")),
    "a_bytes": ("AP8=", b"\x00\xff"),
    "a_complex": ("1+2j", 1 + 2j),
    "a_list": ("[1, 2]", [1, 2]),
    "a_tuple": ("[1, 2]", (1, 2)),
    "a_set": ('["a"]', {"a"}),
    "a_dict": ('{"a": 1}', {"a": 1}),
    "maybe": ("null", None),
    "other": ("2024-01-02", dt.date(2024, 1, 2)),
    "text": ("1", "1"),
    "number": ("1.5", 1.5),
    "mine": ("RED", "RED"),
    "two": ("true", True),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_text_becomes_a_value_of_the_declared_type_and_survives_the_record(name: str) -> None:
    """What the notebook gets is equal to what was meant, and of its type, after the way through the run's record."""
    text, value = GOOD[name]

    result = parameters_of(recorded(typed_values({name: text}, DECLARED)))[name]

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a_int", "7.5"), ("a_bool", "maybe"), ("a_date", "2024-02-30"), ("a_datetime", "soon"), ("a_decimal", "1,5"),
        ("a_bytes", "no base64!"), ("a_list", "{}"), ("a_tuple", "1"), ("a_dict", "[]"), ("a_uuid", "7"),
        ("maybe", "x"), ("other", "tomorrow"), ("a_fraction", "1/0"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_value_of_the_type_is_refused(name: str, text: str) -> None:
    """The error names the parameter, its type, the text and how one is written."""
    with pytest.raises(InvalidConfigError, match=f"{name!r} is a .*written like"):
        typed_value(name, text, DECLARED[name])


def test_a_secret_is_recorded_by_the_name_of_its_variable() -> None:
    """The record holds no value of it."""
    assert parameters_of(recorded({"password": Secret("THE_DOOR")})) == {"password": Secret("THE_DOOR")}


def test_what_is_not_declared_is_said_with_the_nearest_name() -> None:
    """A notebook that declares nothing takes what it is given; a name that is code is refused."""
    assert undeclared({"nummber": 1}, DECLARED) == [
        "The notebook declares no parameter 'nummber'. Did you mean 'number'?"
    ]
    assert undeclared({"anything": 1}, {}) == []
    with pytest.raises(InvalidParameterName):
        typed_values({"x=1;y": "1"}, DECLARED)


@pytest.mark.parametrize("cell", ["x ===", "%magic\nx: int = 1"])
def test_a_cell_that_is_no_python_declares_nothing(cell: str) -> None:
    """Its values are taken as they read."""
    assert declared_parameters(notebook_of(cell, tags={0: ["parameters"]})) == {}
