"""What an IO manager is told about the value it loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.events import AssetObservation
from cellmill.definitions.io_context import IOContext, missing
from cellmill.definitions.output_context import OutputContext
from cellmill.errors import InvariantViolationError

if TYPE_CHECKING:
    from cellmill.definitions.asset_key import AssetKey
    from cellmill.definitions.value_ref import ValueRefFinder


class InputContext(IOContext):
    """What `load_input` is told: which input of which op, and the output or asset that it comes from.

    Made by cellmill; tests use `build_input_context`. Reading what was not given raises `InvariantViolationError`.

    Args:
        name: The input's name.
        job_name: The job.
        op_def: The op.
        config: What run config gives this input.
        definition_metadata: Metadata of the input's definition.
        upstream_output: The context of the output that is loaded; None for an input that nothing upstream makes.
        dagster_type: Type of the value.
        log_manager: The log of the run.
        resource_config: Config of the IO manager itself.
        resources: The resources that the IO manager requires.
        step_context: The context of the step.
        asset_key: The asset that is loaded.
        partition_key: The partition of the run.
        asset_partitions_subset: Partitions of the asset that are loaded.
        asset_partitions_def: The asset's partitions.
        instance: The instance of the run.
        metadata: Older name of `definition_metadata`.
        find_ref: Finds where the current value of an asset's partition is stored.
    """

    __slots__ = ("_upstream_output", "find_ref")

    def __init__(
        self,
        *,
        name: str | None = None,
        job_name: str | None = None,
        op_def: Any = None,
        config: Any = None,
        definition_metadata: Mapping[str, Any] | None = None,
        upstream_output: OutputContext | None = None,
        dagster_type: Any = None,
        log_manager: Any = None,
        resource_config: Mapping[str, Any] | None = None,
        resources: Any = None,
        step_context: Any = None,
        asset_key: AssetKey | None = None,
        partition_key: str | None = None,
        asset_partitions_subset: Any = None,
        asset_partitions_def: Any = None,
        instance: Any = None,
        metadata: Mapping[str, Any] | None = None,
        find_ref: ValueRefFinder | None = None,
    ) -> None:
        self._name = name
        self._job_name = job_name
        self._op_def = op_def
        self._config = config
        self._definition_metadata = definition_metadata if metadata is None else metadata
        self._upstream_output = upstream_output
        self._dagster_type = dagster_type
        self._log_manager = log_manager
        self._resource_config = resource_config
        self._resources = resources
        self._step_context = step_context
        self._asset_key = asset_key
        self._partition_key = partition_key
        self._asset_partitions_subset = asset_partitions_subset
        self._asset_partitions_def = asset_partitions_def
        self._instance = instance
        #: Finds the stored value of an asset's partition; None where the runner keeps no catalog.
        self.find_ref = find_ref
        self._events: list[Any] | None = None
        self._logged_metadata: dict[str, Any] | None = None

    @property
    def has_input_name(self) -> bool:
        """Whether the load is for an input of an op, and not one asked for by hand."""
        return self._name is not None

    @property
    def upstream_output(self) -> OutputContext | None:
        """The context of the output that is loaded; None for an input that nothing upstream makes."""
        return self._upstream_output

    @property
    def has_asset_key(self) -> bool:
        """Whether the input is an asset."""
        return self._asset_key is not None

    @property
    def instance(self) -> Any:
        """The instance of the run."""
        if self._instance is None:
            raise missing("instance", "InputContext")
        return self._instance

    def _no_asset(self, attribute: str) -> InvariantViolationError:
        return InvariantViolationError(f"Attempting to access {attribute}, but no asset is associated with this input")

    def get_identifier(self) -> Sequence[str]:
        """The identifier of the upstream output (see `get_asset_identifier`)."""
        if self._upstream_output is None:
            raise InvariantViolationError("InputContext.upstream_output not defined. Cannot compute an identifier")
        return self._upstream_output.get_identifier()

    def add_input_metadata(self, metadata: Mapping[str, Any], description: str | None = None) -> None:
        """Record an observation of the input's asset (nothing is recorded for other inputs).

        Args:
            metadata: What is known of what was loaded, by name.
            description: What was seen.
        """
        self._add_metadata(metadata)
        if self._asset_key is None:
            return
        partitions: Sequence[str | None] = list(self.asset_partition_keys) if self.has_asset_partitions else [None]
        if self._events is None:
            self._events = []
        self._events.extend(
            AssetObservation(asset_key=self._asset_key, description=description, metadata=metadata, partition=partition)
            for partition in partitions
        )

    def get_observations(self) -> Sequence[Any]:
        """The observations that `add_input_metadata` recorded."""
        return list(self._events or ())
