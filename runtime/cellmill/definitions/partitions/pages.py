"""Partition keys by the page, for places where all of them would be too many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class PaginatedResults(NamedTuple):
    """One page of partition keys.

    Args:
        results: The keys of the page.
        cursor: What asks for the page after it.
        has_more: Whether there is one.
    """

    results: Sequence[str]
    cursor: str
    has_more: bool


def page_of(keys: Sequence[str], limit: int, *, ascending: bool, cursor: str | None) -> PaginatedResults:
    """Return the keys behind `cursor`, the last key of the page before, at most `limit` of them.

    Args:
        keys: All keys, in order.
        limit: How many keys the page has at most.
        ascending: Whether pages go from the first key to the last.
        cursor: Cursor of the page before; None asks for the first page. A key that is gone asks for it too.
    """
    ordered = keys if ascending else keys[::-1]
    start = ordered.index(cursor) + 1 if cursor and cursor in ordered else 0
    results = ordered[start : start + limit]
    return PaginatedResults(results, results[-1] if results else cursor or "", start + limit < len(ordered))
