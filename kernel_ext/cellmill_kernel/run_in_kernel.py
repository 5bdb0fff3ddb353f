"""What a kernel knows of the run that it works for: what it was told, what it has made, and the way events go back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.execution.notebook.protocol import EVENTS_TARGET, StepMessage, events_to_data
from cellmill.planning.asset_state import AssetState
from cellmill.planning.event import Event
from cellmill.planning.run import PARTITION_RANGE_START_TAG


class RunInKernel:
    """The run that this kernel works for."""

    def __init__(self, message: StepMessage) -> None:
        self.message = message
        self._comm: Any = None
        self._made: dict[tuple[AssetKey, str], ValueRef | None] = {}
        self._versions: dict[tuple[AssetKey, str], str | None] = {}

    def is_selected(self, key: AssetKey) -> bool:
        """Return whether this step makes the asset; an empty selection is a run of the whole notebook."""
        return not self.message.selection or key in self.message.selection

    def find_ref(self, asset_key: AssetKey, partition_key: str | None) -> ValueRef | None:
        """Return where an asset's stored value lies: made in this step, else as the worker said."""
        made = self._made.get((asset_key, partition_key or ""))
        return made if made is not None else self.message.find(asset_key, partition_key)

    @property
    def makes_range(self) -> bool:
        """Whether the run makes a range of partitions at once."""
        return PARTITION_RANGE_START_TAG in self.message.tags

    def range_refs(self, asset_key: AssetKey) -> dict[str, ValueRef]:
        """Return where the partitions of an asset lie in a run of a range of them; empty in every other run."""
        if not self.makes_range:
            return {}
        said = {partition: ref for key, partition, ref in self.message.refs if key == asset_key and partition}
        made = {partition: ref for (key, partition), ref in self._made.items() if key == asset_key and partition}
        return {**said, **{partition: ref for partition, ref in made.items() if ref is not None}}

    def record_made(
        self, asset_key: AssetKey, partition_key: str | None, ref: ValueRef | None, version: str | None
    ) -> None:
        """Remember what this step has made, for the cells below; no `ref` where its IO manager gives none."""
        self._made[(asset_key, partition_key or "")] = ref
        self._versions[(asset_key, partition_key or "")] = version

    def has_made(self, asset_key: AssetKey, partition_key: str | None) -> bool:
        """Return whether this step made the asset, or that partition of it."""
        return (asset_key, partition_key or "") in self._made or (asset_key, "") in self._made

    def emit(self, events: Event | Sequence[Event]) -> None:
        """Send events to the run's worker."""
        if self._comm is None:
            # ipykernel has put its own in its place by then
            from comm import create_comm

            self._comm = create_comm(target_name=EVENTS_TARGET, data={})
        self._comm.send(events_to_data([events] if isinstance(events, Event) else events))

    def find_versions(self, keys: Sequence[AssetKey]) -> dict[AssetKey, str | None]:
        """Return the current data versions of assets: of those made in this step, else as the worker said."""
        made = {key: version for (key, _), version in self._versions.items() if version is not None}
        return {key: made.get(key) or self.message.versions.get(key.to_user_string()) for key in keys}

    def find_partition_versions(self, key: AssetKey, partitions: Sequence[str]) -> dict[str, str | None]:
        """Return the same of those partitions of an asset that are known."""
        said = self.message.partition_versions.get(key.to_user_string(), {})
        made = {one: version for (of, one), version in self._versions.items() if of == key}
        found = {one: made.get(one) or said.get(one) for one in partitions}
        return {one: version for one, version in found.items() if version is not None}

    def find_state(self, key: AssetKey, partition_key: str | None) -> AssetState | None:
        """Return what the worker said is stored of an asset that this step would make."""
        for stored, partition, code_version, inputs in self.message.stored:
            if stored == key and partition == (partition_key or ""):
                # only what is stored has a number; which one, nobody asks here
                return AssetState(key, partition or None, event_id=0, code_version=code_version, inputs=inputs)
        return None
