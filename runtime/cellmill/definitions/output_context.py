"""What an IO manager is told about the value it stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.io_context import NOT_GIVEN, IOContext, missing

if TYPE_CHECKING:
    from cellmill.definitions.asset_key import AssetKey
    from cellmill.definitions.value_ref import ValueRef


class OutputContext(IOContext):
    """What `handle_output` is told: which output of which step, of which asset and partition, in which run.

    Made by cellmill; tests use `build_output_context`. Reading what was not given raises `InvariantViolationError`.

    Args:
        step_key: The step that made the output.
        name: The output's name.
        job_name: The job.
        run_id: The run.
        definition_metadata: Metadata of the output's definition, or of the asset.
        mapping_key: Key of a dynamic output.
        config: What run config gives this output.
        dagster_type: Type of the value.
        log_manager: The log of the run.
        version: Version of the output.
        resource_config: Config of the IO manager itself.
        resources: The resources that the IO manager requires.
        step_context: The context of the step.
        op_def: The op.
        asset_key: The asset that the output is.
        partition_key: The partition of the run.
        output_metadata: Metadata of the `Output` itself.
        asset_partitions_def: The asset's partitions.
        asset_partitions_subset: Those of them that are made.
        asset_spec: The asset's spec.
        metadata: Older name of `definition_metadata`.
        instance: The instance of the run.
        value_ref: Where the value was stored, once it is known.
    """

    __slots__ = ("_step_key", "_run_id", "_mapping_key", "_version", "_asset_spec", "_output_metadata", "value_ref")

    def __init__(
        self,
        *,
        step_key: str | None = None,
        name: str | None = None,
        job_name: str | None = None,
        run_id: str | None = None,
        definition_metadata: Mapping[str, Any] | None = None,
        mapping_key: str | None = None,
        config: Any = None,
        dagster_type: Any = None,
        log_manager: Any = None,
        version: str | None = None,
        resource_config: Mapping[str, Any] | None = None,
        resources: Any = None,
        step_context: Any = None,
        op_def: Any = None,
        asset_key: AssetKey | None = None,
        partition_key: str | None = None,
        output_metadata: Mapping[str, Any] | None = None,
        asset_partitions_def: Any = None,
        asset_partitions_subset: Any = None,
        asset_spec: Any = None,
        metadata: Mapping[str, Any] | None = None,
        instance: Any = None,
        value_ref: ValueRef | None = None,
    ) -> None:
        self._step_key = step_key
        self._name = name
        self._job_name = job_name
        self._run_id = run_id
        self._definition_metadata = definition_metadata if metadata is None else metadata
        self._mapping_key = mapping_key
        self._config = config
        self._dagster_type = dagster_type
        self._log_manager = log_manager
        self._version = version
        self._resource_config = resource_config
        self._resources = resources
        self._step_context = step_context
        self._op_def = op_def
        self._asset_key = asset_key
        self._partition_key = partition_key
        self._output_metadata = output_metadata
        self._asset_partitions_def = asset_partitions_def
        self._asset_partitions_subset = asset_partitions_subset
        self._asset_spec = asset_spec
        self._instance = instance
        #: Where the value was stored, once it is known.
        self.value_ref = value_ref
        self._events: list[Any] | None = None
        self._logged_metadata: dict[str, Any] | None = None

    @property
    def has_step_key(self) -> bool:
        """Whether a step made the output; a context that a test builds may have none."""
        return self._step_key is not None

    @property
    def step_key(self) -> str:
        """The key of the step that made the output."""
        if self._step_key is None:
            raise missing("step_key", "OutputContext")
        return self._step_key

    @property
    def run_id(self) -> str:
        """The id of the run that made the output."""
        if self._run_id is None:
            raise missing("run_id", "OutputContext")
        return self._run_id

    @property
    def mapping_key(self) -> str | None:
        """The key of a dynamic output; None for any other."""
        return self._mapping_key

    @property
    def version(self) -> str | None:
        """The version of the output, where one was given."""
        return self._version

    @property
    def output_metadata(self) -> Mapping[str, Any]:
        """The metadata that the `Output` object itself carries."""
        return self._output_metadata or NOT_GIVEN

    @property
    def has_asset_key(self) -> bool:
        """Whether the output is an asset."""
        return self._asset_key is not None

    @property
    def asset_spec(self) -> Any:
        """The spec of the asset that the output is."""
        if self._asset_spec is None:
            raise missing("asset_spec", "OutputContext")
        return self._asset_spec

    @property
    def instance(self) -> Any:
        """The instance of the run."""
        if self._instance is None:
            raise missing("instance", "OutputContext")
        return self._instance

    def get_run_scoped_output_identifier(self) -> Sequence[str]:
        """Run id, step key and output name (and mapping key): unique for each output of each run."""
        parts = [self.run_id, self.step_key, self.name]
        if self._mapping_key:
            parts.append(self._mapping_key)
        return parts

    def get_output_identifier(self) -> Sequence[str]:
        """Like `get_run_scoped_output_identifier`, but shared between runs where the output has a version."""
        if self._version is None:
            return self.get_run_scoped_output_identifier()
        parts = ["versioned_outputs", self._version, self.step_key, self.name]
        if self._mapping_key:
            parts.append(self._mapping_key)
        return parts

    def get_asset_output_identifier(self) -> Sequence[str]:
        """The parts of the asset's key and partition."""
        return self.get_asset_identifier()

    def get_identifier(self) -> Sequence[str]:
        """What names this output, also where it is an asset: run, step and output (see `get_asset_identifier`)."""
        return self.get_output_identifier()

    def add_output_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Attach metadata to the event that reports this output.

        Args:
            metadata: Entries by name, none of which was added before.

        Raises:
            InvalidMetadataError: where a name was added before.
        """
        self._add_metadata(metadata)

    def log_event(self, event: Any) -> None:
        """Record an event with this output: in a run at once.

        Args:
            event: An `AssetMaterialization` or `AssetObservation`.
        """
        if self._step_context is not None:
            self._step_context.log_event(event)
            return
        if self._events is None:
            self._events = []
        self._events.append(event)

    def get_logged_events(self) -> Sequence[Any]:
        """The events logged so far and not yet consumed."""
        return list(self._events or ())

    def get_logged_metadata(self) -> Mapping[str, Any]:
        """The metadata added so far."""
        return dict(self._logged_metadata or {})

    def consume_logged_metadata(self) -> Mapping[str, Any]:
        """The metadata that was added since the last call; it is forgotten."""
        metadata, self._logged_metadata = self._logged_metadata, None
        return metadata or {}
