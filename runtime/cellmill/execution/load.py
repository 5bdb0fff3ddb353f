"""Stored values by name: the current one, one of a run, or an earlier version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.errors import ValueNotFoundError
from cellmill.instance.event_record import AssetRecordsFilter, EventRecord
from cellmill.instance.instance import Instance
from cellmill.io.value_store import ValueStore

#: Materializations that are looked at in one query while an earlier version is searched.
PAGE = 200
#: Partitions that an error message names.
SHOWN = 5


def load(
    asset: AssetKey | str | Sequence[str],
    *,
    partition: str | None = None,
    version: str | None = None,
    run: str | None = None,
    instance: Instance | None = None,
) -> Any:
    """Return the stored value of an asset: the current one, the one that `run` made, or the one of `version`.

    Args:
        asset: The asset's key, or its text with slashes.
        partition: The partition's key, of a partitioned asset.
        version: A data version or a version of the value store, or the beginning of one; None takes any.
        run: A run's id, or the beginning of one; None takes any.
        instance: Where the value is known; None takes that of the workspace.

    Raises:
        ValueNotFoundError: naming what there is.
    """
    opened = instance or Instance.get()
    try:
        key = AssetKey.from_coercible(asset) if not isinstance(asset, str) else AssetKey.from_user_string(asset)
        return read_value(opened, find_ref(opened, key, partition, version=version, run=run))
    finally:
        if instance is None:
            opened.close()


def read_value(instance: Instance, ref: ValueRef) -> Any:
    """The value that a reference of this instance points to."""
    home = Path(instance.root_directory)
    return ValueStore(ref.base or instance.storage_directory(), key_folder=home).read(ref)


def find_ref(
    instance: Instance,
    key: AssetKey,
    partition: str | None = None,
    *,
    version: str | None = None,
    run: str | None = None,
) -> ValueRef:
    """Return where a value lies.

    Args:
        instance: Where the value is known.
        key: The asset.
        partition: The partition's key, of a partitioned asset.
        version: A data version or a version of the value store, or the beginning of one.
        run: A run's id, or the beginning of one.

    Raises:
        ValueNotFoundError: naming what there is.
    """
    if version is None and run is None:
        ref = instance.find_value_ref(key, partition)
        if ref is not None and (partition is not None or not _is_partitioned(instance, key)):
            return ref
        raise _not_found(instance, key, partition)
    for record in _materializations(instance, key, partition):
        ref = record.event.step_materialization_data.value_ref
        if ref is None or (run is not None and not record.run_id.startswith(run)):
            continue
        data_version = record.asset_materialization.data_version or ""
        if version is None or ref.version.startswith(version) or data_version.startswith(version):
            return ref
    wanted = f"version {version!r}" if run is None else f"run {run!r}"
    raise ValueNotFoundError(f"No value of {key.to_user_string()} of {wanted} is known to this instance.")


def _is_partitioned(instance: Instance, key: AssetKey) -> bool:
    state = instance.catalog.state(key)
    return state is not None and state.partition is not None


def _materializations(instance: Instance, key: AssetKey, partition: str | None) -> Iterator[EventRecord]:
    filters = AssetRecordsFilter(asset_key=key, asset_partitions=None if partition is None else [partition])
    cursor = None
    while True:
        page = instance.fetch_materializations(filters, limit=PAGE, cursor=cursor)
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor


def _not_found(instance: Instance, key: AssetKey, partition: str | None) -> ValueNotFoundError:
    name = key.to_user_string()
    stored = sorted(instance.get_materialized_partitions(key))
    if stored:
        some = ", ".join(stored[:SHOWN]) + (" …" if len(stored) > SHOWN else "")
        asked = "Say which partition" if partition is None else f"Partition {partition!r} of {name} is not stored"
        return ValueNotFoundError(f"{asked}: {name} has {len(stored)} stored partitions ({some}).")
    state = instance.catalog.state(key)
    if state is not None and state.is_materialized:
        return ValueNotFoundError(
            f"{name} was stored by an IO manager of its own; load it with Definitions.load_asset_value({name!r})."
        )
    return ValueNotFoundError(f"No value of {name} is stored; materialize it first.")
