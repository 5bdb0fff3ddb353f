"""Two small words with which the schema is written: every field carries its description."""

from __future__ import annotations

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, NewType

import strawberry


def documented(resolver: Callable[..., Any], graphql_type: Any = None) -> Any:
    """A field resolved by ``resolver`` whose description is the resolver's docstring."""
    description = " ".join((resolver.__doc__ or "").split())
    return strawberry.field(resolver=resolver, description=description, graphql_type=graphql_type)


def list_of(graphql_type: Any) -> Any:
    """The list type of a type that is made at run time, which a type checker does not take in brackets."""
    return GenericAlias(list, (graphql_type,))


def said(description: str, default: Any = ...) -> Any:
    """A plain data field with a description, and a default if one is given."""
    if default is ...:
        return strawberry.field(description=description)
    return strawberry.field(description=description, default=default)


def arg(description: str) -> Any:
    """The description of an argument, for ``Annotated``."""
    return strawberry.argument(description=description)


RunIdArg = Annotated[strawberry.ID, arg("The id of the run.")]
RunIdText = Annotated[str, arg("The id of the run.")]
CursorArg = Annotated[str | None, arg("Where to go on: the cursor of the previous page.")]
LimitArg = Annotated[int | None, arg("How many at most; the server has a maximum of its own.")]

#: Items of one page, whatever the client asks for.
MAX_PAGE = 200


def page_size(limit: int | None, maximum: int = MAX_PAGE) -> int:
    """The number of items to return for a client's ``limit``; ``ValueError`` for one that no page may have."""
    if limit is None:
        return min(100, maximum)
    if limit < 0:
        raise ValueError("A limit may not be negative.")
    return min(limit, maximum)


#: Dagster's documented queries declare variables of this type.
RunConfigData = NewType("RunConfigData", object)
RUN_CONFIG_SCALAR = strawberry.scalar(name="RunConfigData", description="Run configuration: an object, or YAML text.")
#: The last second that dates are written for: the end of the year 9999.
LAST_INSTANT = 253_402_300_799.0


def instant(seconds: float) -> float:
    """The seconds since the epoch as a client gave them; ``ValueError`` for a time that no date has."""
    if not 0 <= seconds <= LAST_INSTANT:
        raise ValueError("A time is in seconds since the epoch, between the years 1970 and 9999.")
    return seconds


#: A list that is sent as it is: completing 10,000 items one by one takes GraphQL half a second for each request.
Column = NewType("Column", list[Any])
COLUMN_SCALAR = strawberry.scalar(
    name="Column", description="A list of plain values, one for each asset, node or edge."
)


def column(description: str) -> Any:
    """A field that holds a whole column."""
    return strawberry.field(description=description, graphql_type=Column)
