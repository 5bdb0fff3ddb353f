"""What an asset cell says in words of partitions: mappings of upstreams, backfills, freshness; for its entry."""

from __future__ import annotations

from typing import Any

from cellmill.errors import CellmillError
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.options_text import backfill_policy_of, freshness_of
from cellmill.workspace.freshness_policies import freshness_to_json
from cellmill.workspace.partition_mappings import MAPPING_WORDS, policy_to_json


def cell_policies(cell: AssetCell) -> dict[str, Any]:
    """Return the fields `mappings`, `backfill_limit` and `freshness` of the cell's entry."""
    return {
        "mappings": _mappings(cell),
        "backfill_limit": _backfill_limit(cell),
        "freshness": _freshness(cell),
    }


def _mappings(cell: AssetCell) -> dict[str, Any]:
    """Return the partition mappings that the cell's line names in words; a variable is known by running it only."""
    texts = cell.header.pairs("partition_mapping")
    found: dict[str, Any] = {}
    for up in cell.upstreams:
        text = texts.get(up.name) or texts.get(up.key.to_user_string())
        if text and text.lower() in MAPPING_WORDS:
            found[up.key.to_escaped_user_string()] = {"kind": text.lower()}
    return found


def _backfill_limit(cell: AssetCell) -> int | None:
    text = cell.header.text("backfill_policy")
    try:
        return policy_to_json(backfill_policy_of(text)) if text else None
    except (CellmillError, ValueError):
        return None  # the line is refused where the cell runs, and by `cellmill check`


def _freshness(cell: AssetCell) -> dict[str, Any] | None:
    text = cell.header.text("freshness_policy")
    try:
        return freshness_to_json(freshness_of(text)) if text else None
    except (CellmillError, ValueError):
        return None  # refused where the cell runs
