"""Resources: what ops and assets use but do not make, set up before the steps that need it and taken down after."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Self, overload

from cellmill.definitions.config.config_type import ConfigType
from cellmill.definitions.config.configurable import AnonymousConfigurableDefinition
from cellmill.definitions.config.field import Field
from cellmill.definitions.config.process import process_config
from cellmill.definitions.config.schema import DefinitionConfigSchema, definition_config_schema
from cellmill.definitions.init_resource_context import InitResourceContext
from cellmill.errors import (
    InvalidConfigError,
    InvalidDefinitionError,
    InvalidInvocationError,
    ParameterCheckError,
)

ResourceFn = Callable[..., Any]


class ResourceDefinition(AnonymousConfigurableDefinition):
    """How a resource is made: a function of the init context, the config it takes and the resources it needs.

    Args:
        resource_fn: Takes the `InitResourceContext` (or nothing) and returns the resource, or yields it once and takes
            it down after.
        config_schema: Schema of `context.resource_config`, in any form that `Field` takes; None takes any config.
        description: What the resource is.
        required_resource_keys: Keys of resources that are made before and read from `context.resources`.
        version: Version of the resource's code, kept with the definition.

    Raises:
        ParameterCheckError: where `resource_fn` is no function, or the keys are no set of texts.
    """

    #: User code gets what the definition makes, never the definition.
    __makes_resource__ = True
    #: The configurable object that the definition was made from, and the resources in that object's fields.
    made_from: Any = None
    nested_resources: Mapping[str, Any] = {}
    #: The object that the resource is, where no function makes it.
    held: Any = None

    def __init__(
        self,
        resource_fn: ResourceFn,
        config_schema: Any = None,
        description: str | None = None,
        required_resource_keys: Set[str] | None = None,
        version: str | None = None,
    ) -> None:
        if not callable(resource_fn):
            raise ParameterCheckError(f"resource_fn is a function of the init context; got {resource_fn!r}.")
        self.resource_fn = resource_fn
        self._config_schema = definition_config_schema(config_schema)
        self.description = description
        self.required_resource_keys: frozenset[str] = _checked_keys(required_resource_keys)
        self.version = version
        self.context_parameter = _context_parameter(resource_fn)

    @property
    def config_schema(self) -> DefinitionConfigSchema:
        """The schema of the resource's config."""
        return self._config_schema

    def get_required_resource_keys(self, resource_defs: Mapping[str, ResourceDefinition]) -> Set[str]:
        """Return the keys of the resources that this one needs, those of resources held in its fields included.

        Args:
            resource_defs: All resources, by key.
        """
        if not self.nested_resources:
            return self.required_resource_keys
        return self.required_resource_keys | _nested_keys(self.nested_resources, resource_defs)

    def copy_for_configured(self, description: str | None, config_schema: Any) -> Self:
        """The same resource with another config schema."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._config_schema = config_schema
        made.version = None
        made.description = description if description is not None else self.description
        return made

    def make(self, context: InitResourceContext) -> Any:
        """Return what the function returns for an init context: the resource, or a generator of it.

        Args:
            context: The init context.
        """
        return self.resource_fn(context) if self.context_parameter is not None else self.resource_fn()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        context = self._context_of_call(args, kwargs)
        if self.context_parameter is not None:
            self._check_needs(context)
            config = self._config_of_call(context)
            bound = context if context is not None else InitResourceContext(resource_def=self)
            made = self.resource_fn(bound.replace_config(config))
        else:
            made = self.resource_fn()
        return contextmanager(lambda: made)() if inspect.isgenerator(made) else made

    def _context_of_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> InitResourceContext | None:
        name = self.context_parameter
        if name is None:
            if args or kwargs:
                raise InvalidInvocationError(
                    "Attempted to invoke resource with argument, but underlying function has no context argument. "
                    "Either specify a context argument on the resource function, or remove the passed-in argument."
                )
            return None
        if len(args) + len(kwargs) == 0:
            raise InvalidInvocationError(
                "Resource initialization function has context argument, but no context was provided when invoking; "
                "give it build_init_resource_context(…)."
            )
        if len(args) + len(kwargs) > 1:
            raise InvalidInvocationError(
                "Initialization of resource received multiple arguments. Only a first positional context parameter "
                "should be provided when invoking."
            )
        if kwargs and name not in kwargs:
            raise InvalidInvocationError(f"Resource initialization expected argument '{name}'.")
        context = args[0] if args else kwargs[name]
        if context is not None and not isinstance(context, InitResourceContext):
            raise InvalidInvocationError(f"A resource is called with an InitResourceContext or None; got {context!r}.")
        return context

    def _check_needs(self, context: InitResourceContext | None) -> None:
        if not self.required_resource_keys:
            return
        if context is None:
            raise InvalidInvocationError(
                "Resource has required resources, but no context was provided. Use the `build_init_resource_context` "
                "function to construct a context with the required resources."
            )
        given = context.resource_keys()
        for key in sorted(self.required_resource_keys):
            if key not in given:
                raise InvalidDefinitionError(
                    f"resource with key '{key}' required was not provided. Please provide a ResourceDefinition to key "
                    f"'{key}', or change the required key to one of the following keys which points to an "
                    f"ResourceDefinition: {sorted(given)}"
                )

    def _config_of_call(self, context: InitResourceContext | None) -> Any:
        schema = self._config_schema
        field = schema.as_field()
        given = None if context is None else context.resource_config
        if context is None and field.is_required:
            raise InvalidInvocationError(
                "Resource has required config schema, but no context was provided. Use the "
                "`build_init_resource_context` function to construct a context with config."
            )
        given = {"config": given} if given else {}
        result = process_config({"config": field}, given)
        if not result.success:
            raise InvalidConfigError("Error in config for resource", result.errors, given)
        given = result.value.get("config")
        applied = schema.apply(given)
        if not applied.success:
            raise InvalidConfigError("Error when applying config mapping for resource", applied.errors, given)
        return applied.value

    def __repr__(self) -> str:
        return f"ResourceDefinition({getattr(self.resource_fn, '__name__', self.resource_fn)!r})"

    @staticmethod
    def hardcoded_resource(value: Any, description: str | None = None) -> ResourceDefinition:
        """Return a resource that is always this value.

        Args:
            value: What user code gets.
            description: What the resource is.
        """
        made = ResourceDefinition(lambda _init_context: value, description=description)
        made.held = value
        return made

    @staticmethod
    def mock_resource(description: str | None = None) -> ResourceDefinition:
        """Return a resource that is a `MagicMock`, for tests.

        Args:
            description: What the resource is.
        """
        # unittest.mock loads asyncio, which nothing else here needs.
        return ResourceDefinition(lambda _: import_module("unittest.mock").MagicMock(), description=description)

    @staticmethod
    def none_resource(description: str | None = None) -> ResourceDefinition:
        """Return a resource that is None.

        Args:
            description: What the resource is.
        """
        return ResourceDefinition.hardcoded_resource(None, description)

    @staticmethod
    def string_resource(description: str | None = None) -> ResourceDefinition:
        """Return a resource that is the text of its config.

        Args:
            description: What the resource is.
        """
        return ResourceDefinition(
            lambda init_context: init_context.resource_config, config_schema=str, description=description
        )


@overload
def resource(config_schema: ResourceFn) -> ResourceDefinition: ...


@overload
def resource(
    config_schema: ConfigType | Field | Mapping[str, Any] | Sequence[Any] | type | None = None,
    description: str | None = None,
    required_resource_keys: Set[str] | None = None,
    version: str | None = None,
) -> Callable[[ResourceFn], ResourceDefinition]: ...


def resource(
    config_schema: Any = None,
    description: str | None = None,
    required_resource_keys: Set[str] | None = None,
    version: str | None = None,
) -> Any:
    """Make a resource of the decorated function of the init context; what a generator yields is taken down after
    use.

    >>> @resource(config_schema={"word": str})
    ... def greeter(context):
    ...     yield context.resource_config["word"]
    >>> with build_resources({"greeter": greeter.configured({"word": "hi"})}) as resources:
    ...     resources.greeter
    'hi'

    Args:
        config_schema: Schema of `context.resource_config`, in any form that `Field` takes; None takes any config. The
            function itself, where the decorator stands without parentheses.
        description: What the resource is; None takes the docstring.
        required_resource_keys: Keys of resources that are made before and read from `context.resources`.
        version: Version of the resource's code, kept with the definition.

    Returns:
        The `ResourceDefinition`, or a decorator where it was called with arguments.

    Raises:
        InvalidDefinitionError: where the function needs more than one argument.
    """
    if inspect.isfunction(config_schema):
        return _of_function(config_schema, None, None, None, None)
    return lambda function: _of_function(function, config_schema, description, required_resource_keys, version)


def _of_function(
    function: ResourceFn,
    config_schema: Any,
    description: str | None,
    required_resource_keys: Set[str] | None,
    version: str | None,
) -> ResourceDefinition:
    required = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(required) > 1:
        raise InvalidDefinitionError(
            f"@resource decorated function '{function.__name__}' expects only a single positional required argument. "
            f"Got required extra params {', '.join(required[1:])}"
        )
    made = ResourceDefinition(
        function,
        config_schema,
        description if description is not None else inspect.getdoc(function),
        required_resource_keys,
        version,
    )
    made.__doc__ = function.__doc__
    return made


def make_values_resource(**kwargs: Any) -> ResourceDefinition:
    """Return a resource that is its config: a dictionary of these entries, or any value where none are named.

    Args:
        kwargs: By entry, its config type.
    """
    return ResourceDefinition(
        lambda init_context: init_context.resource_config,
        config_schema=dict(kwargs) if kwargs else Field(Any, default_value={}),
    )


def wrap_resource(value: Any) -> ResourceDefinition:
    """The definition of a resource given as a definition, as a configurable object or as any plain object."""
    if isinstance(value, ResourceDefinition):
        return value
    make = getattr(type(value), "get_resource_definition", None)
    if make is not None and not isinstance(value, type):
        made = make(value)
        assert isinstance(made, ResourceDefinition)
        return made
    return ResourceDefinition.hardcoded_resource(value)


def wrap_resources_for_execution(resources: Mapping[str, Any] | None) -> dict[str, ResourceDefinition]:
    """The definition of each resource, plain objects wrapped."""
    return {key: wrap_resource(value) for key, value in (resources or {}).items()}


def top_level_key(value: Any, resource_defs: Mapping[str, Any]) -> str | None:
    """The key under which a resource that another one holds is provided itself, or None."""
    for key, definition in resource_defs.items():
        if definition is value or getattr(definition, "made_from", NOTHING) is value:
            return key
    return None


NOTHING = object()


def _nested_keys(nested: Mapping[str, Any], resource_defs: Mapping[str, Any]) -> frozenset[str]:
    keys: set[str] = set()
    for value in nested.values():
        if hasattr(type(value), "configure_at_launch"):
            keys |= wrap_resource(value).get_required_resource_keys(resource_defs)
            continue
        key = top_level_key(value, resource_defs)
        if key is not None:
            keys.add(key)
        elif hasattr(value, "resource_cls") or not _is_configured(value):
            raise not_top_level(value)
    return frozenset(keys)


def _is_configured(value: Any) -> bool:
    return not isinstance(value, ResourceDefinition) or not value.config_schema.as_field().is_required


def not_top_level(value: Any) -> InvalidDefinitionError:
    """The error for a resource to be configured at launch that has no key of its own."""
    return InvalidDefinitionError(
        "Any partially configured, nested resources must be provided as a top level resource: put "
        f"{value!r} under a key of its own into the resources of the Definitions or of the job."
    )


def _context_parameter(function: ResourceFn) -> str | None:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return "init_context"
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.VAR_POSITIONAL):
            return parameter.name
    return None


def _checked_keys(keys: Set[str] | None) -> frozenset[str]:
    if keys is None:
        return frozenset()
    if isinstance(keys, str) or any(not isinstance(key, str) for key in keys):
        raise ParameterCheckError(f"required_resource_keys is a set of str; got {keys!r}.")
    return frozenset(keys)
