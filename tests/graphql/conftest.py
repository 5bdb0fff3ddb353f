"""A workspace with an instance, and the way to ask it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cellmill.graphql.context import Context, open_context
from cellmill.graphql.schema import execute

from tests.labextension.server import NOTEBOOK

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A workspace of two assets and a schedule, nothing made yet."""
    (tmp_path / "example.ipynb").write_text(json.dumps(NOTEBOOK))
    opened = open_context(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ask(context: Context) -> Ask:
    """Answers a document that must succeed."""

    def answer(query: str, **variables: Any) -> dict[str, Any]:
        result = execute(query, variables, None, context.for_request("tester"))
        assert "errors" not in result, result
        data: dict[str, Any] = result["data"]
        return data

    return answer
