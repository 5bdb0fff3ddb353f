"""What an IO manager is told about the value it stores (`OutputContext`) or loads (`InputContext`)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.events import AssetObservation
from cellmill.definitions.inference import load
from cellmill.definitions.io_partitions import AssetPartitions
from cellmill.errors import InvalidMetadataError, InvariantViolationError

if TYPE_CHECKING:
    from cellmill.definitions.asset_key import AssetKey
    from cellmill.definitions.value_ref import ValueRef, ValueRefFinder

_NOT_GIVEN: Mapping[str, Any] = {}
_LOG = logging.getLogger("cellmill")

#: What stands for the run's id where a context was built by hand.
EPHEMERAL_RUN_ID = "__EPHEMERAL_RUN_ID"


def _missing(name: str, owner: str) -> InvariantViolationError:
    return InvariantViolationError(
        f"Attempting to access {name}, but it was not provided when constructing the {owner}"
    )


class _IOContext(AssetPartitions):
    """What input and output contexts have in common."""

    __slots__ = (
        "_name",
        "_job_name",
        "_op_def",
        "_config",
        "_definition_metadata",
        "_dagster_type",
        "_log_manager",
        "_resource_config",
        "_resources",
        "_step_context",
        "_events",
        "_logged_metadata",
    )

    _name: str | None
    _job_name: str | None
    _op_def: Any
    _config: Any
    _definition_metadata: Mapping[str, Any] | None
    _dagster_type: Any
    _log_manager: Any
    _resource_config: Mapping[str, Any] | None
    _resources: Any
    _step_context: Any
    _events: list[Any] | None
    _logged_metadata: dict[str, Any] | None

    @property
    def name(self) -> str:
        """The name of the input or output."""
        if self._name is None:
            raise _missing("name", type(self).__name__)
        return self._name

    @property
    def job_name(self) -> str:
        """The name of the job that is running."""
        if self._job_name is None:
            raise _missing("job_name", type(self).__name__)
        return self._job_name

    @property
    def pipeline_name(self) -> str:
        """The job's name under its old name."""
        return self.job_name

    @property
    def op_def(self) -> Any:
        """The op (or the asset's op) that the value belongs to."""
        if self._op_def is None:
            raise _missing("op_def", type(self).__name__)
        return self._op_def

    solid_def = op_def

    @property
    def config(self) -> Any:
        """The validated config of this input or output."""
        return self._config

    @property
    def definition_metadata(self) -> Mapping[str, Any]:
        """The metadata that the definition carries."""
        return self._definition_metadata or _NOT_GIVEN

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata that the definition carries (older name of `definition_metadata`)."""
        return self._definition_metadata or _NOT_GIVEN

    @property
    def dagster_type(self) -> Any:
        """The declared type of the value."""
        if self._dagster_type is None:
            if self._step_context is not None:  # in a run, what has no type takes everything
                return load("types.resolve").resolve_type(Any)
            raise _missing("dagster_type", type(self).__name__)
        return self._dagster_type

    @property
    def wanted_type(self) -> type | None:
        """The class that the value's annotation names, where it names just one class."""
        found = getattr(self._dagster_type, "typing_type", None)
        return found if isinstance(found, type) and found is not object else None

    @property
    def log(self) -> Any:
        """The logger of the run."""
        return _LOG if self._log_manager is None else self._log_manager

    @property
    def resource_config(self) -> Mapping[str, Any]:
        """The config of the IO manager itself."""
        return self._resource_config or _NOT_GIVEN

    @property
    def resources(self) -> Any:
        """The resources that the IO manager requires, as attributes."""
        if self._resources is None or isinstance(self._resources, Mapping):
            self._resources = ResourceView(self._resources or {})
        return self._resources

    @property
    def step_context(self) -> Any:
        """The context of the step that is running."""
        if self._step_context is None:
            raise _missing("step_context", type(self).__name__)
        return self._step_context

    @property
    def asset_key(self) -> AssetKey:
        """The key of the asset that the value is."""
        if self._asset_key is None:
            raise self._no_asset("asset_key")
        return self._asset_key

    def _no_asset(self, attribute: str) -> InvariantViolationError:
        return _missing(attribute, type(self).__name__)

    def get_asset_identifier(self) -> Sequence[str]:
        """The parts of the asset's key, followed by the partition's key where there is one."""
        if self._asset_key is None:
            raise self._no_asset("asset_key")
        if self.has_asset_partitions:
            return [*self._asset_key.path, self.asset_partition_key]
        if self._partition_key is not None:
            return [*self._asset_key.path, self._partition_key]
        return list(self._asset_key.path)

    def _add_metadata(self, metadata: Mapping[str, Any]) -> None:
        if self._logged_metadata is None:
            self._logged_metadata = {}
        clash = sorted(self._logged_metadata.keys() & metadata.keys())
        if clash:
            raise InvalidMetadataError(f"Tried to add metadata for key(s) that already have metadata: {clash}")
        self._logged_metadata.update(metadata)

    def consume_logged_metadata(self) -> Mapping[str, Any]:
        """The metadata that was added so far."""
        return self._logged_metadata or {}

    def consume_events(self) -> Iterator[Any]:
        """The events that were logged since the last call; they are forgotten."""
        events, self._events = self._events, None
        return iter(events or ())

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


class ResourceView:
    """Resources by attribute, from a mapping."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        self.__dict__.update(resources)

    def __repr__(self) -> str:
        return f"ResourceView({', '.join(sorted(self.__dict__))})"

    def _asdict(self) -> dict[str, Any]:
        return dict(self.__dict__)


class OutputContext(_IOContext):
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
            raise _missing("step_key", "OutputContext")
        return self._step_key

    @property
    def run_id(self) -> str:
        """The id of the run that made the output."""
        if self._run_id is None:
            raise _missing("run_id", "OutputContext")
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
        return self._output_metadata or _NOT_GIVEN

    @property
    def has_asset_key(self) -> bool:
        """Whether the output is an asset."""
        return self._asset_key is not None

    @property
    def asset_spec(self) -> Any:
        """The spec of the asset that the output is."""
        if self._asset_spec is None:
            raise _missing("asset_spec", "OutputContext")
        return self._asset_spec

    @property
    def instance(self) -> Any:
        """The instance of the run."""
        if self._instance is None:
            raise _missing("instance", "OutputContext")
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
        """Record an event with this output.

        Args:
            event: An `AssetMaterialization` or `AssetObservation`.
        """
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


class InputContext(_IOContext):
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
            raise _missing("instance", "InputContext")
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
