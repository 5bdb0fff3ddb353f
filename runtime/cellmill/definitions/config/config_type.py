"""The types that config values have: scalars, containers of them, enums and unions."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any as AnyValue
from typing import ClassVar

from cellmill.definitions.config.evaluation import PostProcessingError, Problems, Stack, nearest, where
from cellmill.errors import CheckError, InvalidDefinitionError, ParameterCheckError


class ConfigTypeKind(StrEnum):
    """The shapes a config type may have."""

    ANY = "ANY"
    SCALAR = "SCALAR"
    ENUM = "ENUM"
    SELECTOR = "SELECTOR"
    STRICT_SHAPE = "STRICT_SHAPE"
    PERMISSIVE_SHAPE = "PERMISSIVE_SHAPE"
    SCALAR_UNION = "SCALAR_UNION"
    MAP = "MAP"
    ARRAY = "ARRAY"
    NONEABLE = "NONEABLE"

    @property
    def has_fields(self) -> bool:
        """Whether types of this kind have named fields."""
        return self in _WITH_FIELDS


_WITH_FIELDS = frozenset({ConfigTypeKind.SELECTOR, ConfigTypeKind.STRICT_SHAPE, ConfigTypeKind.PERMISSIVE_SHAPE})


class ConfigType:
    """What values a place in config takes."""

    kind: ClassVar[ConfigTypeKind]
    given_name: str | None = None
    description: str | None = None

    def check(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note every problem of a value that stands at this place."""
        if value is None:
            problems.mismatch(stack, f'Value {where(stack)} must not be None. Expected "{self.label}"')
        else:
            self.check_value(value, stack, problems)

    def check_value(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note every problem of a value that is not None."""

    def resolve(self, value: AnyValue, stack: Stack, problems: Problems, environment: bool) -> AnyValue:
        """The value that user code gets for a valid config value: defaults filled in, and, where `environment`,
        environment variables read and enum names turned into members."""
        if not environment:
            return value
        try:
            return self.post_process(value)
        except PostProcessingError as error:
            problems.post_processing(stack, value, error)
            return None

    def post_process(self, value: AnyValue) -> AnyValue:
        """The value that user code gets for a valid config value without parts."""
        return value

    @property
    def label(self) -> str:
        """The type in one line, as error messages show it."""
        return self.given_name or type(self).__name__

    @property
    def key(self) -> str:
        """A text that is equal for types of the same form."""
        return self.label

    #: A value of the type, for messages that say what is missing.
    EXAMPLE: ClassVar[AnyValue] = "..."

    def example(self) -> AnyValue:
        """A value of the type, for messages that say what is missing."""
        return self.EXAMPLE

    def __repr__(self) -> str:
        return f"<config {self.label}>"


class ScalarConfigType(ConfigType):
    """One plain value: its Python types, and the word that JSON Schema has for it."""

    kind = ConfigTypeKind.SCALAR
    python_types: ClassVar[tuple[type, ...]] = ()
    json_type: ClassVar[str] = "string"

    def check_value(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note a value of another type."""
        if not self.accepts(value):
            problems.mismatch(
                stack,
                f'Invalid scalar {where(stack)}. Value "{value}" of type "{type(value)}" is not valid for expected '
                f'type "{self.label}".',
                value,
            )

    def accepts(self, value: object) -> bool:
        """Whether the value is of this type (True and False are no numbers)."""
        if isinstance(value, bool) and bool not in self.python_types:
            return False
        return isinstance(value, self.python_types)


class IntConfig(ScalarConfigType):
    """A whole number."""

    given_name = "Int"
    python_types = (int,)
    json_type = "integer"
    EXAMPLE = 0


class StringConfig(ScalarConfigType):
    """A text."""

    given_name = "String"
    python_types = (str,)


class BoolConfig(ScalarConfigType):
    """True or False."""

    given_name = "Bool"
    python_types = (bool,)
    json_type = "boolean"
    EXAMPLE = True


class FloatConfig(ScalarConfigType):
    """A number; whole numbers become floating-point ones."""

    given_name = "Float"
    python_types = (float, int)
    json_type = "number"
    EXAMPLE = 0.0

    def post_process(self, value: AnyValue) -> float:
        """The value as a float."""
        return float(value)


class AnyConfig(ConfigType):
    """Any value, None included."""

    kind = ConfigTypeKind.ANY
    given_name = "Any"
    EXAMPLE = "AnyType"

    def check(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Nothing is wrong with any value."""


INT = IntConfig()
STRING = StringConfig()
BOOL = BoolConfig()
FLOAT = FloatConfig()
ANY = AnyConfig()


class EnumValue:
    """One value of an Enum: its name in config, and the Python value that user code gets for it.

    Args:
        config_value: The name in config.
        python_value: What user code gets; None gives it the name.
        description: What the value means.
    """

    def __init__(self, config_value: str, python_value: object | None = None, description: str | None = None) -> None:
        if not isinstance(config_value, str):
            raise ParameterCheckError(f"EnumValue takes the name as str; got {config_value!r}.")
        self.config_value = config_value
        self.python_value = config_value if python_value is None else python_value
        self.description = description


class Enum(ConfigType):
    """One of several names, each of which stands for a Python value.

    Args:
        name: Name of the type, as shown with the schema.
        enum_values: The values.
    """

    kind = ConfigTypeKind.ENUM

    def __init__(self, name: str, enum_values: Sequence[EnumValue]) -> None:
        if not isinstance(name, str):
            raise ParameterCheckError(f"Enum takes its name as str; got {name!r}.")
        for value in enum_values:
            if not isinstance(value, EnumValue):
                raise CheckError(f"The values of the config Enum {name!r} are EnumValue objects; got {value!r}.")
        self.given_name = name
        self.enum_values = list(enum_values)
        self._by_name = {value.config_value: value.python_value for value in enum_values}

    @property
    def config_values(self) -> list[str]:
        """The names that may stand in config."""
        return list(self._by_name)

    def check_value(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note a value that is none of the names."""
        if not isinstance(value, str):
            problems.mismatch(stack, f"Value {where(stack)} for enum type {self.given_name} must be a string", value)
        elif value not in self._by_name:
            near = nearest([value], self._by_name)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            problems.mismatch(
                stack,
                f"Value {where(stack)} not in enum type {self.given_name} got {value}. "
                f"Expected one of {list(self._by_name)}.{hint}",
                value,
            )

    def is_valid_config_enum_value(self, config_value: str) -> bool:
        """Return whether this name is one of the enum's.

        Args:
            config_value: The name as it stands in config.
        """
        return config_value in self._by_name

    def post_process(self, value: AnyValue) -> AnyValue:
        """The Python value that the name stands for."""
        if isinstance(value, str) and value in self._by_name:
            return self._by_name[value]
        return value

    @property
    def key(self) -> str:
        """A text that is equal for types of the same form."""
        return f"Enum.{self.given_name}"

    def example(self) -> AnyValue:
        """The first name."""
        return next(iter(self._by_name), "...")

    @classmethod
    def from_python_enum(cls, enum: type[enum.Enum], name: str | None = None) -> Enum:
        """Return the config enum of a Python enum's member names; user code gets the members.

        Args:
            enum: The Python enum.
            name: Name of the type; None takes the class's.
        """
        return cls(name or enum.__name__, [EnumValue(member.name, python_value=member) for member in enum])

    @classmethod
    def from_python_enum_direct_values(cls, enum: type[enum.Enum], name: str | None = None) -> Enum:
        """Return the config enum of a Python enum's member names; user code gets the members' values.

        Args:
            enum: The Python enum.
            name: Name of the type; None takes the class's.
        """
        return cls(name or enum.__name__, [EnumValue(member.name, python_value=member.value) for member in enum])


_SCALARS: Mapping[object, ConfigType] = {int: INT, str: STRING, bool: BOOL, float: FLOAT, AnyValue: ANY, None: ANY}

HINT = (
    "A config type is int, float, bool or str; Any; Field, Array, Noneable, Selector, Shape, Permissive, Map, Enum or "
    "ScalarUnion; a dictionary of fields; {key type: value type}; or a list of one type, such as [int]."
)


def scalar_of(value: object) -> ConfigType | None:
    """The config type that a scalar shorthand stands for, or None where it is no scalar shorthand."""
    try:
        found = _SCALARS.get(value)
    except TypeError:
        return None
    if found is not None:
        return found
    # Runtime types that also name a scalar of config (cellmill.Int, cellmill.String …) say so themselves.
    own = getattr(value, "config_type", None)
    return own if isinstance(own, ConfigType) else None


def reject_foreign(value: object) -> None:
    """Raise for what looks like a type but belongs to another type system."""
    if isinstance(value, type) and issubclass(value, ConfigType):
        raise ParameterCheckError(
            f"The config type class {value.__name__} was given where an instance is needed; "
            f"write {value.__name__}(…), for example Noneable(Permissive())."
        )
    if getattr(value, "is_runtime_type", False):
        raise InvalidDefinitionError(
            f"The type {value!r} checks values at run time and cannot be used in config. {HINT}"
        )
    origin = getattr(value, "__origin__", None)
    if origin is not None or type(value).__module__ == "types" and type(value).__name__ == "UnionType":
        raise InvalidDefinitionError(
            f"You have passed in {value} to the config system; the typing module has no config types. "
            f"For an optional entry write Field(<type>, is_required=False), for None Noneable(<type>). {HINT}"
        )
