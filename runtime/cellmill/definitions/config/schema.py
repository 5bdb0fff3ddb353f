"""The config schema of a definition, and the schema it has after `configured`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from cellmill.definitions.config.config_type import ConfigType
from cellmill.definitions.config.evaluation import EvaluateValueResult, EvaluationError
from cellmill.definitions.config.field import Field, convert_to_field
from cellmill.definitions.config.process import process_config
from cellmill.errors import ConfigMappingFunctionError


class DefinitionConfigSchema(Protocol):
    """What a definition's config may be, and what user code gets for it."""

    def as_field(self) -> Field:
        """The field that stands in run config."""
        ...

    def apply(self, config: Any) -> EvaluateValueResult:
        """The config that user code gets for checked and resolved run config, or the problems found on the way."""
        ...


class _OfField:
    """What a schema of either kind says of its field."""

    __slots__ = ()

    def as_field(self) -> Field:
        """The field that stands in run config."""
        raise AttributeError("as_field")

    @property
    def config_type(self) -> ConfigType:
        """The type of the config."""
        return self.as_field().config_type

    @property
    def default_provided(self) -> bool:
        """Whether there is config where none is given."""
        return self.as_field().default_provided

    @property
    def default_value(self) -> Any:
        """The config where none is given."""
        return self.as_field().default_value


class PlainConfigSchema(_OfField):
    """A schema as the definition declares it; without one any config is taken."""

    __slots__ = ("_field",)

    def __init__(self, field: Field | None) -> None:
        self._field = field

    @property
    def declared(self) -> bool:
        """Whether the definition declares a schema."""
        return self._field is not None

    def as_field(self) -> Field:
        """The declared field, or an optional one of any value."""
        return self._field if self._field is not None else ANY_FIELD

    def apply(self, config: Any) -> EvaluateValueResult:
        """The config itself."""
        return EvaluateValueResult.for_value(config)


ANY_FIELD = Field(Any, is_required=False)
NO_SCHEMA = PlainConfigSchema(None)


class ConfiguredConfigSchema(_OfField):
    """The schema of a definition whose config was given, in whole or through a function, by `configured`."""

    __slots__ = ("_field", "_fixed", "_function", "_name", "_parent")

    def __init__(
        self,
        parent: DefinitionConfigSchema,
        field: Field | None,
        config_or_config_fn: Any,
        name: str = "",
    ) -> None:
        self._parent = parent
        self._function: Callable[[Any], Any] | None = config_or_config_fn if callable(config_or_config_fn) else None
        self._fixed = None if self._function else config_or_config_fn
        # A definition that is configured with fixed config has nothing left to configure.
        self._field = field if field is not None else (ANY_FIELD if self._function else EMPTY_FIELD)
        self._name = name

    @property
    def declared(self) -> bool:
        """Whether there is something left to configure."""
        return self._field is not EMPTY_FIELD

    def as_field(self) -> Field:
        """The field of the function's argument."""
        return self._field

    def apply(self, config: Any) -> EvaluateValueResult:
        """The config that the parent's user code gets: the function's result, checked against the parent's schema."""
        given = self._fixed if self._function is None else self._call(self._function, config)
        if isinstance(given, EvaluateValueResult):
            return given
        field = self._parent.as_field()
        result = process_config(field.config_type, given)
        if not result.success:
            problems = [
                EvaluationError(
                    stack=error.stack,
                    reason=error.reason,
                    message=f"In config from 'configured' of {self._name or 'the definition'}: {error.message}",
                    field_names=error.field_names,
                    allowed=error.allowed,
                )
                for error in result.errors or ()
            ]
            return EvaluateValueResult.for_errors(problems)
        return self._parent.apply(result.value)

    def _call(self, function: Callable[[Any], Any], config: Any) -> Any:
        try:
            return function(config)
        except Exception as error:
            raise ConfigMappingFunctionError(
                f"The config mapping function on a `configured` {self._name or 'definition'} has thrown an unexpected "
                f"error during its execution: {type(error).__name__}: {error}",
                error,
            ) from error


EMPTY_FIELD = Field(Any, is_required=False)


def definition_config_schema(config_schema: Any) -> DefinitionConfigSchema:
    """The schema object of a `config_schema=` argument (None: any config is taken)."""
    if config_schema is None:
        return NO_SCHEMA
    if isinstance(config_schema, (PlainConfigSchema, ConfiguredConfigSchema)):
        return config_schema
    return PlainConfigSchema(convert_to_field(config_schema))
