"""Events for tests."""

from __future__ import annotations

import itertools
from typing import Any

from cellmill import AssetKey
from cellmill.definitions.events import AssetCheckEvaluation, AssetMaterialization, AssetObservation
from cellmill.definitions.value_ref import ValueRef
from cellmill.planning.event import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    Event,
    EventType,
    StepMaterializationData,
    StepSuccessData,
)

_clock = itertools.count(1_700_000_000)


def tick() -> float:
    """An instant later than every one before."""
    return float(next(_clock))


def event(kind: EventType, run_id: str, **fields: Any) -> Event:
    """An event that happens now."""
    return Event(type=kind, run_id=run_id, timestamp=tick(), **fields)


def materialization(
    run_id: str,
    key: str,
    *,
    partition: str | None = None,
    version: str | None = None,
    tags: dict[str, str] | None = None,
    ref: ValueRef | None = None,
) -> Event:
    """An asset was made."""
    all_tags = {**({"dagster/data_version": version} if version else {}), **(tags or {})}
    asset_key = AssetKey.from_user_string(key)
    return event(
        EventType.ASSET_MATERIALIZATION,
        run_id,
        step_key=key,
        asset_key=asset_key,
        partition=partition,
        data=StepMaterializationData(
            AssetMaterialization(asset_key, partition=partition, tags=all_tags, metadata={"rows": 3}), value_ref=ref
        ),
    )


def observation(run_id: str, key: str, version: str | None = None, partition: str | None = None) -> Event:
    """An asset was looked at."""
    asset_key = AssetKey.from_user_string(key)
    tags = {"dagster/data_version": version} if version else {}
    return event(
        EventType.ASSET_OBSERVATION,
        run_id,
        asset_key=asset_key,
        partition=partition,
        data=AssetObservationData(AssetObservation(asset_key, partition=partition, tags=tags)),
    )


def planned(run_id: str, key: str, partition: str | None = None) -> Event:
    """A run means to make an asset."""
    asset_key = AssetKey.from_user_string(key)
    return event(
        EventType.ASSET_MATERIALIZATION_PLANNED,
        run_id,
        asset_key=asset_key,
        partition=partition,
        data=AssetMaterializationPlannedData(asset_key, partition),
    )


def checked(run_id: str, key: str, name: str, passed: bool) -> Event:
    """A check was evaluated."""
    asset_key = AssetKey.from_user_string(key)
    return event(
        EventType.ASSET_CHECK_EVALUATION,
        run_id,
        asset_key=asset_key,
        data=AssetCheckEvaluation(asset_key=asset_key, check_name=name, passed=passed),
    )


def step(run_id: str, key: str) -> list[Event]:
    """What a step without inputs reports."""
    return [
        event(EventType.STEP_START, run_id, step_key=key),
        materialization(run_id, key),
        event(EventType.STEP_SUCCESS, run_id, step_key=key, data=StepSuccessData(duration_ms=1.5)),
    ]


def ref(version: str = "1") -> ValueRef:
    """A reference to nothing."""
    return ValueRef(path=f"assets/a/@{version}.json", format="json", version=version, size=3, checksum="00" * 32)
