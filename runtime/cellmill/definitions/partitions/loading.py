"""What partitions depend on beside their definition: the present moment and the keys that were added at run time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, runtime_checkable

from cellmill.errors import CheckError


@runtime_checkable
class DynamicPartitionsStore(Protocol):
    """Where the keys of dynamic partitions are kept; an `Instance` is one."""

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """The keys that were added and not removed, in the order in which they were added.

        Args:
            partitions_def_name: Name of the `DynamicPartitionsDefinition`.
        """
        ...

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether a key was added and not removed.

        Args:
            partitions_def_name: Name of the `DynamicPartitionsDefinition`.
            partition_key: The key.
        """
        ...


class PartitionLoadingContext(NamedTuple):
    """The moment for which partitions are listed, and the store of dynamic ones.

    Made by `partition_loading_context`.

    Args:
        effective_dt: The moment.
        dynamic_partitions_store: Where keys of dynamic partitions are kept; None has none.
    """

    effective_dt: datetime
    dynamic_partitions_store: DynamicPartitionsStore | None


_current: ContextVar[PartitionLoadingContext | None] = ContextVar("partition_loading", default=None)


@contextmanager
def partition_loading_context(
    effective_dt: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
) -> Iterator[PartitionLoadingContext]:
    """Lists partitions inside the block as of a moment, and with the keys of a store.

    Args:
        effective_dt: The moment; None takes that of a block around this one, else now.
        dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None takes that of a block
            around this one.
    """
    outer = _current.get()
    loading = PartitionLoadingContext(
        effective_dt or (outer.effective_dt if outer else datetime.now(UTC)),
        dynamic_partitions_store or (outer.dynamic_partitions_store if outer else None),
    )
    token = _current.set(loading)
    try:
        yield loading
    finally:
        _current.reset(token)


def effective_time(current_time: datetime | None) -> datetime:
    """`current_time`, or that of the surrounding block, or now."""
    if current_time is not None:
        return current_time
    outer = _current.get()
    return outer.effective_dt if outer else datetime.now(UTC)


def dynamic_store(given: DynamicPartitionsStore | None, name: str) -> DynamicPartitionsStore:
    """The given store or that of the surrounding block.

    Args:
        given: The store that was given, if any.
        name: Name of the dynamic partitions, for the message.

    Raises:
        CheckError: when there is none.
    """
    if given is not None:
        return given
    outer = _current.get()
    if outer is not None and outer.dynamic_partitions_store is not None:
        return outer.dynamic_partitions_store
    raise CheckError(
        f"The keys of the dynamic partitions {name!r} are kept by an instance, and none is at hand: pass "
        "dynamic_partitions_store=instance, or wrap the call in "
        "partition_loading_context(dynamic_partitions_store=instance)"
    )
