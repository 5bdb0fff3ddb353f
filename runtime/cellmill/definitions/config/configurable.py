"""Definitions that take config, and may be given part of it in advance: see `configured`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any, Self

from cellmill.definitions.config.config_mapping import config_class_of
from cellmill.definitions.config.config_type import ANY, ConfigType
from cellmill.definitions.config.evaluation import EvaluateValueResult
from cellmill.definitions.config.field import Field, Permissive, Shape, convert_to_field
from cellmill.definitions.config.schema import ConfiguredConfigSchema, DefinitionConfigSchema
from cellmill.errors import CheckError


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
        config_or_config_fn, config_schema = typed_function(config_or_config_fn, config_schema)
        field = None if config_schema is None else convert_to_field(config_schema)
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


def typed_function(function: Any, config_schema: Any) -> tuple[Any, Any]:
    """The function that `configured` decorates, made to take and give plain config, and the schema of what it takes.

    A parameter that is annotated with a `Config` class says the schema. Anything else comes back as it is.
    """
    if not callable(function):
        return function, config_schema
    config_class = config_class_of(function)
    if config_class is None:
        return function, config_schema
    if config_schema is not None:
        raise CheckError("Cannot provide config_schema to @configured function with Config-annotated param.")

    @wraps(function)
    def plain(config: Any) -> Any:
        found = function(config_class._from_config_value(config))
        to_config = getattr(found, "_as_config_value", None)
        return found if to_config is None else to_config()

    return plain, config_class.to_config_field()


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
