"""How values are stored and loaded: the interface of IO managers, and resources that make them."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, overload

from cellmill.definitions.config.config_type import ConfigType
from cellmill.definitions.config.field import Field
from cellmill.definitions.config.schema import DefinitionConfigSchema, definition_config_schema
from cellmill.definitions.input_context import InputContext
from cellmill.definitions.output_context import OutputContext
from cellmill.definitions.resource import ResourceDefinition
from cellmill.errors import ParameterCheckError

#: The resource key of the IO manager that is used where none is named.
DEFAULT_IO_MANAGER_KEY = "io_manager"


class InputManager(ABC):
    """Loads inputs."""

    @abstractmethod
    def load_input(self, context: InputContext) -> Any:
        """Return the value of an input.

        Args:
            context: Which input of which op, and where its value comes from.
        """


class IOManager(InputManager):
    """Stores outputs, and loads them as inputs of what is downstream.

    An object with these two methods serves as well as a subclass.

    >>> class Shelf(IOManager):
    ...     def __init__(self):
    ...         self.values = {}
    ...     def handle_output(self, context, obj):
    ...         self.values[context.asset_key] = obj
    ...     def load_input(self, context):
    ...         return self.values[context.asset_key]
    >>> shelf = Shelf()
    >>> shelf.handle_output(build_output_context(asset_key="orders"), [1, 2])
    >>> shelf.load_input(build_input_context(asset_key="orders"))
    [1, 2]
    """

    @abstractmethod
    def load_input(self, context: InputContext) -> Any:
        """Return the value that `handle_output` stored for `context.upstream_output`, or for the asset of `context`.

        Args:
            context: Which input, asset and partitions are to be loaded.
        """

    @abstractmethod
    def handle_output(self, context: OutputContext, obj: Any) -> Any:
        """Store a value.

        Args:
            context: Which output, asset and partitions the value is of; `context.add_output_metadata` records what is
                known of it.
            obj: The value.

        Returns:
            None, or the `ValueRef` under which it was stored; it may also be a generator of metadata mappings and
            `AssetMaterialization`s.
        """


def is_io_manager(value: object) -> bool:
    """Whether the object can store outputs and load inputs."""
    return callable(getattr(value, "load_input", None)) and callable(getattr(value, "handle_output", None))


class IOManagerDefinition(ResourceDefinition):
    """A resource that makes an IO manager.

    Args:
        resource_fn: Takes the `InitResourceContext` (or nothing) and returns the IO manager, or yields it once.
        config_schema: Schema of `context.resource_config`; None takes any config.
        description: What the IO manager does.
        required_resource_keys: Keys of resources that are made before and read from `context.resources`.
        version: Version of the code, kept with the definition.
        input_config_schema: Schema of the config that each input may give; None takes none.
        output_config_schema: Schema of the config that each output may give; None takes none.
    """

    def __init__(
        self,
        resource_fn: Callable[..., Any],
        config_schema: Any = None,
        description: str | None = None,
        required_resource_keys: Set[str] | None = None,
        version: str | None = None,
        input_config_schema: Any = None,
        output_config_schema: Any = None,
    ) -> None:
        super().__init__(resource_fn, config_schema, description, required_resource_keys, version)
        self._input_config_schema = _optional_schema(input_config_schema)
        self._output_config_schema = _optional_schema(output_config_schema)

    @property
    def input_config_schema(self) -> DefinitionConfigSchema | None:
        """The schema of the config that an input may give; None where it may give none."""
        return self._input_config_schema

    @property
    def output_config_schema(self) -> DefinitionConfigSchema | None:
        """The schema of the config that an output may give; None where it may give none."""
        return self._output_config_schema

    @staticmethod
    def hardcoded_io_manager(value: Any, description: str | None = None) -> IOManagerDefinition:
        """Return a resource that is always this IO manager.

        Args:
            value: An object with `load_input` and `handle_output`.
            description: What the IO manager does.

        Raises:
            ParameterCheckError: where the object lacks one of the two.
        """
        if not is_io_manager(value):
            raise ParameterCheckError(f"An IO manager has load_input and handle_output; got {value!r}.")
        return IOManagerDefinition(lambda _init_context: value, description=description)


def _optional_schema(schema: Any) -> DefinitionConfigSchema | None:
    return None if schema is None else definition_config_schema(schema)


@overload
def io_manager(config_schema: Callable[..., Any]) -> IOManagerDefinition: ...


@overload
def io_manager(
    config_schema: ConfigType | Field | Mapping[str, Any] | Sequence[Any] | type | None = None,
    description: str | None = None,
    output_config_schema: Any = None,
    input_config_schema: Any = None,
    required_resource_keys: Set[str] | None = None,
    version: str | None = None,
) -> Callable[[Callable[..., Any]], IOManagerDefinition]: ...


def io_manager(
    config_schema: Any = None,
    description: str | None = None,
    output_config_schema: Any = None,
    input_config_schema: Any = None,
    required_resource_keys: Set[str] | None = None,
    version: str | None = None,
) -> Any:
    """Make a resource of the decorated function, which returns an IO manager: any object with `load_input` and
    `handle_output`.

    Args:
        config_schema: Schema of `context.resource_config`; None takes any config. The function itself, where the
            decorator stands without parentheses.
        description: What the IO manager does; None takes the docstring.
        output_config_schema: Schema of the config that each output may give, found in `context.config` when it is
            stored; None takes none.
        input_config_schema: Schema of the config that each input may give, found in `context.config` when it is loaded;
            None takes none.
        required_resource_keys: Keys of resources that are made before and read from `context.resources`.
        version: Version of the code, kept with the definition.

    Returns:
        The `IOManagerDefinition`, or a decorator where it was called with arguments.
    """

    def decorate(function: Callable[..., Any], schema: Any = None) -> IOManagerDefinition:
        made = IOManagerDefinition(
            function,
            config_schema=schema,
            description=description if description is not None else inspect.getdoc(function),
            required_resource_keys=required_resource_keys,
            version=version,
            input_config_schema=input_config_schema,
            output_config_schema=output_config_schema,
        )
        made.__doc__ = function.__doc__
        return made

    if inspect.isfunction(config_schema):
        return decorate(config_schema)
    return lambda function: decorate(function, config_schema)
