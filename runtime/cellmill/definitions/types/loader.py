"""Type loaders: how the value of an unconnected input is made from run config."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable, Set
from typing import Any, Protocol

from cellmill.definitions.config.alternatives import Noneable, ScalarUnion
from cellmill.definitions.config.config_type import ANY, ConfigType, ScalarConfigType
from cellmill.definitions.config.field import Array, Map, Permissive, Selector
from cellmill.definitions.config.process import as_config_type
from cellmill.errors import InvalidDefinitionError

_FILES = {"json": {"path": str}, "pickle": {"path": str}}


class TypeLoaderContext(Protocol):
    """What a type loader may read: the resources it requires, and the run's log."""

    @property
    def resources(self) -> Any:
        """The resources that the loader requires."""
        ...

    @property
    def log(self) -> Any:
        """The log of the run."""
        ...

    @property
    def job_def(self) -> Any:
        """The job that runs."""
        ...

    @property
    def op_def(self) -> Any:
        """The op whose input is loaded."""
        ...


class TypeLoader:
    """Makes a value of a type from config; subclass it, or decorate a function with `type_loader`."""

    @property
    def schema_type(self) -> ConfigType:
        """What the config may be."""
        raise AttributeError("schema_type")

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        """Return the value that checked config stands for; override it.

        Args:
            context: What the loader may read: resources and the log.
            config_value: The config.
        """
        return config_value

    def required_resource_keys(self) -> Set[str]:
        """The keys of the resources that the loader uses."""
        return frozenset()

    @property
    def loader_version(self) -> str | None:
        """The version of the loader's code, if one is declared."""
        return None


class FunctionTypeLoader(TypeLoader):
    """A loader that a function is."""

    def __init__(
        self, config_type: ConfigType, function: Callable[[Any, Any], Any], required_resource_keys: Set[str]
    ) -> None:
        self._config_type = config_type
        self._function = function
        self._required_resource_keys = frozenset(required_resource_keys)
        self.__wrapped__ = function
        self.__doc__ = function.__doc__

    @property
    def schema_type(self) -> ConfigType:
        """What the config may be."""
        return self._config_type

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        """What the function returns."""
        return self._function(context, config_value)

    def required_resource_keys(self) -> Set[str]:
        """The keys of the resources that the function uses."""
        return self._required_resource_keys


def type_loader(
    config_schema: Any, required_resource_keys: Set[str] | None = None
) -> Callable[[Callable[[Any, Any], Any]], TypeLoader]:
    """Make the decorated function of (context, config) a type loader: what makes a value of an unconnected input.

    Args:
        config_schema: What the config may be, in any form that `Field` takes.
        required_resource_keys: Keys of resources that the function reads from `context.resources`.

    Returns:
        A decorator that makes a `TypeLoader` of a function.

    Raises:
        InvalidDefinitionError: where the function takes fewer arguments.
    """
    config_type = as_config_type(config_schema)

    def of_function(function: Callable[[Any, Any], Any]) -> TypeLoader:
        parameters = [
            parameter
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        if len(parameters) < 2:
            raise InvalidDefinitionError(
                f"@type_loader function '{function.__name__}' takes (context, config); it has "
                f"{len(parameters)} parameters."
            )
        return FunctionTypeLoader(config_type, function, required_resource_keys or frozenset())

    return of_function


class ScalarLoader(TypeLoader):
    """A scalar as it stands, or read: ``{"value": …}``, ``{"json": {"path": …}}``, ``{"pickle": {"path": …}}``."""

    def __init__(self, scalar: ScalarConfigType) -> None:
        self._schema = ScalarUnion(scalar, Selector({"value": scalar, **_FILES}))

    @property
    def schema_type(self) -> ConfigType:
        """The scalar or a choice of sources."""
        return self._schema

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        """The scalar, or what the chosen source holds."""
        return _read_choice(config_value) if isinstance(config_value, dict) else config_value


class AnyLoader(TypeLoader):
    """Any value, read from a chosen source."""

    def __init__(self) -> None:
        self._schema = Selector({"value": ANY, **_FILES})

    @property
    def schema_type(self) -> ConfigType:
        """A choice of sources."""
        return self._schema

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        """What the chosen source holds."""
        return _read_choice(config_value)


class DictLoader(TypeLoader):
    """A dictionary as it stands."""

    @property
    def schema_type(self) -> ConfigType:
        """Any dictionary."""
        return Permissive()


class ListLoader(TypeLoader):
    """A list whose items the inner loader makes, turned into a list, set or tuple."""

    def __init__(self, inner: TypeLoader, make: Callable[[list[Any]], Any] = list) -> None:
        self._inner = inner
        self._make = make
        self._schema = Array(inner.schema_type)

    @property
    def schema_type(self) -> ConfigType:
        """A list of what the inner loader takes."""
        return self._schema

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        """The items, each made by the inner loader."""
        return self._make([self._inner.construct_from_config_value(context, item) for item in config_value])


class TupleLoader(TypeLoader):
    """A tuple from a list with one item for each type."""

    def __init__(self, inners: list[TypeLoader]) -> None:
        self._inners = inners

    @property
    def schema_type(self) -> ConfigType:
        """A list of any values."""
        return Array(ANY)

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        """The items, each made by the loader of its place."""
        return tuple(
            inner.construct_from_config_value(context, item)
            for inner, item in zip(self._inners, config_value, strict=False)
        )


class MapLoader(TypeLoader):
    """A dictionary whose values the inner loader makes."""

    def __init__(self, key_type: ConfigType, inner: TypeLoader) -> None:
        self._inner = inner
        self._schema = Map(key_type, inner.schema_type)

    @property
    def schema_type(self) -> ConfigType:
        """A dictionary of what the inner loader takes."""
        return self._schema

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        """The dictionary, each value made by the inner loader."""
        return {key: self._inner.construct_from_config_value(context, item) for key, item in config_value.items()}


class OptionalLoader(TypeLoader):
    """None, or what the inner loader makes."""

    def __init__(self, inner: TypeLoader) -> None:
        self._inner = inner
        self._schema = Noneable(inner.schema_type)

    @property
    def schema_type(self) -> ConfigType:
        """What the inner loader takes, or None."""
        return self._schema

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        """None, or what the inner loader makes."""
        return None if config_value is None else self._inner.construct_from_config_value(context, config_value)


def _read_choice(choice: dict[str, Any]) -> Any:
    ((source, value),) = choice.items()
    if source == "json":
        with open(value["path"], encoding="utf-8") as file:
            return json.load(file)["value"]
    if source == "pickle":
        # The path stands in the run's own config, written by whoever may run this code anyway.
        with open(value["path"], "rb") as binary:
            return pickle.load(binary)
    return value
