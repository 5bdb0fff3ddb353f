"""The questions about partitions that a context answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cellmill.definitions.partitions.key import MultiPartitionKey, PartitionKeyRange
from cellmill.errors import InvariantViolationError
from cellmill.execution.partitions_of_input import input_subset


class PartitionQuestions:
    """Answers about the partitions that a step makes and reads."""

    _step: Any
    _services: Any

    @property
    def has_partition_key(self) -> bool:
        """Whether the run is for one partition."""
        return self._services.partition_key is not None

    @property
    def has_partition_key_range(self) -> bool:
        """Whether the run is for a range of partitions."""
        return self._services.partition_range is not None

    @property
    def has_partitions(self) -> bool:
        """Whether the run is for any partition."""
        return self.has_partition_key or self.has_partition_key_range

    @property
    def partition_key(self) -> str:
        """The run's partition."""
        key = self._services.partition_key
        if key is None:
            found = self._services.partition_range
            if found is not None and found[0] == found[1]:
                return str(found[0])
            if found is not None:
                raise InvariantViolationError(self._several(found))
            raise InvariantViolationError(
                "Cannot access partition_key for a non-partitioned run: start it with a partition_key."
            )
        definition = self._partitions_def()
        return _multi(key, definition)

    def _several(self, found: tuple[str, str]) -> str:
        assets = self._step.assets
        names = sorted(key.to_user_string() for key in assets.keys) if assets is not None else []
        who = f"the code of {', '.join(names)}" if names else "this code"
        return (
            f"context.partition_key is one partition, and this run makes those from {found[0]} to {found[1]} at once. "
            f"Launch a backfill, which starts a run for each partition; or, to make them in one run, let {who} read "
            "context.partition_keys and give it the backfill policy single_run (BackfillPolicy.single_run(), in a cell "
            "--backfill-policy single_run)."
        )

    @property
    def multi_partition_key(self) -> MultiPartitionKey:
        """The run's partition of several dimensions."""
        key = self.partition_key
        if not isinstance(key, MultiPartitionKey):
            raise InvariantViolationError(
                f"Cannot access multi_partition_key: the run's partition {key!r} has one dimension; use partition_key."
            )
        return key

    def _partitions_def(self) -> Any:
        assets = self._step.assets
        if assets is not None and assets.partitions_def is not None:
            return assets.partitions_def
        return self._services.job.partitions_def

    @property
    def partition_keys(self) -> Sequence[str]:
        """The run's partitions."""
        keys = self._services.partition_keys_of(self._partitions_def())
        if keys is None:
            raise InvariantViolationError("Cannot access partition_keys for a non-partitioned run")
        return list(keys)

    @property
    def partition_key_range(self) -> Any:
        """The first and last partition of the run."""
        found = self._services.partition_range
        if found is not None:
            return PartitionKeyRange(*found)
        if self._services.partition_key is None:
            raise InvariantViolationError("Cannot access partition_key_range for a non-partitioned run")
        return PartitionKeyRange(self.partition_key, self.partition_key)

    @property
    def partition_time_window(self) -> Any:
        """The time window of the run's partition."""
        definition = self._partitions_def()
        if definition is None:
            raise InvariantViolationError("Tried to access partition_time_window for a non-partitioned run")
        return self._window(definition, self.partition_keys)

    @property
    def asset_partitions_def(self) -> Any:
        """The partitions definition of the assets that the step makes."""
        return self._partitions_def()

    def _window(self, definition: Any, keys: Sequence[str]) -> Any:
        windowed = definition
        if not hasattr(definition, "time_window_for_partition_key"):
            dimension = getattr(definition, "time_window_dimension", None)
            if dimension is None:
                raise ValueError(
                    "Tried to get partition time window, but the partitions are not by time: "
                    f"{type(definition).__name__}."
                )
            windowed = dimension.partitions_def
            keys = [definition.get_partition_key_from_str(key).keys_by_dimension[dimension.name] for key in keys]
        first, last = (windowed.time_window_for_partition_key(key) for key in (keys[0], keys[-1]))
        return type(first)(first.start, last.end)

    # -- of outputs and inputs ------------------------------------------------------------------------------------

    def _output_keys(self, output_name: str) -> list[str]:
        keys = self._services.partition_keys_of(self._partitions_def())
        if keys is None:
            raise InvariantViolationError(f"The output '{output_name}' has no asset partitions")
        return list(keys)

    def asset_partition_key_for_output(self, output_name: str = "result") -> str:
        """Return the partition that an output is.

        Args:
            output_name: The output.
        """
        keys = self._output_keys(output_name)
        if len(keys) != 1:
            raise InvariantViolationError(
                f"The output '{output_name}' has {len(keys)} partitions; use asset_partition_keys_for_output."
            )
        return _multi(keys[0], self._partitions_def())

    def asset_partition_keys_for_output(self, output_name: str = "result") -> Sequence[str]:
        """Return the partitions that an output is.

        Args:
            output_name: The output.
        """
        return self._output_keys(output_name)

    def asset_partition_key_range_for_output(self, output_name: str = "result") -> Any:
        """Return the first and last partition that an output is.

        Args:
            output_name: The output.
        """
        return self._range(self._output_keys(output_name))

    def asset_partitions_time_window_for_output(self, output_name: str = "result") -> Any:
        """Return the time window that an output covers.

        Args:
            output_name: The output.
        """
        return self._window(self._partitions_def(), self._output_keys(output_name))

    def asset_partitions_def_for_output(self, output_name: str = "result") -> Any:
        """Return the partitions definition of an output's asset.

        Args:
            output_name: The output.
        """
        return self._partitions_def()

    @property
    def asset_partition_key_range(self) -> Any:
        """The first and last partition that the step makes."""
        return self.asset_partition_key_range_for_output()

    def _input(self, input_name: str) -> Any:
        for one in self._step.inputs:
            if one.name == input_name:
                return one
        raise InvariantViolationError(f"There is no input {input_name!r}.")

    def asset_partitions_def_for_input(self, input_name: str) -> Any:
        """Return the partitions definition of an input's asset.

        Args:
            input_name: The input.
        """
        source = self._input(input_name).source_assets
        definition = None if source is None else source.partitions_def
        if definition is None:
            raise InvariantViolationError(f"The input '{input_name}' has no partitions definition")
        return definition

    def asset_partition_keys_for_input(self, input_name: str) -> Sequence[str]:
        """Return the partitions of an input's asset that are read.

        Args:
            input_name: The input.
        """
        subset = input_subset(self._input(input_name), self._step, self._services)
        if subset is None:
            raise InvariantViolationError(f"The input '{input_name}' has no asset partitions")
        return list(subset.get_partition_keys())

    def asset_partition_key_for_input(self, input_name: str) -> str:
        """Return the one partition of an input's asset that is read.

        Args:
            input_name: The input.
        """
        keys = self.asset_partition_keys_for_input(input_name)
        if len(keys) != 1:
            raise InvariantViolationError(
                f"The input '{input_name}' has {len(keys)} partitions; use asset_partition_keys_for_input."
            )
        return keys[0]

    def asset_partition_key_range_for_input(self, input_name: str) -> Any:
        """Return the first and last partition of an input's asset that are read.

        Args:
            input_name: The input.
        """
        return self._range(list(self.asset_partition_keys_for_input(input_name)))

    def asset_partitions_time_window_for_input(self, input_name: str = "result") -> Any:
        """Return the time window that an input covers.

        Args:
            input_name: The input.
        """
        definition = self.asset_partitions_def_for_input(input_name)
        return self._window(definition, self.asset_partition_keys_for_input(input_name))

    def _range(self, keys: list[str]) -> Any:
        return PartitionKeyRange(keys[0], keys[-1])


def _multi(key: str, definition: Any) -> str:
    """Return the key; under several dimensions one that knows its key in each."""
    if definition is not None and hasattr(definition, "get_partition_key_from_str"):
        made: str = definition.get_partition_key_from_str(key)
        return made
    return key
