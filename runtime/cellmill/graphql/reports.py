"""What outside programs report of assets: that they were made, seen or checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetCheckEvaluation, AssetCheckSeverity, AssetMaterialization, AssetObservation
from cellmill.instance.instance import Instance

DATA_VERSION_TAG = "dagster/data_version"
#: What each kind of report may say.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "materialization": ("asset_key", "partition", "data_version", "description", "metadata"),
    "observation": ("asset_key", "partition", "data_version", "description", "metadata"),
    "check": ("asset_key", "partition", "check_name", "passed", "severity", "description", "metadata"),
}


def record_report(instance: Instance, kind: str, report: Mapping[str, Any]) -> None:
    """Record what a report of one of the kinds of `FIELDS` says; ``ValueError`` says what is wrong with it."""
    known = FIELDS[kind]
    unknown = sorted(set(report) - set(known))
    if unknown:
        raise ValueError(f"A report of a {kind} has no field {unknown[0]!r}; its fields are {', '.join(known)}.")
    for name in ("partition", "data_version", "description", "check_name", "severity"):
        if not isinstance(report.get(name), str | None):
            raise ValueError(f"{name} is not a string.")
    instance.report_runless_asset_event(_check(report) if kind == "check" else _event(kind, report))


def _event(kind: str, report: Mapping[str, Any]) -> AssetMaterialization | AssetObservation:
    event = AssetMaterialization if kind == "materialization" else AssetObservation
    version = report.get("data_version")
    return event(
        asset_key=read_key(report.get("asset_key")),
        partition=report.get("partition"),
        description=report.get("description"),
        metadata=_metadata(report),
        tags={DATA_VERSION_TAG: version} if version else {},
    )


def _check(report: Mapping[str, Any]) -> AssetCheckEvaluation:
    name, passed, severity = report.get("check_name"), report.get("passed"), report.get("severity") or "ERROR"
    if not name:
        raise ValueError("A report of a check needs the check_name.")
    if isinstance(passed, str):  # of a query
        passed = {"true": True, "false": False}.get(passed.lower())
    if not isinstance(passed, bool):
        raise ValueError("A report of a check needs passed, which is true or false.")
    if severity not in AssetCheckSeverity.__members__:
        raise ValueError(f"The severity is one of {', '.join(AssetCheckSeverity.__members__)}.")
    return AssetCheckEvaluation(
        asset_key=read_key(report.get("asset_key")),
        check_name=name,
        passed=passed,
        severity=AssetCheckSeverity[severity],
        description=report.get("description"),
        metadata=_metadata(report),
        partition=report.get("partition"),
    )


def _metadata(report: Mapping[str, Any]) -> dict[str, Any]:
    metadata = report.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            raise ValueError("The metadata is not JSON.") from None
    if not isinstance(metadata, dict | None):
        raise ValueError("The metadata is not an object.")
    return metadata or {}


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
