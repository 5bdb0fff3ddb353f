"""What a resource's function gets, and the namespace in which user code finds resources."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Set
from typing import Any

from cellmill.definitions.engine import engine
from cellmill.errors import InvariantViolationError, UnknownResourceError


class Resources:
    """Resources as attributes; asking for one that is not required is an error that says how to require it.

    Made by cellmill for contexts.

    Args:
        values: By key, what user code gets.
        originals: By key, the resource objects themselves, where they put another object in their place.
    """

    __slots__ = ("_originals", "_values")
    _originals: Mapping[str, Any]
    _values: Mapping[str, Any]

    def __init__(self, values: Mapping[str, Any], originals: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_originals", values if originals is None else originals)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise UnknownResourceError(
                f"Unknown resource `{name}`. Specify `{name}` as a required resource on the compute / config function "
                f"that accessed it. The resources here are {sorted(self._values)}."
            ) from None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.values())

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Resources cannot be replaced (attribute {name!r}).")

    def _asdict(self) -> dict[str, Any]:
        return dict(self._values)

    @property
    def _original_resource_dict(self) -> Mapping[str, Any]:
        return self._originals

    def __reduce__(self) -> tuple[type[Resources], tuple[Mapping[str, Any], Mapping[str, Any]]]:
        return type(self), (self._values, self._originals)

    def __repr__(self) -> str:
        return f"Resources({', '.join(f'{key}={value!r}' for key, value in self._values.items())})"


NO_RESOURCES = Resources({})


class InitResourceContext:
    """What a resource's function may read: its config, the resources it needs, the run, the instance, a log.

    Made by cellmill; tests use `build_init_resource_context`.

    Args:
        resource_config: The resource's config, with defaults filled in.
        resources: The resources that it requires.
        resource_def: The definition that is being made.
        all_resource_defs: All definitions of the run, by key.
        instance: The instance of the run.
        dagster_run: The run.
        log_manager: The log of the run.
        event_loop: The event loop that the resource is made in.
    """

    __slots__ = (
        "_all_resource_defs",
        "_event_loop",
        "_instance",
        "_log",
        "_resource_config",
        "_resource_def",
        "_resources",
        "_run",
    )

    def __init__(
        self,
        resource_config: Any = None,
        resources: Resources | None = None,
        resource_def: Any = None,
        all_resource_defs: Mapping[str, Any] | None = None,
        instance: Any = None,
        dagster_run: Any = None,
        log_manager: Any = None,
        event_loop: Any = None,
    ) -> None:
        self._resource_config = resource_config
        self._resources = resources
        self._resource_def = resource_def
        self._all_resource_defs = all_resource_defs or {}
        self._instance = instance
        self._run = dagster_run
        self._log = log_manager
        self._event_loop = event_loop

    @property
    def resource_config(self) -> Any:
        """The resource's config, with defaults filled in."""
        return self._resource_config

    @property
    def resources(self) -> Resources:
        """The resources that this one requires."""
        return self._resources if self._resources is not None else NO_RESOURCES

    def resource_keys(self) -> Set[str]:
        """The keys of the resources at hand."""
        return frozenset(self.resources._asdict())

    @property
    def resource_def(self) -> Any:
        """The definition of the resource that is being made."""
        return self._resource_def

    @property
    def all_resource_defs(self) -> Mapping[str, Any]:
        """The definitions of all resources of the run."""
        return self._all_resource_defs

    @property
    def instance(self) -> Any:
        """The instance of the run; outside of runs the one given, else one that forgets."""
        if self._instance is None:
            self._instance = engine().ephemeral_instance()
        return self._instance

    @property
    def dagster_run(self) -> Any:
        """The run, or None outside of runs."""
        return self._run

    run = dagster_run

    @property
    def run_id(self) -> str | None:
        """The id of the run, or None outside of runs."""
        return None if self._run is None else self._run.run_id

    @property
    def log(self) -> Any:
        """The log of the run."""
        return self._log if self._log is not None else logging.getLogger("cellmill")

    log_manager = log

    @property
    def event_loop(self) -> Any:
        """The event loop that the resource is made in, if there is one."""
        return self._event_loop

    def replace_config(self, config: Any) -> InitResourceContext:
        """Return the same context with other config.

        Args:
            config: The new config.
        """
        return self._copy(resource_config=config)

    def with_resources(self, resources: Resources) -> InitResourceContext:
        """Return the same context with other resources.

        Args:
            resources: The new resources.
        """
        return self._copy(resources=resources)

    def _copy(self, **changed: Any) -> InitResourceContext:
        given = {
            "resource_config": self._resource_config,
            "resources": self._resources,
            "resource_def": self._resource_def,
            "all_resource_defs": self._all_resource_defs,
            "instance": self._instance,
            "dagster_run": self._run,
            "log_manager": self._log,
            "event_loop": self._event_loop,
        }
        return InitResourceContext(**(given | changed))


class UnboundInitResourceContext(InitResourceContext):
    """An init context for tests; as a context manager it takes its generator resources down at the end."""

    __slots__ = ("_has_generators", "_open", "_scope")

    def __init__(self, *, scope: Any = None, has_generators: bool = False, **given: Any) -> None:
        super().__init__(**given)
        self._scope = scope
        self._has_generators = has_generators
        self._open = False

    @property
    def resources(self) -> Resources:
        """The resources given; resources that are generators are there only inside of ``with``."""
        if self._has_generators and not self._open:
            raise InvariantViolationError(
                "At least one provided resource is a generator, but attempting to access resources outside of context "
                "manager scope. You can use the following syntax to open a context manager: "
                "`with build_init_resource_context(...) as context:`"
            )
        return super().resources

    def resource_keys(self) -> Set[str]:
        """The keys of the resources at hand."""
        return frozenset(self._resources._asdict()) if self._resources is not None else frozenset()

    @property
    def resource_def(self) -> Any:
        """An error: the context is not bound to a resource."""
        raise InvariantViolationError("UnboundInitResourceContext has not been bound to resource definition.")

    def __enter__(self) -> UnboundInitResourceContext:
        self._open = True
        return self

    def __exit__(self, *error: object) -> None:
        self._open = False
        if self._scope is not None:
            self._scope.close()

    def __del__(self) -> None:
        if getattr(self, "_has_generators", False) and not self._open and self._scope is not None:
            self._scope.close()
