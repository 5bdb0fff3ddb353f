"""`configured`: a definition with part or all of its config given in advance."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar, cast

from cellmill.definitions.config.config_type import ANY, ConfigType
from cellmill.definitions.config.evaluation import EvaluateValueResult
from cellmill.definitions.config.field import Field, Permissive, Shape, convert_to_field
from cellmill.definitions.config.schema import ConfiguredConfigSchema, DefinitionConfigSchema
from cellmill.definitions.configured import configured_node
from cellmill.errors import CheckError, InvalidDefinitionError

D = TypeVar("D", bound="ConfigurableDefinition")


class ConfigurableDefinition:
    """A definition that takes config: an op, a graph, a resource, an IO manager, a logger or an executor."""

    @property
    def config_schema(self) -> DefinitionConfigSchema:
        """The schema of the definition's config."""
        raise AttributeError("config_schema")

    @property
    def has_config_field(self) -> bool:
        """Whether run config has a place for this definition's config."""
        return True

    @property
    def config_field(self) -> Field:
        """The field that stands in run config."""
        return self.config_schema.as_field()

    def apply_config_mapping(self, config: Any) -> EvaluateValueResult:
        """What user code gets for ``{"config": …}``, with the functions of `configured` applied."""
        result = self.config_schema.apply(config.get("config") if config else None)
        if not result.success:
            return result
        return EvaluateValueResult.for_value({"config": result.value} if result.value is not None else {})

    def _configured_schema(self, name: str, config_or_config_fn: Any, config_schema: Any) -> DefinitionConfigSchema:
        field = None if config_schema is None else convert_to_field(config_schema)
        if field is None and callable(config_or_config_fn):
            field = _field_of_parameter(config_or_config_fn)
        return ConfiguredConfigSchema(self.config_schema, field, config_or_config_fn, name)


class AnonymousConfigurableDefinition(ConfigurableDefinition):
    """A configurable definition without a name: a resource, an IO manager, a logger."""

    def copy_for_configured(self, description: str | None, config_schema: Any) -> Self:
        """The same definition with another schema."""
        raise AttributeError("copy_for_configured")

    def configured(self, config_or_config_fn: Any, config_schema: Any = None, description: str | None = None) -> Self:
        """Return this definition with its config given: as a value, or by a function from the new config to the old.

        Args:
            config_or_config_fn: The config, or the function.
            config_schema: Schema of the new config, where a function is given.
            description: What the new definition is; None keeps this one's.
        """
        schema = self._configured_schema(type(self).__name__, config_or_config_fn, config_schema)
        return self.copy_for_configured(description, schema)


class NamedConfigurableDefinition(ConfigurableDefinition):
    """A configurable definition with a name: an op, a graph, an executor."""

    @property
    def name(self) -> str:
        """The name of the definition."""
        raise AttributeError("name")

    def copy_for_configured(self, name: str, description: str | None, config_schema: Any) -> Self:
        """The same definition with another name and schema."""
        raise AttributeError("copy_for_configured")

    def configured(
        self,
        config_or_config_fn: Any,
        name: str,
        config_schema: Any = None,
        description: str | None = None,
    ) -> Self:
        """Return this definition under a new name with its config given: as a value, or by a function.

        Args:
            config_or_config_fn: The config, or a function from the new config to the old.
            name: Name of the new definition.
            config_schema: Schema of the new config, where a function is given.
            description: What the new definition is; None keeps this one's.
        """
        if not isinstance(name, str):
            raise CheckError(f"configured(name=…) of {self.name!r} is the new definition's name as str; got {name!r}.")
        schema = self._configured_schema(name, config_or_config_fn, config_schema)
        return self.copy_for_configured(name, description, schema)


def configured(configurable: D, config_schema: Any = None, **kwargs: Any) -> Callable[[Any], D]:
    """Give a definition config in advance: all of it, or by a function from simpler config to its own.

    ``configured(x)({"a": 1})`` gives fixed config; ``@configured(x, config_schema={…})`` decorates a function, which
    gets the new config and returns that of the definition.

    Args:
        configurable: An op, graph, resource, IO manager, logger or executor definition.
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


def _field_of_parameter(function: Callable[..., Any]) -> Field | None:
    """The field of a function's only parameter if that is annotated with a Config class."""
    try:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    except (TypeError, ValueError, NameError):
        return None
    if len(parameters) != 1:
        return None
    annotation = parameters[0].annotation
    make = getattr(annotation, "to_config_field", None) if isinstance(annotation, type) else None
    return cast(Field, make()) if make is not None else None


def curried(config_type: ConfigType, values: Mapping[str, Any]) -> ConfigType:
    """The same type with these values as the defaults of its fields, so that the rest need not be given with them."""
    if not isinstance(config_type, (Shape, Permissive)):
        return config_type
    fields = dict(config_type.fields)
    for name, value in values.items():
        own = fields.get(name)
        if own is None:
            continue
        inner = curried(own.config_type, value) if isinstance(value, Mapping) else own.config_type
        fields[name] = Field(inner, default_value=value, description=own.description)
    if isinstance(config_type, Permissive):
        extra = {name: Field(ANY, default_value=value) for name, value in values.items() if name not in fields}
        return Permissive(fields | extra, config_type.description)
    return Shape(fields, config_type.description, config_type.field_aliases)
