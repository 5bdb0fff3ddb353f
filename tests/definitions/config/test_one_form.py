"""Config types that are declared alike are one object."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from cellmill import Array, Field, Map, Noneable, Permissive, Selector, Shape
from cellmill.definitions.config import one_form


def _shape(**options: Any) -> Shape:
    return Shape({"a": Field(int, **options), "b": [{"c": str}]})


@pytest.mark.parametrize(
    "declare",
    [
        _shape,
        lambda: Shape({"b": Array(Shape({"c": str})), "a": int}),
        lambda: Permissive({"a": int}),
        Permissive,
        lambda: Selector({"a": int, "b": {"c": bool}}),
        lambda: Array(Noneable(int)),
        lambda: Map(str, [int], key_label_name="place"),
    ],
)
def test_the_same_declaration_is_the_same_object(declare: Any) -> None:
    """Also with other types inside, and whatever the order of the fields."""
    assert declare() is declare()


def test_the_order_of_fields_says_nothing() -> None:
    """Two shapes with the same fields are one."""
    assert Shape({"a": int, "b": str}) is Shape({"b": str, "a": int})


@pytest.mark.parametrize(
    "other",
    [
        _shape(description="A number"),
        _shape(default_value=3),
        _shape(is_required=False),
        _shape(is_secret=True),
        Shape({"a": int, "b": [{"c": str}]}, description="Both"),
        Shape({"a": int, "b": [{"c": str}]}, field_aliases={"a": "z"}),
        Permissive({"a": int, "b": [{"c": str}]}),
    ],
)
def test_another_declaration_is_another_object(other: Any) -> None:
    """Whatever a declaration says makes a difference."""
    assert other is not _shape()


def test_forms_that_nobody_has_are_forgotten() -> None:
    """The table of forms holds none alive."""
    made = Shape({"only_here": int})
    held = one_form.form_of(made)
    del made
    gc.collect()

    assert held not in one_form._KNOWN
