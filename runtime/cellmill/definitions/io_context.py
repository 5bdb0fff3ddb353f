"""What contexts of stored and of loaded values have in common."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.io_partitions import AssetPartitions
from cellmill.errors import InvalidMetadataError, InvariantViolationError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions.asset_key import AssetKey
    from cellmill.definitions.types import resolve
else:
    resolve = on_first_use("cellmill.definitions.types.resolve")

NOT_GIVEN: Mapping[str, Any] = {}
_LOG = logging.getLogger("cellmill")

#: What stands for the run's id where a context was built by hand.
EPHEMERAL_RUN_ID = "__EPHEMERAL_RUN_ID"


def missing(name: str, owner: str) -> InvariantViolationError:
    """Return the error for a part of a context that was not given."""
    return InvariantViolationError(
        f"Attempting to access {name}, but it was not provided when constructing the {owner}"
    )


class IOContext(AssetPartitions):
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
            raise missing("name", type(self).__name__)
        return self._name

    @property
    def job_name(self) -> str:
        """The name of the job that is running."""
        if self._job_name is None:
            raise missing("job_name", type(self).__name__)
        return self._job_name

    @property
    def pipeline_name(self) -> str:
        """The job's name under its old name."""
        return self.job_name

    @property
    def op_def(self) -> Any:
        """The op (or the asset's op) that the value belongs to."""
        if self._op_def is None:
            raise missing("op_def", type(self).__name__)
        return self._op_def

    solid_def = op_def

    @property
    def config(self) -> Any:
        """The validated config of this input or output."""
        return self._config

    @property
    def definition_metadata(self) -> Mapping[str, Any]:
        """The metadata that the definition carries."""
        return self._definition_metadata or NOT_GIVEN

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata that the definition carries (older name of `definition_metadata`)."""
        return self._definition_metadata or NOT_GIVEN

    @property
    def dagster_type(self) -> Any:
        """The declared type of the value."""
        if self._dagster_type is None:
            if self._step_context is not None:  # in a run, what has no type takes everything
                return resolve.resolve_type(Any)
            raise missing("dagster_type", type(self).__name__)
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
        return self._resource_config or NOT_GIVEN

    @property
    def resources(self) -> Any:
        """The resources that the IO manager requires, as attributes."""
        if isinstance(self._resources, HeldResources):
            return self._resources.at_hand()
        if self._resources is None or isinstance(self._resources, Mapping):
            self._resources = ResourceView(self._resources or {})
        return self._resources

    @property
    def step_context(self) -> Any:
        """The context of the step that is running."""
        if self._step_context is None:
            raise missing("step_context", type(self).__name__)
        return self._step_context

    @property
    def asset_key(self) -> AssetKey:
        """The key of the asset that the value is."""
        if self._asset_key is None:
            raise self._no_asset("asset_key")
        return self._asset_key

    def _no_asset(self, attribute: str) -> InvariantViolationError:
        return missing(attribute, type(self).__name__)

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
        if isinstance(self._resources, HeldResources):
            self._resources.entered = True
        return self

    def __exit__(self, *exc: object) -> None:
        if isinstance(self._resources, HeldResources):
            self._resources.close()


class HeldResources:
    """Resources that were made for a context built by hand; taken down with it.

    Args:
        scope: Where they were made.
        made: The resources, as attributes.
        builder: The function that built the context, as it is called.
    """

    def __init__(self, scope: Any, made: Any, builder: str) -> None:
        self._scope = scope
        self._made = made
        self._builder = builder
        self.entered = False

    def at_hand(self) -> Any:
        """Return the resources; those that are generators are there only inside of ``with``."""
        if self._scope.has_generators and not self.entered:
            raise InvariantViolationError(
                "At least one provided resource is a generator, but attempting to access resources outside of context "
                "manager scope. You can use the following syntax to open a context manager: "
                f"`with {self._builder}(...) as context:`"
            )
        return self._made

    def close(self) -> None:
        """Take the resources down, where that was not done yet."""
        scope, self._scope = self._scope, NOTHING_OPEN
        scope.close()
        self.entered = False

    def __del__(self) -> None:
        self.close()


class _NothingOpen:
    has_generators = False

    def close(self) -> None:
        """Do nothing."""


NOTHING_OPEN = _NothingOpen()


class ResourceView:
    """Resources by attribute, from a mapping."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        self.__dict__.update(resources)

    def __repr__(self) -> str:
        return f"ResourceView({', '.join(sorted(self.__dict__))})"

    def _asdict(self) -> dict[str, Any]:
        return dict(self.__dict__)
