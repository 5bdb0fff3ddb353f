"""Config mappings: one small outer config that a function turns into the config of everything inside."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast, overload

from cellmill.definitions.config.field import Field, convert_to_field
from cellmill.definitions.config.process import process_config, resolve_defaults, validate_config
from cellmill.definitions.config.schema import ANY_FIELD
from cellmill.errors import ConfigMappingFunctionError, InvalidConfigError, InvalidDefinitionError, ParameterCheckError

ConfigFn = Callable[[Any], Any]


class ConfigMapping:
    """A function from outer config to inner config, with the schema of the outer one.

    On a job the inner config is run config; on a graph it is the config of the nodes, by name.

    Args:
        config_fn: Takes the outer config, or an object of the `Config` class that its parameter is annotated with, and
            returns the inner one as a dict or `RunConfig`.
        config_schema: Schema of the outer config, in any form that `Field` takes; None takes that of the annotation, or
            any config.
        receive_processed_config_values: With False the function gets the config as written, with the defaults, members
            of enums by name and ``{"env": …}`` in place; needs a `config_schema`.

    Raises:
        ParameterCheckError: where `config_fn` is no function, or the last argument comes without a schema.
    """

    def __init__(
        self,
        config_fn: ConfigFn,
        config_schema: Any = None,
        receive_processed_config_values: bool | None = None,
    ) -> None:
        if not callable(config_fn):
            raise ParameterCheckError(f"ConfigMapping(config_fn=…) is a function; got {config_fn!r}.")
        self.config_fn = config_fn
        self.config_schema: Field | None = None if config_schema is None else convert_to_field(config_schema)
        if config_schema is None and receive_processed_config_values is not None:
            raise ParameterCheckError(
                "receive_processed_config_values of a ConfigMapping has a meaning only together with config_schema."
            )
        self.receive_processed_config_values = receive_processed_config_values is not False
        self._config_class = config_class_of(config_fn)
        if config_schema is not None and self._config_class is not None:
            raise ParameterCheckError(
                "Cannot provide config_schema to a config mapping whose parameter is annotated with a Config class "
                f"({self._config_class.__name__}): the class is the schema."
            )
        if self.config_schema is None and self._config_class is not None:
            self.config_schema = self._config_class.to_config_field()
        self.__doc__ = config_fn.__doc__

    @property
    def field(self) -> Field:
        """The field of the outer config; any config where no schema is declared."""
        return self.config_schema if self.config_schema is not None else ANY_FIELD

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.config_fn(*args, **kwargs)

    def resolve_from_unvalidated_config(self, config: Any) -> Any:
        """Return the inner config for outer config as written, checked first.

        Args:
            config: The outer config.

        Raises:
            InvalidConfigError: where the outer config does not fit the schema.
            ConfigMappingFunctionError: where the function raises.
        """
        if self.receive_processed_config_values:
            result = process_config(self.field.config_type, config)
        else:
            result = validate_config(self.field.config_type, config)
            if result.success:
                result = resolve_defaults(self.field.config_type, config)
        if not result.success:
            raise InvalidConfigError("Error in config mapping ", result.errors or [], config)
        mapped = self.resolve_from_validated_config(result.value)
        if not isinstance(mapped, Mapping):
            raise InvalidConfigError(
                f"The config mapping function must return a dictionary; got {mapped!r} of type "
                f"{type(mapped).__name__}.",
                [],
                mapped,
            )
        return mapped

    def resolve_from_validated_config(
        self, config: Any, what: str = "The config mapping function", at: str = ""
    ) -> Any:
        """Return the inner config for checked outer config.

        Args:
            config: The outer config, with defaults.
            what: How errors name the function.
            at: Where it is used, as a sentence without its full stop.

        Raises:
            ConfigMappingFunctionError: where the function raises.
        """
        try:
            given = config if self._config_class is None else self._config_class._from_config_value(config)
            mapped = self.config_fn(given)
        except Exception as error:
            raise ConfigMappingFunctionError(
                f"{what} has thrown an unexpected error during its execution{f'. {at}.' if at else ':'} "
                f"{type(error).__name__}: {error}",
                error,
            ) from error
        to_dict = getattr(mapped, "to_config_dict", None)
        return mapped if to_dict is None else to_dict()


@overload
def config_mapping(config_fn: ConfigFn) -> ConfigMapping: ...


@overload
def config_mapping(
    *, config_schema: Any = None, receive_processed_config_values: bool | None = None
) -> Callable[[ConfigFn], ConfigMapping]: ...


def config_mapping(
    config_fn: ConfigFn | None = None,
    *,
    config_schema: Any = None,
    receive_processed_config_values: bool | None = None,
) -> Any:
    """Make a `ConfigMapping` of the decorated function.

    >>> @op(config_schema={"limit": int, "offset": int})
    ... def rows(context):
    ...     return context.op_config["limit"]
    >>> @config_mapping(config_schema={"limit": int})
    ... def only_limit(config):
    ...     return {"ops": {"rows": {"config": {"limit": config["limit"], "offset": 0}}}}
    >>> @job(config=only_limit)
    ... def load_rows():
    ...     rows()
    >>> load_rows.execute_in_process({"limit": 3}).output_for_node("rows")
    3

    Args:
        config_fn: The function, where the decorator stands without parentheses.
        config_schema: Schema of the outer config; None takes that of the parameter's annotation, or any config.
        receive_processed_config_values: With False the function gets the config as written, with the defaults.

    Returns:
        The `ConfigMapping`, or a decorator where it was called with arguments.
    """
    if config_fn is not None:
        return ConfigMapping(config_fn)
    return lambda fn: ConfigMapping(fn, config_schema, receive_processed_config_values)


def mapping_of_graph_config(config: Any, name: str) -> ConfigMapping:
    """The mapping that the `config=` of a graph is: a mapping, or fixed config for the nodes inside."""
    if isinstance(config, ConfigMapping):
        return config
    to_dict = getattr(config, "to_config_dict", None)
    if to_dict is not None:
        config = to_dict().get("ops", {})
    if isinstance(config, Mapping):
        fixed = dict(config)
        return ConfigMapping(lambda _: fixed)
    raise InvalidDefinitionError(f"config of graph '{name}' is a ConfigMapping or a dictionary; got {config!r}.")


def config_class_of(function: ConfigFn) -> Any:
    """The Config class that the function's only parameter is annotated with, or None."""
    try:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    except (TypeError, ValueError, NameError):
        return None
    annotation = parameters[0].annotation if parameters else None
    if not isinstance(annotation, type) or not hasattr(annotation, "to_config_field"):
        return None
    if len(parameters) > 1:
        raise ParameterCheckError(
            f"@configured function should have exactly one parameter where it takes a Config object; "
            f"{getattr(function, '__name__', function)!r} has {[one.name for one in parameters]}."
        )
    return cast(Any, annotation)
