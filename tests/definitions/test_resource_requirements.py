"""Which resources something needs."""

from __future__ import annotations

import pytest
from cellmill.definitions.op import op
from cellmill.definitions.port import In, Out
from cellmill.definitions.resource import ResourceDefinition
from cellmill.definitions.resource_requirements import (
    ResourceRequirement,
    check_acyclic,
    requirements_of_op,
    requirements_of_resources,
    resource_keys_of_op,
)
from cellmill.definitions.types.runtime_type import Type
from cellmill.errors import InvariantViolationError


def test_a_missing_resource_is_named_with_who_needs_it_and_what_there_is() -> None:
    """The message has the key, what requires it, the nearest key and all keys."""
    text = str(ResourceRequirement("databse", "op 'load'").missing({"database": 1}))
    assert "key 'databse' required by op 'load' was not provided" in text
    assert "Did you mean" in text and "['database']" in text


def test_an_op_needs_what_its_types_and_managers_need() -> None:
    """Body, types and managers are all listed; the keys that the body may read leave managers out."""
    limited = Type(name="Limited", type_check_fn=lambda context, value: True, required_resource_keys={"limit"})

    @op(
        ins={"x": In(input_manager_key="files")}, out=Out(limited, io_manager_key="lake"), required_resource_keys={"db"}
    )
    def load(x):  # type: ignore[no-untyped-def]
        return x

    assert [(one.key, one.who) for one in requirements_of_op(load)] == [
        ("db", "op 'load'"),
        ("limit", "type 'Limited'"),
        ("lake", "output 'result' of op 'load'"),
        ("files", "input 'x' of op 'load'"),
    ]
    assert resource_keys_of_op(load, loaded=()) == {"db", "limit"}


def test_resources_need_each_other_but_not_themselves() -> None:
    """A circle of requirements is an error that shows it."""
    a = ResourceDefinition(lambda context: 1, required_resource_keys={"b"})
    b = ResourceDefinition(lambda context: 1, required_resource_keys={"a"})
    assert list(requirements_of_resources({"a": a})) == [ResourceRequirement("b", "resource with key 'a'")]
    check_acyclic({"a": a})
    with pytest.raises(InvariantViolationError, match="depends on itself: a → b → a"):
        check_acyclic({"a": a, "b": b})
