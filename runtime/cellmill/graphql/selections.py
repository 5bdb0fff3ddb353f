"""What a selection of assets means."""

from __future__ import annotations

from typing import Annotated

import strawberry

from cellmill.definitions.asset_key import AssetKey as Key
from cellmill.errors import DefinitionError, InvalidAssetSelectionError
from cellmill.graphql.context import Context
from cellmill.graphql.documented import said
from cellmill.graphql.metadata import AssetKey
from cellmill.graphql.problems import Error
from cellmill.planning.staleness import StaleStatus
from cellmill.workspace.manifest import AssetEntry


@strawberry.type(description="The assets that a selection means.")
class SelectedAssets:
    """The assets that a selection means."""

    asset_keys: list[AssetKey] = said("Their keys, upstreams first.")


@strawberry.type(description="A selection cannot be understood, or names what is not there.")
class AssetSelectionError(Error):
    """A selection cannot be understood, or names what is not there."""

    position: int | None = said("The character at which it is wrong, counted from 0; null where no single one is.")


AssetSelectionOrError = Annotated[
    SelectedAssets | AssetSelectionError,
    strawberry.union("AssetSelectionOrError", description="The assets of a selection."),
]


def select_assets(context: Context, text: str) -> list[AssetEntry]:
    """The assets of a selection, upstreams first."""

    def status_of(key: Key) -> str:
        found = decided.get(key)
        return (found.status if found is not None else StaleStatus.MISSING).value

    decided = context.staleness.assets if "status:" in text else {}
    return context.workspace.select(text, status_of)


def evaluate_selection(context: Context, text: str) -> SelectedAssets | AssetSelectionError:
    """The keys that a selection means, or where it is wrong."""
    try:
        entries = select_assets(context, text)
    except DefinitionError as problem:
        position = problem.position if isinstance(problem, InvalidAssetSelectionError) else None
        return AssetSelectionError(message=str(problem), position=position)
    return SelectedAssets(asset_keys=[AssetKey.of(entry.asset_key) for entry in entries])
