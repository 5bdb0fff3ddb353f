"""Requests by which a sensor changes the keys of dynamic partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddDynamicPartitionsRequest:
    """Adds keys to the dynamic partitions of this name."""

    partitions_def_name: str
    partition_keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class DeleteDynamicPartitionsRequest:
    """Removes keys from the dynamic partitions of this name."""

    partitions_def_name: str
    partition_keys: Sequence[str]
