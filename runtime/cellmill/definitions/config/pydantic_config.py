"""Config as classes: pydantic models that are checked like any other config and handed to user code as objects."""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cellmill.definitions.config.alternatives import Noneable
from cellmill.definitions.config.config_type import ANY, FLOAT, ConfigType, Enum, EnumValue, scalar_of
from cellmill.definitions.config.configurable import curried
from cellmill.definitions.config.env_var import is_env_var
from cellmill.definitions.config.field import (
    NO_DEFAULT,
    Array,
    Field,
    Map,
    Permissive,
    Selector,
    Shape,
    convert_to_field,
    optional_field,
)
from cellmill.definitions.config.schema import PlainConfigSchema
from cellmill.definitions.config.source import BoolSource, IntSource, StringSource
from cellmill.errors import (
    CheckError,
    InvalidDefinitionError,
    InvalidInvocationError,
    InvalidPythonicConfigDefinitionError,
)

_SOURCES: Mapping[Any, ConfigType] = {int: IntSource, str: StringSource, bool: BoolSource, float: FLOAT, Any: ANY}

#: The mark of a secret field among the extras of its JSON Schema, under Dagster's name.
SECRET_MARK = "dagster__is_secret"


class Config(BaseModel):
    """Base of config classes: the fields are the config's entries, with types, defaults, descriptions and constraints.

    An object cannot be changed; `EnvVar("X")` may stand for a value and is read at the start of a run.

    >>> class LoadConfig(Config):
    ...     limit: int = 10
    >>> @op
    ... def rows(config: LoadConfig) -> list[int]:
    ...     return list(range(config.limit))
    >>> @job
    ... def load_rows():
    ...     rows()
    >>> load_rows.execute_in_process(RunConfig(ops={"rows": LoadConfig(limit=2)})).output_for_node("rows")
    [0, 1]
    """

    # A field of any class may be written; one that config cannot hold is refused where the class becomes a schema.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, arbitrary_types_allowed=True)
    _permissive: ClassVar[bool] = False
    _called: ClassVar[str] = "config class"
    _instead: ClassVar[str] = "Make a new object, or use PrivateAttr."

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, annotation in inspect.get_annotations(cls).items():
            if getattr(annotation, "is_runtime_type", False):
                raise InvalidPythonicConfigDefinitionError(
                    f"Error defining config class '{cls.__name__}' on field '{name}': the type {annotation!r} checks "
                    f"the inputs and outputs of ops and assets, and cannot annotate a config type. {_FIELD_TYPES}"
                )

    @model_validator(mode="wrap")
    @classmethod
    def _accept(cls, data: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if not isinstance(data, Mapping):
            return handler(data)
        given = {key: _as_taken(cls, key, value) for key, value in data.items()}
        made = handler(given)
        for name, info in cls.model_fields.items():
            value = given.get(name, given.get(info.alias or name))
            # pydantic would make a plain text or number of a reference to an environment variable.
            if is_env_var(value) or (isinstance(value, (list, Mapping)) and _holds_env_var(value)):
                made.__dict__[name] = value
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except (TypeError, ValueError) as error:
            if not type(self).model_config.get("frozen"):
                raise
            raise InvalidInvocationError(
                f"'{type(self).__name__}' is a Pythonic {self._called} and does not support item assignment, as it "
                f"inherits from 'pydantic.BaseModel' with frozen=True. {self._instead}"
            ) from error

    @classmethod
    def to_fields_dict(cls) -> dict[str, Field]:
        """The config field of each field of the class."""
        return fields_of_class(cls)

    @classmethod
    def to_config_field(cls) -> Field:
        """The field that the class is in run config."""
        return Field(shape_of_class(cls), description=inspect.cleandoc(cls.__doc__) if cls.__doc__ else None)

    @classmethod
    def to_config_schema(cls) -> PlainConfigSchema:
        """The config schema that the class is."""
        return PlainConfigSchema(cls.to_config_field())

    def _as_config_value(self) -> dict[str, Any]:
        """The dictionary that this object is in run config."""
        result = {}
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            if value is not None:
                result[info.alias or name] = _config_value(value, info)
        for name, value in (self.model_extra or {}).items():
            result[name] = _config_value(value, None)
        return result

    @classmethod
    def _from_config_value(cls, config: Mapping[str, Any]) -> Self:
        """The object that resolved config stands for; what says no more than the defaults is left to them, since
        pydantic's validators are not asked of defaults."""
        return cls(**_beyond_defaults(cls, config))

    def _convert_to_config_dictionary(self) -> Mapping[str, Any]:
        return self._as_config_value()


class PermissiveConfig(Config):
    """Base of config classes that take more entries than they name."""

    model_config = ConfigDict(extra="allow")
    _permissive: ClassVar[bool] = True


def field_of_annotation(annotation: Any, default: Any = NO_DEFAULT) -> Field:
    """The field of a parameter named `config` with this annotation and this default."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        made = annotation.to_config_field()
        if isinstance(default, Config):
            value = default._as_config_value()
            made = Field(curried(made.config_type, value), default_value=value, description=made.description)
        return made
    if annotation in (dict, list):
        return Field(convert_to_field(annotation).config_type, default_value=default)
    plain = scalar_of(annotation) if annotation is not None else None
    if plain is not None and annotation is not inspect.Parameter.empty:
        return Field(_SOURCES.get(annotation, plain), default_value=default)
    if get_origin(annotation) in (list, dict):
        return Field(config_type_of(annotation, None, "config"), default_value=default)
    raise _not_configurable(None, "", annotation)


def shape_of_class(cls: type[Config]) -> Shape | Permissive:
    """The shape of a config class."""
    return shape_of_fields(cls, fields_of_class(cls))


def plain_value(cls: type[Config], name: str, value: Any) -> Any:
    """The value of a field as it would stand in config."""
    info = cls.model_fields.get(name) or next((one for one in cls.model_fields.values() if one.alias == name), None)
    return _config_value(value, info)


def shape_of_fields(cls: type[Config], fields: dict[str, Field]) -> Shape | Permissive:
    """The shape of these fields, open where the class takes more entries."""
    return Permissive(fields) if cls._permissive else Shape(fields)


def fields_of_class(cls: type[Config], skip: frozenset[str] = frozenset()) -> dict[str, Field]:
    """The config fields of a class, by the names that they have in config."""
    return {
        info.alias or name: field_of_info(cls, name, info)
        for name, info in cls.model_fields.items()
        if name not in skip
    }


def field_of_info(cls: type[Config], name: str, info: FieldInfo) -> Field:
    """The config field of a field of a class; `json_schema_extra={"dagster__is_secret": True}` makes it secret."""
    made = _field_of(cls, name, info)
    extra = info.json_schema_extra
    made.is_secret = isinstance(extra, Mapping) and bool(extra.get(SECRET_MARK, False))
    return made


def _field_of(cls: type[Config], name: str, info: FieldInfo) -> Field:
    if isinstance(info.default, Field):
        raise InvalidDefinitionError(
            f"The default of field '{name}' of {cls.__name__} is a Field of a config schema, which is not supported "
            "within a Pythonic config or resource definition. Did you mean to use 'pydantic.Field' instead?"
        )
    config_type = _type_of_info(cls, name, info)
    if info.is_required():
        return Field(config_type, description=info.description)
    default = info.default
    if info.discriminator is not None and info.default_factory is not None:
        default = info.get_default(call_default_factory=True, validated_data={})
    if config_type.kind.has_fields:
        if isinstance(default, Config) or isinstance(default, Mapping):
            value = _config_value(default, info)
            return Field(curried(config_type, value), default_value=value, description=info.description)
    elif not isinstance(config_type, Noneable):
        config_type = Noneable(config_type)
    # A choice has no empty form: without a default object nothing is chosen, and the field may be left out.
    without_choice = default is None and isinstance(config_type, Selector)
    if info.default_factory is not None or default is PydanticUndefined or without_choice:
        made = optional_field(config_type)
        made.description = info.description
        return made
    if default is None and not isinstance(config_type, Noneable):
        config_type = Noneable(config_type)
    return Field(config_type, default_value=_config_value(default, info), description=info.description)


def _type_of_info(cls: type[Config], name: str, info: FieldInfo) -> ConfigType:
    if info.discriminator is None:
        return config_type_of(info.annotation, cls, name)
    if not isinstance(info.discriminator, str):
        raise InvalidPythonicConfigDefinitionError(
            f"Field '{name}' of {cls.__name__} is told apart by a function; name the field that tells the "
            "classes apart: Field(discriminator='kind')."
        )
    members, optional = _union_members(info.annotation)
    choices: dict[str, Any] = {}
    for member in members:
        key_info = member.model_fields[info.discriminator]
        for value in get_args(key_info.annotation):
            inner = fields_of_class(member, skip=frozenset({info.discriminator}))
            choices[str(value)] = Field(shape_of_fields(member, inner))
    selector = Selector(choices)
    return Noneable(selector) if optional else selector


def _union_members(annotation: Any) -> tuple[list[type[Config]], bool]:
    if isinstance(annotation, type):
        return [annotation], False
    args = get_args(annotation)
    return [arg for arg in args if arg is not type(None)], type(None) in args


def config_type_of(annotation: Any, owner: type | None, name: str) -> ConfigType:
    """The config type of an annotation in a config class; an error that names class and field where there is none."""
    if isinstance(annotation, ConfigType):
        return annotation
    try:
        found = _SOURCES.get(annotation)
    except TypeError:
        found = None
    if found is not None:
        return found
    if annotation is dict:
        return Permissive()
    if annotation is list:
        return Array(ANY)
    if isinstance(annotation, type) and not get_args(annotation):
        return _of_class(annotation, owner, name)
    return _of_form(annotation, owner, name)


def _of_class(annotation: type, owner: type | None, name: str) -> ConfigType:
    if issubclass(annotation, enum.Enum):
        # Config names a member, and user code that reads plain config finds the member's value.
        return Enum.from_python_enum_direct_values(annotation)
    if issubclass(annotation, Config):
        return shape_of_class(annotation)
    raise _not_configurable(owner, name, annotation)


def _of_form(annotation: Any, owner: type | None, name: str) -> ConfigType:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return config_type_of(args[0], owner, name)
    if origin in (typing.Union, types.UnionType):
        others = [arg for arg in args if arg is not type(None)]
        if len(others) == 1:
            return Noneable(config_type_of(others[0], owner, name))
    elif origin in (list, Sequence):
        return Array(config_type_of(args[0], owner, name))
    elif origin in (dict, Mapping):
        key_type = scalar_of(args[0])
        if key_type is not None:
            return Map(key_type, config_type_of(args[1], owner, name))
    elif origin is Literal:
        return Enum(
            f"Literal[{', '.join(map(repr, args))}]", [EnumValue(str(value), python_value=value) for value in args]
        )
    raise _not_configurable(owner, name, annotation)


def _not_configurable(owner: type | None, name: str, annotation: Any) -> InvalidPythonicConfigDefinitionError:
    where = f" {owner} on field '{name}'" if owner is not None else f"{f' of parameter {name!r}' if name else ''}"
    resource = (
        " If the field is a resource, annotate it with its class, a ConfigurableResource or ConfigurableIOManager, or "
        f"with ResourceDependency[{getattr(annotation, '__name__', annotation)}]."
    )
    return InvalidPythonicConfigDefinitionError(
        f"Error defining config class{where}.\nUnable to resolve config type {annotation} to a supported config type."
        f"\n\n{_FIELD_TYPES}{resource if getattr(owner, '__is_resource__', False) else ''}"
    )


_FIELD_TYPES = (
    "A config field is int, float, bool, str, a list or dict of these, an enum, a Literal, another Config class, "
    "Optional of one of them, or a union of Config classes with Field(discriminator=…); typing.Any takes any value."
)


def _beyond_defaults(cls: type[Config], config: Mapping[str, Any]) -> dict[str, Any]:
    by_key = {info.alias or name: info for name, info in cls.model_fields.items()}
    return {
        key: _beyond_defaults_of_field(by_key.get(key), value)
        for key, value in config.items()
        if not _is_default(by_key.get(key), value)
    }


def _is_default(info: FieldInfo | None, value: Any) -> bool:
    return info is not None and not info.is_required() and info.default_factory is None and info.default == value


def _beyond_defaults_of_field(info: FieldInfo | None, value: Any) -> Any:
    annotation = None if info is None else info.annotation
    if isinstance(annotation, type) and issubclass(annotation, Config) and isinstance(value, Mapping):
        return annotation._from_config_value(value)
    return value


def _as_taken(cls: type[Config], key: str, value: Any) -> Any:
    """The value of a field as pydantic takes it: where it is a choice written ``{name: {…}}``, what the class chosen
    takes, and where it is the name of an enum's member, the member."""
    info = cls.model_fields.get(key)
    if info is None:
        info = next((one for one in cls.model_fields.values() if one.alias == key), None)
    if info is not None and isinstance(value, str):
        return _member(info.annotation, value)
    if info is None or not isinstance(info.discriminator, str) or not isinstance(value, Mapping):
        return value
    if info.discriminator in value:
        return value
    if len(value) != 1:
        raise CheckError(
            f"Discriminated union must have exactly one key: the value of '{key}' of {cls.__name__} is one choice "
            f"and its config; got {sorted(value)}."
        )
    ((choice, inner),) = value.items()
    return {**(inner or {}), info.discriminator: choice}


def _holds_env_var(value: Any) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(is_env_var(one) or _holds_env_var(one) for one in inner)


def _member(annotation: Any, name: str) -> Any:
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, enum.Enum) and name in one.__members__:
            return one[name]
    return name


def _config_value(value: Any, info: FieldInfo | None) -> Any:
    if is_env_var(value):
        return value.as_config_default()
    if isinstance(value, Config):
        plain = value._as_config_value()
        if info is not None and isinstance(info.discriminator, str):
            choice = plain.pop(info.discriminator)
            return {str(choice): plain}
        return plain
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Mapping):
        return {key: _config_value(inner, None) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_config_value(inner, None) for inner in value]
    return value
