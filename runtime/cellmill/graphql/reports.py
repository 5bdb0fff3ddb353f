"""What outside programs report of assets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetMaterialization
from cellmill.instance.instance import Instance

DATA_VERSION_TAG = "dagster/data_version"
_KNOWN = frozenset({"asset_key", "partition", "data_version", "description", "metadata"})


def report_materialization(instance: Instance, report: Mapping[str, Any]) -> None:
    """Record one materialization that another program made; ``ValueError`` says what is wrong with a report."""
    unknown = sorted(set(report) - _KNOWN)
    if unknown:
        raise ValueError(f"A report has no field {unknown[0]!r}; its fields are {', '.join(sorted(_KNOWN))}.")
    key = read_key(report.get("asset_key"))
    metadata = report.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError:
            raise ValueError("The metadata is not JSON.") from None
    if metadata is not None and not isinstance(metadata, dict):
        raise ValueError("The metadata is not an object.")
    for name in ("partition", "data_version", "description"):
        if not isinstance(report.get(name), str | None):
            raise ValueError(f"{name} is not a string.")
    version = report.get("data_version")
    instance.report_runless_asset_event(
        AssetMaterialization(
            asset_key=key,
            partition=report.get("partition"),
            description=report.get("description"),
            metadata=metadata or {},
            tags={DATA_VERSION_TAG: version} if version else None,
        )
    )


def read_key(value: Any) -> AssetKey:
    """An asset key sent as a list, as a JSON list, or as text with slashes."""
    if isinstance(value, str) and value:
        if value.startswith("["):
            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError("asset_key is not a JSON list.") from None
        else:
            return AssetKey.from_user_string(value)
    if isinstance(value, list) and value and all(isinstance(part, str) and part for part in value):
        return AssetKey(value)
    raise ValueError("A report needs an asset_key.")
