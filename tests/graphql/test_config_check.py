"""Run configurations are checked against the job's own fields, each mistake at its path."""

from __future__ import annotations

import pytest
from cellmill import Field, Noneable, Selector, config_json_schema
from cellmill.graphql.schema_check import mistakes_in

SCHEMA = config_json_schema(
    {
        "rows": int,
        "name": Field(str, default_value="x"),
        "limit": Field(Noneable(float), is_required=False),
        "source": Field(Selector({"file": str, "url": str}), is_required=False),
        "tags": Field([str], is_required=False),
    }
)


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ({"rows": 1}, []),
        ({"rows": 1, "limit": None, "tags": ["a"], "source": {"file": "x"}}, []),
        ({"rows": "many"}, [["rows"]]),
        ({"rows": True}, [["rows"]]),
        ({}, [[]]),
        ({"rows": 1, "nmae": "y"}, [["nmae"]]),
        ({"rows": 1, "tags": ["a", 2]}, [["tags", "1"]]),
        ({"rows": 1, "source": {"file": "x", "url": "y"}}, [["source"]]),
        ({"rows": 1, "limit": "much"}, [["limit"]]),
        ([], [[]]),
    ],
)
def test_each_mistake_has_its_path(value: object, paths: list[list[str]]) -> None:
    """Types, names, missing fields, items and choices."""
    assert [one.path for one in mistakes_in(value, SCHEMA)] == paths


def test_a_misspelt_field_is_told_with_the_right_one() -> None:
    """The nearest name is in the message."""
    (found,) = mistakes_in({"rows": 1, "nmae": "y"}, SCHEMA)
    assert "'name'" in found.message
