"""What the function of an op or an asset is told: `OpExecutionContext`, `AssetExecutionContext`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.dependency import Node
from cellmill.definitions.events import AssetMaterialization, AssetObservation
from cellmill.definitions.outcome import ExpectationResult
from cellmill.definitions.output import DataVersion
from cellmill.errors import (
    CheckError,
    InvalidDefinitionError,
    InvalidPropertyError,
    InvariantViolationError,
)
from cellmill.execution.asset_values import load_from_job
from cellmill.execution.partition_context import PartitionQuestions
from cellmill.execution.step_events import record_user_event


class OpExecutionContext(PartitionQuestions):
    """What the function of an op is told about its run, and by what it speaks to it.

    Made by cellmill; tests use `build_op_context`.

    Args:
        step: The step that runs.
        services: What the run offers its steps: resources, IO managers, values.
        log: The log of the run.
        emit: Records an event.
        retry_number: How often the step was run before.
        config: The op's config.
    """

    __is_context__ = True

    def __init__(
        self, step: Any, services: Any, log: Any, emit: Any, retry_number: int = 0, config: Any = None
    ) -> None:
        self._step = step
        self._services = services
        self._log = log
        self._emit = emit
        self._retry_number = retry_number
        self._op_config = config
        self._metadata: dict[tuple[str, str | None], dict[str, Any]] | None = None
        self._made: tuple[Collection[str], Mapping[str, Collection[str]]] = ((), {})
        self._asset_metadata: dict[tuple[AssetKey, str | None], dict[str, Any]] | None = None
        self._user_events: list[Any] = []
        self._resources: Any = None
        self._data_versions: dict[str, DataVersion] = {}
        self._typed_stream = False

    # -- the run --------------------------------------------------------------------------------------------------

    @property
    def run(self) -> Any:
        """The run."""
        return self._services.run

    dagster_run = run

    @property
    def run_id(self) -> str:
        """The run's id."""
        run_id: str = self._services.run_id
        return run_id

    @property
    def scheduled_execution_time(self) -> datetime:
        """The instant of the tick that asked for the run; of a run by hand, when it was asked for."""
        found: datetime = self._services.scheduled_execution_time
        return found

    @property
    def run_config(self) -> Mapping[str, Any]:
        """The config that the run was started with."""
        config: Mapping[str, Any] = self._services.run.run_config
        return config

    @property
    def run_tags(self) -> Mapping[str, str]:
        """The run's tags."""
        tags: Mapping[str, str] = self._services.run.tags
        return tags

    def has_tag(self, key: str) -> bool:
        """Return whether the run has this tag.

        Args:
            key: The tag's key.
        """
        return key in self.run_tags

    def get_tag(self, key: str) -> str | None:
        """Return the run's tag, or None.

        Args:
            key: The tag's key.
        """
        return self.run_tags.get(key)

    @property
    def instance(self) -> Any:
        """The instance, which knows what the step has reported until now."""
        self._services.flush()
        return self._services.instance

    @property
    def job_name(self) -> str:
        """The job's name."""
        name: str = self._services.job_name
        return name

    @property
    def job_def(self) -> Any:
        """The job."""
        return self._services.job

    @property
    def repository_def(self) -> Any:
        """The definitions that the run's code location loaded."""
        found = getattr(self._services.job, "repository_def", None)
        if found is None:
            raise InvariantViolationError("No repository definition was set on the step context")
        return found

    # -- the step -------------------------------------------------------------------------------------------------

    @property
    def log(self) -> Any:
        """The run's log."""
        return self._log

    @property
    def op_config(self) -> Any:
        """The op's config."""
        return self._op_config

    @property
    def op_def(self) -> Any:
        """The op."""
        return self._step.op

    @property
    def op(self) -> Node:
        """The op's use in the job: its name there, its tags and its definition."""
        graph = self._services.job.graph
        *outer, name = self._step.handle.path
        for one in outer:
            graph = graph.node_dict[one].definition
        node: Node = graph.node_dict[name]
        return Node(name, node.definition, {**node.definition.tags, **node.tags}, node.hook_defs, node.retry_policy)

    @property
    def op_handle(self) -> Any:
        """The path to the op through the job's graphs."""
        return self._step.handle

    node_handle = op_handle

    @property
    def retry_number(self) -> int:
        """How often the step was run before."""
        return self._retry_number

    @property
    def resources(self) -> Any:
        """The resources that the op requires, as attributes."""
        if self._resources is None:
            op = self._step.op
            managers = {one.io_manager_key for one in op.output_defs} & self._services.job.resource_defs.keys()
            self._resources = self._services.resources(self._step.resource_keys | managers)
        return self._resources

    @property
    def step_launcher(self) -> None:
        """None: steps are not launched elsewhere by resources."""
        return None

    def get_mapping_key(self) -> str | None:
        """Return the mapping key of a step that is run once for each dynamic output."""
        key: str | None = self._step.mapping_key
        return key

    def describe_op(self) -> str:
        """Return the op as text."""
        return f'op "{self._step.handle}"'

    @property
    def op_execution_context(self) -> OpExecutionContext:
        """The context as that of an op."""
        if type(self) is OpExecutionContext:
            return self
        made = object.__new__(OpExecutionContext)
        made.__dict__ = self.__dict__
        return made

    @staticmethod
    def get() -> Any:
        """Return the context of the op that is running."""
        if not _CURRENT:
            raise InvariantViolationError("No current OpExecutionContext in scope.")
        return _CURRENT[-1].op_execution_context

    def get_step_execution_context(self) -> OpExecutionContext:
        """Return the context itself."""
        return self

    @property
    def selected_output_names(self) -> set[str]:
        """The outputs that the step is to make."""
        assets = self._step.assets
        if assets is None:
            return set(self._step.op.output_dict)
        return {
            output.name
            for output in self._step.outputs
            if (output.asset_key in assets.keys if output.asset_key is not None else True)
            and (output.check_spec.key in assets.check_keys if output.check_spec is not None else True)
        }

    @property
    def has_assets_def(self) -> bool:
        """Whether the step makes assets."""
        return self._step.assets is not None

    @property
    def assets_def(self) -> Any:
        """The definition of the assets that the step makes."""
        if self._step.assets is None:
            raise InvalidPropertyError(f"Op '{self._step.handle}' does not have an assets definition.")
        return self._step.assets

    @property
    def is_subset(self) -> bool:
        """Whether only some of the assets of the definition are to be made."""
        return bool(self.assets_def.is_subset)

    @property
    def selected_asset_keys(self) -> frozenset[AssetKey]:
        """The assets that the step is to make."""
        return frozenset() if self._step.assets is None else self._step.assets.keys

    @property
    def selected_asset_check_keys(self) -> set[Any]:
        """The checks that the step is to evaluate."""
        return set() if self._step.assets is None else self._step.assets.check_keys

    @property
    def has_asset_checks_def(self) -> bool:
        """Whether the step only evaluates checks."""
        return self._step.assets is not None and bool(self._step.assets.is_checks)

    @property
    def asset_checks_def(self) -> Any:
        """The definition of the checks that the step evaluates."""
        if not self.has_asset_checks_def:
            raise InvalidPropertyError(f"Op {self._step.handle} does not have an asset checks definition.")
        return self._step.assets

    @property
    def asset_key(self) -> AssetKey:
        """The asset that the step makes, where it is one."""
        keys = self.assets_def.node_keys_by_output_name
        if len(keys) != 1:
            raise InvariantViolationError(
                "Cannot call `context.asset_key` in a multi_asset with more than one asset. Use "
                "`context.asset_key_for_output` instead."
            )
        key: AssetKey = next(iter(keys.values()))
        return key

    def asset_key_for_output(self, output_name: str = "result") -> AssetKey:
        """Return the asset that an output is.

        Args:
            output_name: The output.
        """
        key = self.assets_def.node_keys_by_output_name.get(output_name)
        if key is None:
            raise InvariantViolationError(f"Output '{output_name}' has no asset")
        return AssetKey.from_coercible(key)

    def output_name_for_asset_key(self, asset_key: AssetKey) -> str:
        """Return the output that an asset is.

        Args:
            asset_key: The asset.
        """
        name: str = self.assets_def.get_output_name_for_asset_key(asset_key)
        return name

    @property
    def location_name(self) -> str | None:
        """The code location that the run's job is from; None for a job of this process."""
        return self._services.run.location or None

    def output_for_asset_key(self, asset_key: AssetKey) -> str:
        """Return the output that an asset is, as `output_name_for_asset_key` does.

        Args:
            asset_key: The asset.
        """
        return self.output_name_for_asset_key(asset_key)

    def asset_key_for_input(self, input_name: str) -> AssetKey:
        """Return the asset that an input is.

        Args:
            input_name: The input.
        """
        for one in self._step.inputs:
            if one.name == input_name and one.asset_key is not None:
                return AssetKey.from_coercible(one.asset_key)
        raise InvariantViolationError(f"Input '{input_name}' has no asset")

    # -- saying something -----------------------------------------------------------------------------------------

    def log_event(self, event: Any) -> None:
        """Record an event of one's own now, whatever becomes of the step.

        Args:
            event: An `AssetMaterialization`, `AssetObservation` or `ExpectationResult`.

        Raises:
            InvariantViolationError: where it is none of them.
        """
        self._emit_user_event(event)

    def _emit_user_event(self, event: Any) -> None:
        if not isinstance(event, (AssetMaterialization, AssetObservation, ExpectationResult)):
            raise InvariantViolationError(f"Unexpected event {event!r} for log_event.")
        record_user_event(self._step, self._services, self._emit, event)
        self._user_events.append(event)

    def consume_events(self) -> Iterator[Any]:
        """Yield the events that user code recorded since the last call."""
        events, self._user_events = self._user_events, []
        yield from events

    def add_output_metadata(
        self, metadata: Mapping[str, Any], output_name: str | None = None, mapping_key: str | None = None
    ) -> None:
        """Attach metadata to an output before it is returned or yielded.

        Args:
            metadata: What is known of the value, by name; a name that was given before gets the new value.
            output_name: The output; None is the only one.
            mapping_key: Key of a dynamic output's value.

        Raises:
            InvariantViolationError: where the output is not clear or does not exist.
        """
        name = self._checked_output(output_name, mapping_key)
        self._check_not_made(name, mapping_key)
        if self._metadata is None:
            self._metadata = {}
        self._metadata.setdefault((name, mapping_key), {}).update(metadata)

    def _check_not_made(self, name: str, mapping_key: str | None) -> None:
        names, mapping_keys = self._made
        if name in names if mapping_key is None else mapping_key in mapping_keys.get(name, ()):
            of_key = "" if mapping_key is None else f" with mapping_key '{mapping_key}'"
            raise InvariantViolationError(
                f"In op '{self._step.op.name}', attempted to log output metadata for output '{name}'{of_key} which has "
                "already been yielded. Metadata must be logged before the output is yielded."
            )

    def note_outputs(self, names: Collection[str], mapping_keys: Mapping[str, Collection[str]]) -> None:
        """Let the context know the outputs that were made, as they come.

        Args:
            names: Their names.
            mapping_keys: The mapping keys of dynamic outputs, by name.
        """
        self._made = (names, mapping_keys)

    def _checked_output(self, output_name: str | None, mapping_key: str | None) -> str:
        outputs = self._step.op.output_dict
        if output_name is None:
            if len(outputs) != 1:
                raise InvariantViolationError(
                    f"Attempted to add metadata without providing output_name, but multiple outputs exist: "
                    f"{list(outputs)}. Please provide an output_name to the invocation of "
                    "`context.add_output_metadata`."
                )
            output_name = next(iter(outputs))
        if output_name not in outputs:
            raise InvariantViolationError(
                f'Attempted to add metadata to "{output_name}", which is not an output of op '
                f'"{self._step.op.name}". It has {list(outputs)}.'
            )
        if outputs[output_name].is_dynamic and not mapping_key:
            raise InvariantViolationError(
                f'Attempted to add metadata for dynamic output "{output_name}" without providing a mapping key.'
            )
        return output_name

    def get_output_metadata(self, output_name: str, mapping_key: str | None = None) -> Mapping[str, Any] | None:
        """Return the metadata that was attached to an output, or None.

        Args:
            output_name: The output.
            mapping_key: Key of a dynamic output's value.
        """
        return None if self._metadata is None else self._metadata.get((output_name, mapping_key))

    def add_asset_metadata(
        self, metadata: Mapping[str, Any], asset_key: Any = None, partition_key: str | None = None
    ) -> None:
        """Attach metadata to an asset's materialization before it is recorded.

        Args:
            metadata: What is known of the materialization, by name.
            asset_key: The asset; None is the only one that is made.
            partition_key: The partition whose materialization is meant; None means all that are made.

        Raises:
            InvariantViolationError: where the asset is not made here, or not clear.
        """
        if asset_key is None:
            if len(self.selected_asset_keys) != 1:
                raise InvariantViolationError(
                    "Cannot add metadata without an asset_key where several assets are made; give one of "
                    f"{sorted(self.selected_asset_keys)}."
                )
            key = next(iter(self.selected_asset_keys))
        else:
            key = AssetKey.from_coercible(asset_key)
        if partition_key is not None and partition_key not in self._own_partition_keys():
            raise InvariantViolationError(
                f"Cannot add metadata to partition {partition_key!r} of {key}: this run does not make it."
            )
        if key not in self.selected_asset_keys:
            raise InvariantViolationError(
                f"Cannot add metadata to {key}: it is not made here. Made here: {sorted(self.selected_asset_keys)}."
            )
        if self._asset_metadata is None:
            self._asset_metadata = {}
        self._asset_metadata.setdefault((key, partition_key), {}).update(metadata)

    def _own_partition_keys(self) -> Sequence[str]:
        assets = self._step.assets
        definition = None if assets is None else assets.partitions_def
        return self._services.partition_keys_of(definition) or ()

    def set_data_version(self, asset_key: AssetKey, data_version: DataVersion) -> None:
        """Set the data version of an asset before it is returned or yielded.

        Args:
            asset_key: The asset.
            data_version: The version of its data.
        """
        self._data_versions[self.output_name_for_asset_key(asset_key)] = data_version

    def get_asset_provenance(self, asset_key: AssetKey) -> Any:
        """Return the code version and input versions of the asset's last materialization, or None.

        Args:
            asset_key: The asset.
        """
        states = self.instance.asset_states([asset_key])
        return states.get(asset_key)

    def load_asset_value(
        self, asset_key: AssetKey, *, python_type: Any = None, partition_key: str | None = None
    ) -> Any:
        """Return the stored value of an asset, by its IO manager.

        Args:
            asset_key: The asset.
            python_type: Class that the value is to be loaded as; None leaves it to the IO manager.
            partition_key: The partition; None loads all partitions of a partitioned asset, as a dict by key.
        """
        return load_from_job(self._services, asset_key, python_type, partition_key)

    def set_requires_typed_event_stream(self, *, error_message: str | None = None) -> None:
        """Ask that every output is yielded explicitly.

        Args:
            error_message: What the error of a missing output says besides.
        """
        self._typed_stream = True
        self.typed_event_stream_error_message = error_message

    #: What is said besides where an output was not given explicitly.
    typed_event_stream_error_message: str | None = None

    @property
    def requires_typed_event_stream(self) -> bool:
        """Whether every output must be yielded explicitly."""
        return self._typed_stream

    def observe_output(self, output_name: str, mapping_key: str | None = None) -> None:
        """Note that an output was yielded.

        Args:
            output_name: The output.
            mapping_key: Key of a dynamic output's value.
        """

    @property
    def pdb(self) -> Any:
        """A debugger that works inside notebooks and captured output."""
        # the debugger and all that it reads code with, for who asks for it
        import pdb

        return pdb


class AssetExecutionContext(OpExecutionContext):
    """What the function of an asset is told about its run, and by what it speaks to it."""

    @staticmethod
    def get() -> AssetExecutionContext:
        """Return the context of the asset that is being made."""
        if not _CURRENT:
            raise InvariantViolationError("No current AssetExecutionContext in scope.")
        found = _CURRENT[-1]
        if not isinstance(found, AssetExecutionContext):
            raise InvariantViolationError("The current step makes no asset; use OpExecutionContext.get().")
        return found


class AssetCheckExecutionContext(OpExecutionContext):
    """What the function of a check is told about its run."""

    @property
    def check_specs(self) -> list[Any]:
        """The specs of the checks that are evaluated."""
        return list(self.assets_def.check_specs)


_CURRENT: list[OpExecutionContext] = []


def context_class(assets: Any, shape: Any) -> type[OpExecutionContext]:
    """Return the class of context for a step of these assets, and for what its function is annotated with."""
    if assets is None:
        checked_annotation(shape, assets)
        return OpExecutionContext
    hint = shape.context_hint
    if hint is OpExecutionContext or (shape.has_context and hint is None and assets.node_def.is_graph):
        return OpExecutionContext
    return AssetCheckExecutionContext if assets.is_checks else AssetExecutionContext


def checked_annotation(shape: Any, assets: Any) -> None:
    """Raise where the function asks for a context that it does not get."""
    hint = shape.context_hint
    if isinstance(hint, type) and issubclass(hint, AssetExecutionContext) and assets is None:
        raise InvalidDefinitionError(
            "Cannot annotate @op `context` parameter with type AssetExecutionContext; use OpExecutionContext."
        )


__all__ = ["AssetExecutionContext", "AssetCheckExecutionContext", "CheckError", "OpExecutionContext", "Sequence"]
