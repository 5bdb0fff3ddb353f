"""The schema, and the one way to execute an operation of it, with its limits."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaskErrors, MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext, PreExecutionError

from cellmill.errors import CellmillError
from cellmill.graphql.context import Context
from cellmill.graphql.document import MAX_ALIASES, MAX_TOKENS, operation_kind, read_document
from cellmill.graphql.documented import COLUMN_SCALAR, RUN_CONFIG_SCALAR, Column, RunConfigData
from cellmill.graphql.events import ALL_TYPES, ObjectStoreOperationEvent
from cellmill.graphql.metadata import ENTRY_TYPES
from cellmill.graphql.mutation import Mutation
from cellmill.graphql.query import Query
from cellmill.graphql.subscription import Changes, Live, Subscription

#: Fields inside fields; the deepest documented query has 9.
MAX_DEPTH = 10

#: Characters of an error that the log has.
_LOGGED = 200

_log = logging.getLogger(__name__)


def _is_ours_to_hide(error: GraphQLError) -> bool:
    original = error.original_error
    return original is not None and not isinstance(original, CellmillError | ValueError | GraphQLError)


class _Schema(strawberry.Schema):
    """The schema; what is refused is anybody's document, so the log has one short line of it."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log errors: a refused document as one line, a mistake in a field with its traceback."""
        for error in errors:
            original = error.original_error
            text = " ".join(error.message.split())
            said = text if len(text) <= _LOGGED else text[:_LOGGED] + "…"
            if original is None:
                _log.info("A document was refused: %s", said)
            else:
                _log.error("%s", said, exc_info=original if _is_ours_to_hide(error) else None)


schema = _Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[*ENTRY_TYPES, *ALL_TYPES, ObjectStoreOperationEvent],
    config=StrawberryConfig(
        disable_field_suggestions=False, scalar_map={Column: COLUMN_SCALAR, RunConfigData: RUN_CONFIG_SCALAR}
    ),
    extensions=[
        lambda: QueryDepthLimiter(max_depth=MAX_DEPTH),
        lambda: MaxAliasesLimiter(max_alias_count=MAX_ALIASES),
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        lambda: MaskErrors(
            should_mask_error=_is_ours_to_hide,
            error_message="An unexpected error happened; the server's log has the details.",
        ),
    ],
)


def sdl() -> str:
    """The schema in GraphQL's own language, as it is checked in."""
    return schema.as_str() + "\n"


def execute(query: str, variables: Mapping[str, Any], operation: str | None, context: Context) -> dict[str, Any]:
    """The answer to one query or mutation, ready for JSON; blocks, so not for an event loop."""
    try:
        read_document(query)
    except GraphQLError as error:
        return {"data": None, "errors": [error.formatted]}
    if operation_kind(query, operation) == "subscription":
        return {"data": None, "errors": [{"message": "Subscriptions are served by WebSocket."}]}
    result = schema.execute_sync(query, dict(variables), context_value=context, operation_name=operation)
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [error.formatted for error in result.errors]
    return answer


async def subscribe(
    query: str, variables: Mapping[str, Any], operation: str | None, context: Context, changes: Changes
) -> AsyncIterator[dict[str, Any]]:
    """The answers of one subscription; one without `data` is its only and last."""
    try:
        read_document(query)
    except GraphQLError as error:
        yield {"errors": [error.formatted]}
        return
    results = await schema.subscribe(
        query, dict(variables), context_value=Live(context, changes), operation_name=operation
    )
    if isinstance(results, PreExecutionError):
        yield {"errors": [error.formatted for error in results.errors or ()]}
        return
    async for result in results:
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        yield answer
