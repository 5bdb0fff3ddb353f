"""Documents as they are sent: what is too large, or asks for one thing too often, is refused before anything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

#: Bytes of one document.
MAX_QUERY = 128 * 1024
#: Lexical tokens of one document; the largest documented query has about 700.
MAX_TOKENS = 2000
#: Aliases in one document, and times that one selection names the same thing: to merge them is quadratic work.
MAX_ALIASES = 15


def read_document(query: str) -> DocumentNode:
    """Return a document as syntax; parsed once, though permissions, limits and execution each ask for it.

    Raises: GraphQLError for one that cannot be read, or asks for too much.
    """
    if len(query) > MAX_QUERY:
        raise GraphQLError(f"A document may have at most {MAX_QUERY} bytes.")
    return _parsed(query)


@lru_cache(maxsize=32)
def _parsed(query: str) -> DocumentNode:
    try:
        document = parse(query, max_tokens=MAX_TOKENS, no_location=True)
    except RecursionError:
        raise GraphQLError("Syntax Error: the document is nested too deeply.") from None
    for name, count in _repeats(document):
        if count > MAX_ALIASES:
            raise GraphQLError(f"One selection names {name!r} {count} times; at most {MAX_ALIASES} are allowed.")
    return document


def _repeats(document: DocumentNode) -> Iterator[tuple[str, int]]:
    """Yield what each selection of a document names most often, and how often."""
    todo = [node.selection_set for node in document.definitions if hasattr(node, "selection_set")]
    while todo:
        selections: SelectionSetNode | None = todo.pop()
        if selections is None:
            continue
        names: Counter[str] = Counter()
        for node in selections.selections:
            if isinstance(node, FieldNode):
                names[node.alias.value if node.alias else node.name.value] += 1
            elif isinstance(node, FragmentSpreadNode):
                names[f"...{node.name.value}"] += 1
            elif isinstance(node, InlineFragmentNode):
                names[f"... on {node.type_condition.name.value if node.type_condition else ''}"] += 1
            if isinstance(node, FieldNode | InlineFragmentNode):
                todo.append(node.selection_set)
        yield from names.most_common(1)


def operation_kind(query: str, operation: str | None) -> str | None:
    """`query`, `mutation` or `subscription`; None where the document cannot be read or has no such operation."""
    try:
        document = read_document(query)
    except GraphQLError:
        return None
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode) and (
            operation is None or (node.name is not None and node.name.value == operation)
        ):
            return node.operation.value
    return None
