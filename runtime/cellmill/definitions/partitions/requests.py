"""Requests by which a sensor changes the keys of dynamic partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddDynamicPartitionsRequest:
    """Adds keys to the dynamic partitions of this name.

    Made by `DynamicPartitionsDefinition.build_add_request`, for a `SensorResult`.

    Args:
        partitions_def_name: Name of the `DynamicPartitionsDefinition`.
        partition_keys: The keys to add; those that exist already stay as they are.
    """

    partitions_def_name: str
    partition_keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class DeleteDynamicPartitionsRequest:
    """Removes keys from the dynamic partitions of this name.

    Made by `DynamicPartitionsDefinition.build_delete_request`, for a `SensorResult`.

    Args:
        partitions_def_name: Name of the `DynamicPartitionsDefinition`.
        partition_keys: The keys to remove; those that do not exist do not matter.
    """

    partitions_def_name: str
    partition_keys: Sequence[str]
