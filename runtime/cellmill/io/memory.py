"""Values in the memory of one process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellmill.definitions.input_context import InputContext
from cellmill.definitions.io_manager import IOManager
from cellmill.definitions.output_context import OutputContext
from cellmill.errors import ValueNotFoundError


class InMemoryIOManager(IOManager):
    """Keeps values in this process, under the asset and partition, or the run, step and output."""

    def __init__(self) -> None:
        #: Every value, by run, step and output.
        self.values: dict[tuple[str, ...], Any] = {}
        self._assets: dict[tuple[str, ...], Any] = {}
        #: By asset, what one step made of several partitions, and of which.
        self._ranges: dict[tuple[str, ...], tuple[tuple[str, ...], Any]] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Keeps the value."""
        if context.has_asset_key:
            self._keep_asset(context, obj)
        if not context.has_asset_key or context.has_step_key:
            self.values[tuple(context.get_identifier())] = obj

    def load_input(self, context: InputContext) -> Any:
        """The value that was kept; a mapping by partition where several partitions are asked for."""
        if context.has_asset_partitions and len(keys := context.asset_partition_keys) != 1:
            made_of, whole = self._ranges.get(tuple(context.asset_key.path), ((), None))
            if made_of == tuple(keys):
                return whole
            return {key: self._get(self._assets, (*context.asset_key.path, key)) for key in keys}
        if context.has_asset_key:
            return self._get(self._assets, tuple(context.get_asset_identifier()))
        return self._get(self.values, tuple(context.get_identifier()))

    def _keep_asset(self, context: OutputContext, obj: Any) -> None:
        path = tuple(context.asset_key.path)
        self._ranges.pop(path, None)
        if not context.has_asset_partitions or len(keys := context.asset_partition_keys) == 1:
            self._assets[tuple(context.get_asset_identifier())] = obj
            return
        self._ranges[path] = (tuple(keys), obj)
        for key in keys:
            self._assets[(*path, key)] = obj[key] if isinstance(obj, Mapping) and key in obj else obj

    def _get(self, values: dict[tuple[str, ...], Any], identifier: tuple[str, ...]) -> Any:
        try:
            return values[identifier]
        except KeyError:
            raise ValueNotFoundError(
                f"This process holds no value for {'/'.join(identifier)}; the in-memory IO manager does not outlive a "
                "process. Materialize it first, or use another IO manager."
            ) from None
