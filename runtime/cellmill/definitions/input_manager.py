"""Functions that load inputs, as resources."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Set
from typing import Any

from cellmill.definitions.config.schema import DefinitionConfigSchema, definition_config_schema
from cellmill.definitions.input_context import InputContext
from cellmill.definitions.io_manager import InputManager
from cellmill.definitions.resource import ResourceDefinition

__all__ = ["InputManager", "InputManagerDefinition", "input_manager"]


class FunctionInputManager(InputManager):
    """An input manager that is one function of the input context, or of nothing."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        parameters = inspect.signature(function).parameters.values()
        self._takes_context = any(
            parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.VAR_POSITIONAL)
            for parameter in parameters
        )

    def load_input(self, context: InputContext) -> Any:
        """What the function returns; another input manager that it returns is asked instead."""
        found = self._function(context) if self._takes_context else self._function()
        return found.load_input(context) if isinstance(found, InputManager) else found


class InputManagerDefinition(ResourceDefinition):
    """A resource that makes an input manager.

    Args:
        resource_fn: Takes the `InitResourceContext` (or nothing) and returns an object with `load_input`.
        config_schema: Schema of `context.resource_config`; None takes any config.
        description: What is loaded.
        input_config_schema: Schema of the config that each input may give; None takes none.
        required_resource_keys: Keys of resources that are made before and read from `context.resources`.
        version: Version of the code, kept with the definition.
    """

    def __init__(
        self,
        resource_fn: Callable[..., Any],
        config_schema: Any = None,
        description: str | None = None,
        input_config_schema: Any = None,
        required_resource_keys: Set[str] | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__(resource_fn, config_schema, description, required_resource_keys, version)
        self._input_config_schema = (
            None if input_config_schema is None else definition_config_schema(input_config_schema)
        )

    @property
    def input_config_schema(self) -> DefinitionConfigSchema | None:
        """The schema of the config that an input may give; None where it may give none."""
        return self._input_config_schema


def input_manager(
    config_schema: Any = None,
    description: str | None = None,
    input_config_schema: Any = None,
    required_resource_keys: Set[str] | None = None,
    version: str | None = None,
) -> Any:
    """Make a resource of the decorated function, which gets the `InputContext` (or nothing) and returns the input's
    value.

    Args:
        config_schema: Schema of `context.resource_config`; None takes any config. The function itself, where the
            decorator stands without parentheses.
        description: What is loaded; None takes the docstring.
        input_config_schema: Schema of the config that each input may give, found in `context.config`; None takes none.
        required_resource_keys: Keys of resources that the function reads from `context.resources`.
        version: Version of the code, kept with the definition.

    Returns:
        The `InputManagerDefinition`, or a decorator where it was called with arguments.
    """

    def decorate(function: Callable[..., Any], schema: Any = None) -> InputManagerDefinition:
        manager = FunctionInputManager(function)
        made = InputManagerDefinition(
            lambda _init_context: manager,
            config_schema=schema,
            description=description if description is not None else inspect.getdoc(function),
            input_config_schema=input_config_schema,
            required_resource_keys=required_resource_keys,
            version=version,
        )
        made.__doc__ = function.__doc__
        return made

    if inspect.isfunction(config_schema):
        return decorate(config_schema)
    return lambda function: decorate(function, config_schema)
