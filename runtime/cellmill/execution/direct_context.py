"""Contexts for calling ops, assets and checks directly, as unit tests do."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.config.configured import schema_of
from cellmill.definitions.config.process import process_config
from cellmill.definitions.dependency import NodeHandle
from cellmill.definitions.events import AssetMaterialization, AssetObservation
from cellmill.definitions.init_resource_context import Resources
from cellmill.definitions.outcome import ExpectationResult
from cellmill.definitions.partitions.key import PartitionKeyRange
from cellmill.definitions.resource import wrap_resources_for_execution
from cellmill.definitions.resource_scope import build_resources
from cellmill.errors import InvalidConfigError, InvalidInvocationError, InvalidPropertyError, InvariantViolationError
from cellmill.execution.context import AssetCheckExecutionContext, AssetExecutionContext, OpExecutionContext
from cellmill.instance.instance import Instance
from cellmill.planning.run import (
    PARTITION_RANGE_END_TAG,
    PARTITION_RANGE_START_TAG,
    PARTITION_TAG,
    SCHEDULED_AT_TAG,
    Run,
)

EPHEMERAL = "EPHEMERAL"


class _DirectServices:
    """The little that a step needs from around it when it is called directly."""

    def __init__(self, run_tags: Mapping[str, str], run_config: Mapping[str, Any]) -> None:
        self.run = Run(job_name="ephemeral_job", run_id=EPHEMERAL, tags=dict(run_tags), run_config=run_config)
        self.run_id = EPHEMERAL
        self.job_name = "ephemeral_job"
        self.instance: Any = None
        self.partition_key: str | None = None
        self.partition_range: tuple[str, str] | None = None
        self.partitions_def: Any = None
        self.job = _DirectJob(self)

    @property
    def scheduled_execution_time(self) -> datetime:
        """The instant that the run's tags name, else that of the call."""
        at = self.run.tags.get(SCHEDULED_AT_TAG)
        return datetime.now(UTC) if at is None else datetime.fromtimestamp(float(at), UTC)

    def partition_keys_of(self, definition: Any) -> list[str] | None:
        if self.partition_range is not None:
            if definition is None:
                raise InvariantViolationError("A partition key range needs a partitions definition.")
            return list(
                definition.get_partition_keys_in_range(
                    PartitionKeyRange(*self.partition_range), dynamic_partitions_store=self.instance
                )
            )
        return None if self.partition_key is None else [self.partition_key]


class _DirectJob:
    def __init__(self, services: _DirectServices) -> None:
        self._services = services

    @property
    def partitions_def(self) -> Any:
        return self._services.partitions_def


class _DirectStep:
    """Stands for a step before, and after, an op is bound to the context."""

    def __init__(self) -> None:
        self.op: Any = None
        self.assets: Any = None
        self.handle = NodeHandle(("unbound",))
        self.key = "unbound"
        self.mapping_key: str | None = None
        self.inputs: tuple[Any, ...] = ()
        self.outputs: tuple[Any, ...] = ()


@dataclass
class _Use:
    """What a context is used for at the moment."""

    by: str | None = None


@dataclass(frozen=True)
class ExecutionProperties:
    """What the last call with a context left behind: events that user code logged, metadata by output."""

    user_events: Sequence[Any]
    output_metadata: Mapping[str, Any]


class DirectContext(OpExecutionContext):
    """A context that a test builds and hands to an op, asset or check."""

    def __init__(
        self,
        resources: Mapping[str, Any] | None,
        config: Any,
        partition_key: str | None,
        partition_key_range: Any,
        mapping_key: str | None,
        instance: Any,
        run_tags: Mapping[str, str] | None,
        run_config: Any = None,
        resources_config: Any = None,
        partitions_def: Any = None,
    ) -> None:
        tags = dict(run_tags or {})
        if partition_key is not None:
            tags.setdefault(PARTITION_TAG, partition_key)
        if partition_key_range is not None:
            tags[PARTITION_RANGE_START_TAG] = partition_key_range.start
            tags[PARTITION_RANGE_END_TAG] = partition_key_range.end
        if config is not None and hasattr(config, "_as_config_value"):
            config = config._as_config_value()
        services = _DirectServices(tags, run_config or {})
        services.partition_key = partition_key or tags.get(PARTITION_TAG)
        if partition_key_range is not None:
            services.partition_range = (partition_key_range.start, partition_key_range.end)
        services.partitions_def = partitions_def
        self._given_instance = instance
        self._own_instance: Any = None
        step = _DirectStep()
        step.mapping_key = mapping_key
        super().__init__(step, services, logging.getLogger("cellmill"), lambda _: None, 0, config)
        self._manager: Any = None
        self._given_resources = dict(resources or {})
        self._resources_config = resources_config
        self._entered = False
        #: Shared with the copies that calls get.
        self._use = _Use()
        self._generators = False
        self._open(resources_config)

    def _open(self, resources_config: Any) -> None:
        if not self._given_resources:
            self._resources = Resources({}, {})
            return
        self._manager = build_resources(
            self._given_resources, instance=self._given_instance, resource_config=resources_config
        )
        self._resources = self._manager.__enter__()
        wrapped = wrap_resources_for_execution(self._given_resources)
        self._generators = any(inspect.isgeneratorfunction(inspect.unwrap(one.resource_fn)) for one in wrapped.values())

    def add_resources(self, resources: Mapping[str, Any]) -> None:
        """Open the resources of the definition that is called, too.

        Raises: InvalidInvocationError for one that the test has given as well.
        """
        twice = sorted(resources.keys() & self._given_resources.keys())
        if twice:
            raise InvalidInvocationError(
                f"resource '{twice[0]}' provided on both the definition and invocation context. Please provide it on "
                "one of them only."
            )
        self._given_resources = {**self._given_resources, **resources}
        self._entered = True  # closed with this context, which only the call sees
        self._open(self._resources_config)

    def take_arguments(self, resources: Mapping[str, Any]) -> None:
        """Find resources that the call was given as arguments among those of the context."""
        both = {**self._resources._asdict(), **resources}
        self._resources = Resources(both, {**self._resources._original_resource_dict, **resources})

    def __enter__(self) -> DirectContext:
        self._entered = True
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the resources down."""
        if self._manager is not None:
            manager, self._manager = self._manager, None
            manager.__exit__(None, None, None)

    def __del__(self) -> None:
        try:
            self.close()
        except Exception:
            logging.getLogger("cellmill").debug("a resource could not be taken down", exc_info=True)

    @property
    def resources(self) -> Any:
        """The resources, as attributes."""
        if self._generators and not self._entered:
            raise InvariantViolationError(
                "At least one provided resource is a generator, but attempting to access resources outside of context "
                "manager scope. You can use the following syntax to open a context manager: "
                "`with build_op_context(...) as context:`"
            )
        return self._resources

    @property
    def instance(self) -> Any:
        """The instance given, else one in memory."""
        if self._given_instance is not None:
            return self._given_instance
        if self._own_instance is None:
            self._own_instance = Instance.ephemeral()
        return self._own_instance

    @property
    def job_def(self) -> Any:
        """Nothing: there is no job."""
        raise InvalidPropertyError("The job_def property is not set on the context when an op is directly invoked.")

    @staticmethod
    def _no(name: str) -> InvalidPropertyError:
        return InvalidPropertyError(f"The {name} property is not set on the context when an op is directly invoked.")

    @property
    def job_name(self) -> str:
        """Nothing: there is no job."""
        raise self._no("job_name")

    @property
    def run(self) -> Any:
        """Nothing: there is no run."""
        raise self._no("run")

    @property
    def dagster_run(self) -> Any:
        """Nothing: there is no run."""
        raise self._no("dagster_run")

    @property
    def node_handle(self) -> Any:
        """Nothing: there is no graph with a node for the op."""
        raise self._no("node_handle")

    @property
    def op(self) -> Any:
        """Nothing: there is no graph with a node for the op."""
        raise self._no("op")

    def get_step_execution_context(self) -> Any:
        """Nothing: no step of a run is carried out."""
        raise self._no("get_step_execution_context")

    @property
    def is_bound(self) -> bool:
        """Whether an op is being called with the context."""
        return self._step.op is not None or self._use.by is not None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within the block, no other call can be made with the context.

        Raises:
            InvalidInvocationError: where there is such a call already.
        """
        if self._use.by is not None:
            raise InvalidInvocationError(
                f"This context is currently being used to execute {self._use.by}. The context cannot be used to "
                f"execute another {'op' if self._step.assets is None else 'asset'} until {self._use.by} has finished "
                "executing."
            )
        self._use.by = self._step.key
        try:
            yield
        finally:
            self._use.by = None

    @property
    def execution_properties(self) -> ExecutionProperties:
        """What user code said so far in this call; of a context that no call is made with, in the last one."""
        last = self if self._step.op is not None else self.__dict__.get("_metadata_of_last")
        metadata = (None if last is None else last._metadata) or {}
        return ExecutionProperties(self._user_events, {name: known for (name, _), known in metadata.items()})

    @property
    def run_config(self) -> Mapping[str, Any]:
        """The config that a run of the op would have."""
        given: Mapping[str, Any] = self._services.run.run_config
        if given:
            return given
        found: dict[str, Any] = {"resources": self._resources_config or {}}
        if self._step.op is not None and self._op_config:
            found["ops"] = {self._step.key: {"config": self._op_config}}
        return found

    def _need_bound(self, name: str) -> None:
        if self._step.op is None:
            raise InvalidPropertyError(f"The {name} property is not set on the context when it is not bound to an op.")

    @property
    def op_def(self) -> Any:
        """The op that is called."""
        self._need_bound("op_def")
        return self._step.op

    @property
    def assets_def(self) -> Any:
        """The definition of the assets that are made."""
        self._need_bound("assets_def")
        return super().assets_def

    @property
    def has_partition_key(self) -> bool:
        """Whether a partition was given."""
        return self._services.partition_key is not None

    def log_event(self, event: Any) -> None:
        """Keep an event for `get_events`."""
        if not isinstance(event, (AssetMaterialization, AssetObservation, ExpectationResult)):
            raise InvariantViolationError(f"Unexpected event {event!r} for log_event.")
        self._user_events.append(event)

    def get_events(self) -> list[Any]:
        """Return the events that user code logged."""
        return self._user_events

    # -- binding --------------------------------------------------------------------------------------------------

    def bound_to(self, op: Any, assets: Any, alias: str | None, config: Any = None) -> DirectContext:
        """Return this context for one call of an op."""
        made: DirectContext = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._manager = None
        step = _DirectStep()
        step.op = op
        step.assets = assets
        step.handle = NodeHandle((alias or op.name,))
        step.key = alias or op.name
        step.mapping_key = self._step.mapping_key
        if assets is not None:
            step.inputs = tuple(_DirectInput(one, assets) for one in op.input_defs)
        made._step = step
        made._op_config = op_config(op, self._op_config if config is None else config)
        made._metadata = None
        made._made = ((), {})
        made._asset_metadata = None
        services = made._services
        if services.instance is None:
            services.instance = self._given_instance
        self._metadata_of_last = made
        return made

    def get_output_metadata(self, output_name: str, mapping_key: str | None = None) -> Any:
        """Return the metadata that the last call attached to an output."""
        last = self.__dict__.get("_metadata_of_last")
        found = last._metadata if last is not None and self._metadata is None else self._metadata
        return None if found is None else found.get((output_name, mapping_key))


class _DirectInput:
    def __init__(self, definition: Any, assets: Any) -> None:
        self.name = definition.name
        self.definition = definition
        self.asset_key = assets.node_keys_by_input_name.get(definition.name)
        self.source_assets: Any = None


class DirectAssetContext(DirectContext, AssetExecutionContext):
    """A context that a test builds and hands to an asset."""


class DirectCheckContext(DirectContext, AssetCheckExecutionContext):
    """A context that a test builds and hands to a check."""


def op_config(op: Any, config: Any) -> Any:
    """Return the op's config, checked and with defaults filled in."""
    field = op.config_field
    if op.configured_with is not None:
        applied = schema_of(op).apply(config)
        if not applied.success:
            raise InvalidConfigError(f"Error in config for op '{op.name}'", applied.errors, config)
        return applied.value
    if field is None:
        return config
    checked = process_config({"config": field}, {} if config is None else {"config": config})
    if not checked.success:
        raise InvalidConfigError(f"Error in config for op '{op.name}'", checked.errors, config)
    return checked.value.get("config", {})


def build_op_context(
    resources: Mapping[str, Any] | None = None,
    op_config: Any = None,
    resources_config: Any = None,
    instance: Any = None,
    config: Any = None,
    partition_key: str | None = None,
    partition_key_range: Any = None,
    mapping_key: str | None = None,
    run_tags: Mapping[str, str] | None = None,
    event_loop: Any = None,
    run_config: Any = None,
) -> DirectContext:
    """Return a context to call an op with in a test.

    As a context manager it takes the resources down at the end, which generator resources need.

    >>> @op(config_schema={"limit": int})
    ... def rows(context) -> int:
    ...     return context.op_config["limit"]
    >>> rows(build_op_context(config={"limit": 3}))
    3

    Args:
        resources: Resources by key: resource classes with their config, definitions, or any plain objects.
        op_config: Older name of `config`.
        resources_config: By resource, a dict with `config`.
        instance: What the op finds in `context.instance`; None makes one that forgets.
        config: The op's config, as a config object or in plain form.
        partition_key: The partition the call is for.
        partition_key_range: The range of partitions the call is for, as a `PartitionKeyRange`.
        mapping_key: What `context.get_mapping_key()` returns.
        run_tags: Tags of the run that there seems to be.
        event_loop: Taken for the sake of code written for Dagster and not used.
        run_config: What the op finds in `context.run_config`.

    Raises:
        InvariantViolationError: where both `op_config` and `config` are given.
    """
    if op_config is not None and config is not None:
        raise InvariantViolationError(
            "Attempted to invoke ``build_op_context`` with both ``op_config`` and ``config``."
        )
    return DirectContext(
        resources,
        config if config is not None else op_config,
        partition_key,
        partition_key_range,
        mapping_key,
        instance,
        run_tags,
        run_config,
        resources_config,
    )


def build_asset_context(
    resources: Mapping[str, Any] | None = None,
    resources_config: Any = None,
    asset_config: Any = None,
    instance: Any = None,
    partition_key: str | None = None,
    partition_key_range: Any = None,
    run_tags: Mapping[str, str] | None = None,
    event_loop: Any = None,
    run_config: Any = None,
) -> DirectAssetContext:
    """Return a context to call an asset with in a test.

    As a context manager it takes the resources down at the end, which generator resources need.

    >>> @asset(partitions_def=StaticPartitionsDefinition(["de", "fr"]))
    ... def orders(context: AssetExecutionContext) -> str:
    ...     return context.partition_key
    >>> orders(build_asset_context(partition_key="de"))
    'de'

    Args:
        resources: Resources by key: resource classes with their config, definitions, or any plain objects.
        resources_config: By resource, a dict with `config`.
        asset_config: The asset's config, as a config object or in plain form.
        instance: What the asset finds in `context.instance`; None makes one that forgets.
        partition_key: The partition the call is for.
        partition_key_range: The range of partitions the call is for, as a `PartitionKeyRange`.
        run_tags: Tags of the run that there seems to be.
        event_loop: Taken for the sake of code written for Dagster and not used.
        run_config: What the asset finds in `context.run_config`.
    """
    return DirectAssetContext(
        resources,
        asset_config,
        partition_key,
        partition_key_range,
        None,
        instance,
        run_tags,
        run_config,
        resources_config,
    )


def build_asset_check_context(
    resources: Mapping[str, Any] | None = None,
    resources_config: Any = None,
    asset_config: Any = None,
    instance: Any = None,
    **_: Any,
) -> DirectCheckContext:
    """Return a context to call a check with in a test.

    As a context manager it takes the resources down at the end, which generator resources need.

    Args:
        resources: Resources by key: resource classes with their config, definitions, or any plain objects.
        resources_config: By resource, a dict with `config`.
        asset_config: The check's config, as a config object or in plain form.
        instance: What the check finds in `context.instance`; None makes one that forgets.
    """
    return DirectCheckContext(resources, asset_config, None, None, None, instance, None, None, resources_config)


__all__ = ["AssetKey", "DirectContext", "build_asset_check_context", "build_asset_context", "build_op_context"]
