"""Making resources in the order they depend on each other, and taking them down in reverse whatever happens."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from typing import Any

from cellmill.definitions.config.field import Field, Shape
from cellmill.definitions.config.process import process_config
from cellmill.definitions.config.schema import NO_SCHEMA
from cellmill.definitions.init_resource_context import (
    NO_RESOURCES,
    InitResourceContext,
    Resources,
    UnboundInitResourceContext,
)
from cellmill.definitions.resource import ResourceDefinition, wrap_resources_for_execution
from cellmill.definitions.resource_requirements import depends_on_itself
from cellmill.errors import (
    CheckError,
    InvalidConfigError,
    InvariantViolationError,
    ParameterCheckError,
    ResourceFunctionError,
)


class AttachDifferentObject:
    """A resource that puts another object than itself into ``context.resources``."""

    def get_object_to_set_on_execution_context(self) -> Any:
        """The object that ops find under the resource's key."""
        raise AttributeError("get_object_to_set_on_execution_context")


def attached(value: Any) -> Any:
    """The object that ops find for a resource."""
    if isinstance(value, AttachDifferentObject):
        return value.get_object_to_set_on_execution_context()
    return value


class ResourceScope:
    """The resources of a run or of a step process: made when asked for, once each, taken down by `close`.

    Responsibilities: order (what a resource requires is made before it), once-only, teardown in reverse of the order of
    making, errors of user code with the key of the resource.
    """

    def __init__(
        self,
        defs: Mapping[str, ResourceDefinition],
        configs: Mapping[str, Any] | None = None,
        *,
        instance: Any = None,
        run: Any = None,
        log: Any = None,
        event_loop: Any = None,
        on_teardown_error: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._defs = defs
        self._configs = configs or {}
        self._instance = instance
        self._run = run
        self._log = log
        self._event_loop = event_loop
        self._on_teardown_error = on_teardown_error
        self._originals: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._teardowns: list[tuple[str, Callable[[], None]]] = []
        self.has_generators = False

    @property
    def keys(self) -> list[str]:
        """The keys of the resources made so far, in the order of making."""
        return list(self._values)

    def resources(self, keys: Iterable[str]) -> Resources:
        """The resources with these keys, made now if they were not yet."""
        wanted = list(keys)
        if not wanted:
            return NO_RESOURCES
        for key in wanted:
            if key not in self._values:
                self._make(key, ())
        return Resources({key: self._values[key] for key in wanted}, {key: self._originals[key] for key in wanted})

    def close(self) -> None:
        """Take every resource down, the last made first; an error in one does not keep the others up."""
        interrupt: BaseException | None = None
        while self._teardowns:
            key, teardown = self._teardowns.pop()
            try:
                teardown()
            except Exception as error:
                self._report(key, error)
            except BaseException as error:
                interrupt = error
        self._values.clear()
        self._originals.clear()
        if interrupt is not None:
            raise interrupt

    def __enter__(self) -> ResourceScope:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _report(self, key: str, error: BaseException) -> None:
        if self._on_teardown_error is not None:
            self._on_teardown_error(key, error)
        else:
            self._context(None, None, NO_RESOURCES).log.error(
                f"Teardown of resource '{key}' failed: {type(error).__name__}: {error}", exc_info=error
            )

    def _make(self, key: str, path: tuple[str, ...]) -> None:
        if key in path:
            raise depends_on_itself(key, path)
        definition = self._defs.get(key)
        if definition is None:
            who = f" required by resource with key '{path[-1]}'" if path else ""
            raise InvariantViolationError(
                f"Resource with key '{key}'{who}, but not provided. Provide a resource under '{key}'; there are "
                f"{sorted(self._defs)}."
            )
        needs = definition.get_required_resource_keys(self._defs)
        for needed in sorted(needs):
            if needed not in self._values:
                self._make(needed, (*path, key))
        resources = Resources(
            {needed: self._values[needed] for needed in needs}, {needed: self._originals[needed] for needed in needs}
        )
        given = self._configs.get(key)
        # One that the run was not known to need has what its definition says itself.
        config = given.config if given is not None else config_of_its_own(definition)
        context = self._context(definition, config, resources)
        value = self._call(key, definition, context)
        self._originals[key] = value
        self._values[key] = attached(value)

    def _context(self, definition: ResourceDefinition | None, config: Any, resources: Resources) -> InitResourceContext:
        return InitResourceContext(
            config, resources, definition, self._defs, self._instance, self._run, self._log, self._event_loop
        )

    def _call(self, key: str, definition: ResourceDefinition, context: InitResourceContext) -> Any:
        try:
            made = definition.make(context)
            if inspect.isgenerator(made):
                return self._first_of(key, made)
            if isinstance(made, AbstractContextManager) and isinstance(made, ContextDecorator):
                # A function decorated with @contextmanager; a plain context manager is the resource itself.
                value = made.__enter__()
                self._down(key, lambda: made.__exit__(None, None, None))
                return value
        except Exception as error:
            raise ResourceFunctionError(
                f"Error executing resource_fn on ResourceDefinition {key}: {type(error).__name__}: {error}", error
            ) from error
        return made

    def _first_of(self, key: str, generator: Iterator[Any]) -> Any:
        try:
            value = next(generator)
        except StopIteration:
            raise CheckError(f"Resource generator {key} must yield one item.") from None
        self._down(key, lambda: _finish(key, generator))
        return value

    def _down(self, key: str, teardown: Callable[[], Any]) -> None:
        self.has_generators = True
        self._teardowns.append((key, teardown))


def _finish(key: str, generator: Iterator[Any]) -> None:
    try:
        next(generator)
    except StopIteration:
        return
    raise CheckError(f"Resource generator {key} yielded more than one item.")


def config_of_its_own(definition: ResourceDefinition) -> Any:
    """Return the config that a resource has where run config says nothing of it."""
    schema = definition.config_schema
    if schema is NO_SCHEMA:
        return None
    result = process_config({"config": schema.as_field()}, {})
    if result.success:
        result = schema.apply(result.value.get("config"))
    if not result.success:
        raise InvalidConfigError(f"Error in config for {definition!r}", result.errors, {})
    return result.value


class _Given:
    """Config in the form that run config gives it."""

    __slots__ = ("config",)

    def __init__(self, config: Any) -> None:
        self.config = config


def resolve_resource_configs(
    defs: Mapping[str, ResourceDefinition], resource_config: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The config of each resource for ``{key: {"config": …}}``; one error lists every problem."""
    given = dict(resource_config or {})
    fields = {key: Field(Shape({"config": definition.config_schema.as_field()})) for key, definition in defs.items()}
    result = process_config(Shape(fields), given)
    problems = list(result.errors or ())
    configs: dict[str, Any] = {}
    for key, value in (result.value or {}).items():
        applied = defs[key].config_schema.apply(value.get("config"))
        problems.extend(applied.errors or ())
        configs[key] = _Given(applied.value)
    if problems:
        raise InvalidConfigError("Error in config for resources ", problems, given)
    return configs


@contextmanager
def build_resources(
    resources: Mapping[str, Any],
    instance: Any = None,
    resource_config: Mapping[str, Any] | None = None,
    dagster_run: Any = None,
    log_manager: Any = None,
    event_loop: Any = None,
) -> Generator[Resources, None, None]:
    """Make resources for the time of a ``with`` block, outside of any run.

    Args:
        resources: Resources by key: resource classes with their config, definitions, or any plain objects.
        instance: What the resources get as `context.instance`; None is one that forgets.
        resource_config: By key, a dict with `config`.
        dagster_run: What the resources get as `context.run`; None is none.
        log_manager: What the resources get as `context.log`; None is the logger `cellmill`.
        event_loop: What the resources get as `context.event_loop`.

    Returns:
        A context manager that gives the resources as attributes.

    Raises:
        InvalidConfigError: with every problem of the config.
        ResourceFunctionError: where making a resource fails.
    """
    if not isinstance(resources, Mapping):
        raise ParameterCheckError(f"build_resources takes a dictionary of resources; got {resources!r}.")
    defs = wrap_resources_for_execution(resources)
    configs = resolve_resource_configs(defs, resource_config)
    with ResourceScope(
        defs, configs, instance=instance, run=dagster_run, log=log_manager, event_loop=event_loop
    ) as scope:
        yield scope.resources(defs)


def opened(resources: Mapping[str, Any], instance: Any) -> tuple[ResourceScope, Resources]:
    """Return resources that are set up, with the scope that takes them down."""
    defs = wrap_resources_for_execution(resources)
    scope = ResourceScope(defs, resolve_resource_configs(defs, None), instance=instance)
    try:
        return scope, scope.resources(defs)
    except BaseException:
        scope.close()
        raise


def build_init_resource_context(
    config: Any = None,
    resources: Mapping[str, Any] | None = None,
    instance: Any = None,
) -> UnboundInitResourceContext:
    """Return an init context with what is given, for calling a resource by hand; generator resources need ``with``.

    Args:
        config: What the resource finds in `context.resource_config`.
        resources: Resources by key that it finds in `context.resources`.
        instance: What it finds in `context.instance`; None is one that forgets.
    """
    defs = wrap_resources_for_execution(resources)
    scope, made = opened(defs, instance)
    return UnboundInitResourceContext(
        scope=scope,
        has_generators=scope.has_generators,
        resource_config=config if config is not None else {},
        resources=made,
        all_resource_defs=defs,
        instance=instance,
    )
