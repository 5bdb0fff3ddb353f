"""`configured`: a definition with part or all of its config given in advance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from cellmill.definitions.config.configurable import (
    AnonymousConfigurableDefinition,
    ConfigurableDefinition,
    NamedConfigurableDefinition,
    typed_function,
)
from cellmill.definitions.config.field import convert_to_field
from cellmill.definitions.config.schema import ConfiguredConfigSchema, DefinitionConfigSchema, PlainConfigSchema
from cellmill.errors import CheckError, InvalidDefinitionError

D = TypeVar("D", bound=ConfigurableDefinition)


def schema_of(definition: Any) -> DefinitionConfigSchema:
    """The config schema of a definition, with what `configured` did to it."""
    configured: DefinitionConfigSchema | None = getattr(definition, "configured_with", None)
    if configured is not None:
        return configured
    own = getattr(definition, "config_schema", None)
    if isinstance(own, (PlainConfigSchema, ConfiguredConfigSchema)):
        return own
    return PlainConfigSchema(definition.config_field)


def configured_node(
    definition: Any,
    config_or_config_fn: Any,
    name: str | None,
    config_schema: Any = None,
    description: str | None = None,
) -> Any:
    """The op or graph under a new name, with fixed config or with a function from its new config to the old."""
    config_or_config_fn, config_schema = typed_function(config_or_config_fn, config_schema)
    own_name = name or (getattr(config_or_config_fn, "__name__", None) if callable(config_or_config_fn) else None)
    if own_name is None:
        raise InvalidDefinitionError(
            f"'{definition.name}' cannot be configured without name=…, the name of the configured definition."
        )
    if definition.is_graph and definition.config_mapping is None:
        raise InvalidDefinitionError(
            "Only graphs utilizing config mapping can be pre-configured. The graph "
            f'"{definition.name}" does not have a config mapping, and thus has nothing to be configured.'
        )
    field = None if config_schema is None else convert_to_field(config_schema)
    schema = ConfiguredConfigSchema(
        schema_of(definition), field, config_or_config_fn, f"{'graph' if definition.is_graph else 'op'} '{own_name}'"
    )
    changed: dict[str, Any] = {"name": own_name, "configured_with": schema}
    if description is not None:
        changed["description"] = description
    if not definition.is_graph:
        changed["_config_field"] = field
    return definition.copy_with(**changed)


def configured(configurable: D, config_schema: Any = None, **kwargs: Any) -> Callable[[Any], D]:
    """Give a definition config in advance: all of it, or by a function from simpler config to its own.

    ``configured(x)({"a": 1})`` gives fixed config; ``@configured(x, config_schema={…})`` decorates a function, which
    gets the new config and returns that of the definition.

    Args:
        configurable: An op, graph, resource, IO manager, logger or executor definition, or a class of resources.
        config_schema: Schema of the new config, where a function is given; None takes that of the parameter's
            annotation, or any config.
        kwargs: `name` and `description` of the new definition; ops, graphs and executors need a name where no function
            has one.

    Returns:
        A function that takes the config, or the function to decorate, and returns the configured definition.

    Raises:
        CheckError: where the definition takes no config.
        InvalidDefinitionError: where a name is needed.
    """
    if isinstance(configurable, NamedConfigurableDefinition):
        named = configurable

        def of_named(config_or_config_fn: Any) -> D:
            own = dict(kwargs)
            name = own.pop("name", None) or getattr(config_or_config_fn, "__name__", None)
            if name is None:
                raise InvalidDefinitionError(
                    f"configured({named.name}) with fixed config needs name=…, the name of the configured definition."
                )
            return cast(D, named.configured(config_or_config_fn, name=name, config_schema=config_schema, **own))

        return of_named
    of_class = getattr(configurable, "configure_at_launch", None) if isinstance(configurable, type) else None
    if of_class is not None:
        configurable = of_class().get_resource_definition()
    if isinstance(configurable, AnonymousConfigurableDefinition):
        anonymous = configurable
        return lambda config_or_config_fn: cast(
            D, anonymous.configured(config_or_config_fn, config_schema=config_schema, **kwargs)
        )
    if hasattr(configurable, "is_graph") and hasattr(configurable, "configured_with"):
        node: Any = configurable

        def of_node(config_or_config_fn: Any) -> D:
            own = dict(kwargs)
            name = own.pop("name", None) or getattr(config_or_config_fn, "__name__", None)
            return cast(D, configured_node(node, config_or_config_fn, name, config_schema, **own))

        return of_node
    raise CheckError(
        f"configured() takes an op, graph, resource, IO manager, logger or executor definition; got {configurable!r}."
    )
