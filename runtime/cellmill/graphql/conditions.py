"""How the automation conditions of assets were evaluated at a tick: trees, a row for each condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry

from cellmill.definitions.asset_key import AssetKey as Key
from cellmill.graphql.documented import said
from cellmill.graphql.metadata import AssetKey


@strawberry.type(description="One condition of a tree, as it was at one tick.")
class ConditionRow:
    """One condition of a tree."""

    depth: int = said("How deep it lies in the tree; the rows behind it that lie deeper are what it is made of.")
    condition: str = said("The condition in words.")
    asset_key: AssetKey = said("The asset that it looked at.")
    is_true: bool = said("Whether it was true, of any partition where there are some.")
    partition_count: int = said("For how many partitions it was true; 0 of an asset without partitions.")
    partitions: list[str] = said("The first of the partitions for which it was true.")


@strawberry.type(description="The condition of one asset, as it was at one tick.")
class ConditionEvaluation:
    """The condition of one asset, as it was at one tick."""

    asset_key: AssetKey = said("The asset.")
    is_requested: bool = said("Whether the asset was to be made.")
    rows: list[ConditionRow] = said("The tree, from its root.")


def condition_evaluations(body: Mapping[str, Any]) -> list[ConditionEvaluation]:
    """The evaluations that a tick has recorded; those that asked for something first."""
    found = [_evaluation(name, rows) for name, rows in (body.get("explained") or {}).items()]
    return sorted(found, key=lambda one: (not one.is_requested, one.asset_key.path))


def _evaluation(name: str, rows: list[Mapping[str, Any]]) -> ConditionEvaluation:
    return ConditionEvaluation(
        asset_key=AssetKey.of(Key.from_escaped_user_string(name)),
        is_requested=rows[0]["true"],
        rows=[
            ConditionRow(
                depth=row["depth"],
                condition=row["condition"],
                asset_key=AssetKey.of(Key.from_user_string(row["asset"])),
                is_true=row["true"],
                partition_count=row["count"],
                partitions=row["partitions"],
            )
            for row in rows
        ],
    )
