"""Partition keys by the page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cellmill import DailyPartitionsDefinition, MultiPartitionsDefinition, StaticPartitionsDefinition
from cellmill.definitions.partitions.loading import partition_loading_context

DAYS = DailyPartitionsDefinition("2024-01-01")
STATIC = StaticPartitionsDefinition(["a", "b", "c", "d", "e"])


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 5, 9])
@pytest.mark.parametrize(
    "definition",
    [DAYS, STATIC, MultiPartitionsDefinition({"x": STATIC, "y": StaticPartitionsDefinition(["1", "2"])})],
    ids=["days", "static", "two dimensions"],
)
def test_all_pages_are_all_keys(definition, limit, ascending):
    """Page after page, each key comes once and in order, and the last page says that it is the last."""
    with partition_loading_context(datetime(2024, 1, 11, tzinfo=UTC)) as context:
        keys, cursor, more = [], None, True
        while more:
            page = definition.get_paginated_partition_keys(context, limit, ascending, cursor)
            assert len(page.results) <= limit
            keys, cursor, more = [*keys, *page.results], page.cursor, page.has_more
        wanted = list(definition.get_partition_keys())
    assert keys == (wanted if ascending else wanted[::-1])


def test_no_keys_are_one_empty_page():
    """Before the first window has ended there is nothing."""
    with partition_loading_context(datetime(2024, 1, 1, 12, tzinfo=UTC)) as context:
        assert DAYS.get_paginated_partition_keys(context, 3, ascending=True) == ([], "", False)
