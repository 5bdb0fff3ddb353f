"""Assets that are only known by their specs."""

from __future__ import annotations

from collections.abc import Sequence

from cellmill.definitions.asset_spec import AssetSpec
from cellmill.definitions.assets import AssetsDefinition


def external_asset_from_spec(spec: AssetSpec) -> AssetsDefinition:
    """Return the definition of an asset that is only known by its spec.

    Args:
        spec: What describes it.
    """
    return AssetsDefinition(
        keys_by_input_name={},
        keys_by_output_name={},
        node_def=None,
        specs=[spec],
        partitions_def=spec.partitions_def,
        execution_type="UNEXECUTABLE",
    )


def external_assets_from_specs(specs: Sequence[AssetSpec]) -> list[AssetsDefinition]:
    """Return the definitions of assets that are only known by their specs.

    Args:
        specs: What describes them.
    """
    return [external_asset_from_spec(spec) for spec in specs]
