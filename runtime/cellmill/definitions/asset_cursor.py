"""How far a multi-asset sensor has dealt with the materializations of each asset: the cursor, as a value."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from cellmill.errors import InvariantViolationError

#: Unconsumed partitions that are remembered for an asset.
MAX_UNCONSUMED = 25


@dataclass(slots=True)
class AssetPosition:
    """What is consumed of one asset."""

    #: Partition and storage id of the last materialization that was consumed.
    partition: str | None = None
    storage_id: int | None = None
    #: Partitions that were passed over, with the storage id of their last materialization before that one.
    unconsumed: dict[str, int] = field(default_factory=dict)


class AssetCursor:
    """The positions of several assets.

    - a materialization is consumed by itself: other partitions that came before it stay unconsumed;
    - what is consumed stays consumed, in whatever order records are given.

    Args:
        text: What `to_json` wrote; None begins.
    """

    def __init__(self, text: str | None) -> None:
        found = json.loads(text) if text else {}
        self._begun = {key: AssetPosition(one[0], one[1], dict(one[2])) for key, one in found.items()}
        #: Storage ids consumed since, by asset and partition.
        self._consumed: dict[str, dict[str | None, int]] = {}
        self._all: set[str] = set()

    def begun(self, key: str) -> AssetPosition:
        """Where an asset was at the beginning: what the sensor is asked about lies behind it."""
        return self._begun.get(key) or AssetPosition()

    def consume(self, key: str, partition: str | None, storage_id: int) -> None:
        """Mark a materialization, and those of its partition before it, as consumed."""
        ids = self._consumed.setdefault(key, {})
        ids[partition] = max(storage_id, ids.get(partition, storage_id))

    def consume_all(self, key: str, partition: str | None, storage_id: int) -> None:
        """Mark everything up to the newest materialization as consumed."""
        self.consume(key, partition, storage_id)
        self._all.add(key)

    def moved(self, key: str, between: Iterable[tuple[str | None, int]]) -> AssetPosition:
        """Where an asset is now; `between` are the materializations since the beginning, oldest first.

        Raises:
            InvariantViolationError: where more partitions were passed over than are remembered.
        """
        begun, ids = self.begun(key), self._consumed.get(key)
        if not ids:
            return begun
        partition, last = max(ids.items(), key=lambda item: item[1])
        if begun.storage_id is not None and begun.storage_id >= last:
            partition, last = begun.partition, begun.storage_id
        if key in self._all:
            return AssetPosition(partition, last)
        passed: dict[str, int] = {}
        for name, storage_id in (*begun.unconsumed.items(), *between):
            if name is not None and storage_id <= last:
                passed[name] = storage_id
        left = {name: at for name, at in passed.items() if at > ids.get(name, -1)}
        if len(left) > MAX_UNCONSUMED:
            raise InvariantViolationError(
                f"{len(left)} partitions of {key} were passed over and not consumed; at most {MAX_UNCONSUMED} "
                "are remembered. Pass them (context.get_trailing_unconsumed_events) to context.advance_cursor, or call "
                "context.advance_all_cursors."
            )
        return AssetPosition(partition, last, left)

    @property
    def keys(self) -> set[str]:
        """The assets that were consumed of, now or before."""
        return {*self._begun, *self._consumed}


def positions_to_json(positions: dict[str, AssetPosition]) -> str:
    """The text that `AssetCursor` reads."""
    return json.dumps({key: [one.partition, one.storage_id, one.unconsumed] for key, one in positions.items()})
