"""Parts of assets that a graph makes."""

from __future__ import annotations

from typing import Any

import cellmill as c


def test_an_output_of_a_graph_that_is_not_selected_and_yet_read() -> None:
    """Its op runs for the one that reads it, and its asset is not materialized."""

    @c.op
    def create() -> int:
        return 1

    @c.op
    def more(value: int) -> int:
        return value + 1

    @c.graph(out={"one": c.GraphOut(), "two": c.GraphOut()})
    def both() -> Any:
        value = create()
        return value, more(value)

    result = c.materialize([c.AssetsDefinition.from_graph(both, can_subset=True)], selection=[c.AssetKey("two")])

    assert [event.asset_key for event in result.get_asset_materialization_events()] == [c.AssetKey("two")]
