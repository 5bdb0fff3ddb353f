"""What `?` shows of a public name explains each of its parameters."""

from __future__ import annotations

import inspect
from typing import Any

import cellmill
import pytest

from tests.docs.generator import generator

#: Parameters that only pass on what stands elsewhere.
PASSED_ON = {"self", "cls", "args", "kwargs"}


def parameters(found: Any) -> list[str]:
    """The parameters that a user of a function or a class may give."""
    if isinstance(found, type) and (issubclass(found, BaseException) or "__init__" not in vars(found)):
        return []
    try:
        names = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return []
    return [name for name in names if name not in PASSED_ON and not name.startswith("_")]


@pytest.mark.parametrize("name", [name for name in cellmill.__all__ if callable(getattr(cellmill, name))])
def test_parameters_are_explained(name: str) -> None:
    """Every parameter has its line under `Args`, with more than its own name."""
    found = getattr(cellmill, name)
    own = inspect.getdoc(found.__init__) if isinstance(found, type) else None
    explained: dict[str, str] = {}
    for doc in (inspect.getdoc(found), own):
        parts = generator.sections(doc or "")
        explained |= generator.arguments(parts.get("Args", "")) | generator.arguments(parts.get("Attributes", ""))
    assert inspect.getdoc(found), f"{name} has no docstring"
    assert [] == [each for each in parameters(found) if not explained.get(each)]
