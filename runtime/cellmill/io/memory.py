"""Values in the memory of one process."""

from __future__ import annotations

from typing import Any

from cellmill.definitions.io_context import InputContext, OutputContext
from cellmill.definitions.io_manager import IOManager
from cellmill.errors import ValueNotFoundError


class InMemoryIOManager(IOManager):
    """Keeps values in this process, under the asset and partition, or the run, step and output."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], Any] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Keeps the value."""
        identifier = context.get_asset_identifier() if context.has_asset_key else context.get_identifier()
        self.values[tuple(identifier)] = obj

    def load_input(self, context: InputContext) -> Any:
        """The value that was kept; a mapping by partition where several partitions are asked for."""
        if context.has_asset_partitions and len(keys := context.asset_partition_keys) != 1:
            return {key: self._get((*context.asset_key.path, key)) for key in keys}
        return self._get(tuple(context.get_asset_identifier() if context.has_asset_key else context.get_identifier()))

    def _get(self, identifier: tuple[str, ...]) -> Any:
        try:
            return self.values[identifier]
        except KeyError:
            raise ValueNotFoundError(
                f"This process holds no value for {'/'.join(identifier)}; the in-memory IO manager does not outlive a "
                "process. Materialize it first, or use another IO manager."
            ) from None
