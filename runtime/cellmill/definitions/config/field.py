"""Fields, containers and shapes, and how every shorthand becomes one of them.

One module, since they are made of each other: a shorthand such as `{"a": [int]}` is read into shapes, fields and
arrays at once. Scalars are in `config_type`, types of two forms in `alternatives`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum as PythonEnum
from typing import Any as AnyValue
from typing import ClassVar

from cellmill.definitions.config.config_type import (
    ANY,
    HINT,
    ConfigType,
    ConfigTypeKind,
    ScalarConfigType,
    reject_foreign,
    scalar_of,
)
from cellmill.definitions.config.evaluation import (
    ListItemEntry,
    MapKeyEntry,
    MapValueEntry,
    PathEntry,
    Problems,
    Stack,
    where,
)
from cellmill.definitions.config.one_form import OneForm
from cellmill.errors import (
    InvalidConfigDefinitionError,
    InvalidConfigError,
    InvalidDefinitionError,
    ParameterCheckError,
)
from cellmill.redaction import learn_all


class NoDefault:
    """Stands for "no default"; None is a default."""

    def __repr__(self) -> str:
        return "@"

    def __reduce__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT = NoDefault()


class Array(ConfigType, metaclass=OneForm):
    """A list of values of the inner type; `[int]` is short for `Array(int)`.

    Args:
        inner_type: Config type of the items, or a shorthand of one.
    """

    kind = ConfigTypeKind.ARRAY
    EXAMPLE: ClassVar[AnyValue] = []

    def __init__(self, inner_type: object) -> None:
        self.inner_type = resolve_inner(inner_type, "Array")

    def check_value(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note the problems of every item."""
        if not isinstance(value, list):
            problems.mismatch(stack, f'Value {where(stack)} must be list. Expected: "{self.label}"', value)
            return
        for index, item in enumerate(value):
            self.inner_type.check(item, (*stack, ListItemEntry(index)), problems)

    def resolve(self, value: AnyValue, stack: Stack, problems: Problems, environment: bool) -> AnyValue:
        """The resolved items."""
        inner = self.inner_type
        return [
            inner.resolve(item, (*stack, ListItemEntry(index)), problems, environment)
            for index, item in enumerate(value)
        ]

    @property
    def label(self) -> str:
        """The inner type in brackets."""
        return f"[{self.inner_type.label}]"

    @property
    def key(self) -> str:
        """A text that is equal for types of the same form."""
        return f"Array.{self.inner_type.key}"


class Map(ConfigType, metaclass=OneForm):
    """A dictionary with any keys of one scalar type and values of one type; `{str: int}` is short for `Map(str,
    int)`.

    Args:
        key_type: Scalar type of the keys.
        inner_type: Config type of the values, or a shorthand of one.
        key_label_name: What the keys stand for, as a word that is shown with the schema.
    """

    kind = ConfigTypeKind.MAP

    def __init__(self, key_type: object, inner_type: object, key_label_name: str | None = None) -> None:
        key = resolve_to_config_type(key_type)
        if key is None:
            raise ParameterCheckError(f"The key type of a Map must be a scalar; got {key_type!r}.")
        self.key_type = key
        self.inner_type = resolve_inner(inner_type, "Map")
        if not isinstance(self.key_type, ScalarConfigType):
            raise ParameterCheckError(f"The key type of a Map must be a scalar; got {self.key_type.label}.")
        if key_label_name is not None and not isinstance(key_label_name, str):
            raise ParameterCheckError(f"key_label_name is a str; got {key_label_name!r}.")
        self.given_name = key_label_name

    def check_value(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note the problems of every key and every value."""
        if not isinstance(value, Mapping):
            problems.mismatch(stack, f'Value {where(stack)} must be dict. Expected: "{self.label}"', value)
            return
        for key, item in value.items():
            self.key_type.check(key, (*stack, MapKeyEntry(key)), problems)
            self.inner_type.check(item, (*stack, MapValueEntry(key)), problems)

    def resolve(self, value: AnyValue, stack: Stack, problems: Problems, environment: bool) -> AnyValue:
        """The dictionary with its values resolved."""
        inner = self.inner_type
        return {
            key: inner.resolve(item, (*stack, MapValueEntry(key)), problems, environment) for key, item in value.items()
        }

    @property
    def key_label_name(self) -> str | None:
        """What the keys stand for, in words."""
        return self.given_name

    @property
    def label(self) -> str:
        """Key and value type in braces."""
        name = f"{self.given_name}: " if self.given_name else ""
        return f"{{ [{name}{self.key_type.label}]: {self.inner_type.label} }}"

    @property
    def key(self) -> str:
        """A text that is equal for types of the same form."""
        return f"Map.{self.key_type.key}.{self.inner_type.key}"

    def example(self) -> AnyValue:
        """An empty dictionary."""
        return {}


class _Fields(ConfigType, metaclass=OneForm):
    """A dictionary with named fields."""

    _PREFIX: ClassVar[str] = ""

    def __init__(
        self,
        fields: Mapping[str, AnyValue],
        description: str | None = None,
        field_aliases: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(fields, Mapping):
            raise ParameterCheckError(f"{type(self).__name__} takes a dictionary of fields; got {fields!r}.")
        self.fields: dict[str, Field] = expand_fields(fields)
        self.description = description
        self.field_aliases = dict(field_aliases or {})

    def check_value(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note what is not defined, what is missing, and the problems of every field."""
        if not isinstance(value, Mapping):
            problems.mismatch(stack, f'Value {where(stack)} must be dict. Expected: "{self.label}".', value)
            return
        given = self._by_field_name(value, stack, problems)
        if self.kind is ConfigTypeKind.STRICT_SHAPE:
            unexpected = [name for name in given if name not in self.fields]
            if unexpected:
                problems.unexpected(stack, unexpected, self.label, list(self.fields))
        missing = [name for name, field in self.fields.items() if field.is_required and name not in given]
        if missing:
            missing.sort()
            examples = {name: self.fields[name].config_type.example() for name in missing}
            problems.missing(stack, missing, examples, list(self.fields))
        for name, field in self.fields.items():
            if name in given:
                field.config_type.check(given[name], (*stack, PathEntry(name)), problems)

    def resolve(self, value: AnyValue, stack: Stack, problems: Problems, environment: bool) -> AnyValue:
        """The dictionary with its fields resolved and the defaults of the fields that were not given."""
        given = self._by_field_name(value, stack, Problems())
        result = {}
        for name, field in self.fields.items():
            inner = given.get(name, NO_DEFAULT)
            if inner is NO_DEFAULT:
                if not field.default_provided:
                    continue
                inner = field.default_value
            result[name] = field.config_type.resolve(inner, (*stack, PathEntry(name)), problems, environment)
            if field.is_secret and environment:
                learn_all(result[name])
        for name, inner in given.items():
            if name not in self.fields:
                result[name] = inner
        return result

    def _by_field_name(self, value: Mapping[str, AnyValue], stack: Stack, problems: Problems) -> Mapping[str, AnyValue]:
        if not self.field_aliases:
            return value
        result = dict(value)
        for name, alias in self.field_aliases.items():
            if alias in value and name != alias:
                if name in value:
                    problems.collision(
                        stack,
                        f'The field "{name}" is given twice {where(stack)}: by its name and by its alias "{alias}".',
                    )
                result[name] = result.pop(alias)
        return result

    @property
    def label(self) -> str:
        """Every field with its type; a question mark after the name where it may be left out."""
        inside = " ".join(
            f"{name}{'' if field.is_required else '?'}: {field.config_type.label}"
            for name, field in sorted(self.fields.items())
        )
        return f"{{ {inside} }}" if inside else "{ }"

    @property
    def key(self) -> str:
        """A text that is equal for types of the same form."""
        inside = ",".join(
            f"{name}={field.config_type.key}{'' if field.is_required else '?'}"
            f"{f'/{field.default_value!r}' if field.default_provided else ''}"
            for name, field in sorted(self.fields.items())
        )
        aliases = "".join(f",{name}>{alias}" for name, alias in sorted(self.field_aliases.items()))
        return f"{self._PREFIX}({inside}{aliases})"

    def example(self) -> AnyValue:
        """The required fields with an example each."""
        return {name: field.config_type.example() for name, field in self.fields.items() if field.is_required}


class Shape(_Fields):
    """A dictionary with these fields and no others; a plain dict of fields is short for it.

    Args:
        fields: By name, a `Field` or a shorthand of one.
        description: What the dictionary is.
        field_aliases: By field, another name under which config may give it.
    """

    kind = ConfigTypeKind.STRICT_SHAPE
    _PREFIX = "Shape"


class Permissive(_Fields):
    """A dictionary with these fields, checked, and any others, unchecked.

    Args:
        fields: By name, a `Field` or a shorthand of one; None checks nothing.
        description: What the dictionary is.
    """

    kind = ConfigTypeKind.PERMISSIVE_SHAPE
    _PREFIX = "Permissive"

    def __init__(self, fields: Mapping[str, AnyValue] | None = None, description: str | None = None) -> None:
        super().__init__(fields if fields is not None else {}, description)


class Selector(_Fields):
    """A dictionary with exactly one of these fields: a choice, and its config.

    Args:
        fields: The choices: by name, a `Field` or a shorthand of one.
        description: What is chosen.
    """

    kind = ConfigTypeKind.SELECTOR
    _PREFIX = "Selector"

    def __init__(self, fields: Mapping[str, AnyValue], description: str | None = None) -> None:
        super().__init__(fields, description)

    def check_value(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note that the choice was not made, or made twice, and the problems of what was chosen."""
        names = sorted(self.fields)
        if not isinstance(value, Mapping):
            problems.mismatch(stack, f"Value for selector type {where(stack)} must be a dict", value)
        elif len(value) > 1:
            given = sorted(map(str, value))
            problems.selector(
                stack,
                f"You can only specify a single field {where(stack)}. You specified {given}. "
                f"The available fields are {names}",
                names,
            )
        elif not value:
            if len(names) > 1:
                problems.selector(
                    stack,
                    f"Must specify a field {where(stack)} if more than one field is defined. Defined fields: {names}",
                    names,
                )
            elif names and self.fields[names[0]].is_required:
                problems.selector(
                    stack, f"Must specify the required field {where(stack)}. Defined fields: {names}", names
                )
        else:
            ((name, inner),) = value.items()
            if name not in self.fields:
                problems.unexpected(stack, [name], self.label, names)
                return
            config_type = self.fields[name].config_type
            config_type.check(_given_or_empty(config_type, inner), (*stack, PathEntry(name)), problems)

    def resolve(self, value: AnyValue, stack: Stack, problems: Problems, environment: bool) -> AnyValue:
        """The choice with its value resolved; the only field's default where nothing was chosen."""
        if not value:
            ((name, field),) = self.fields.items()
            inner = _default_of(field)
        else:
            ((name, inner),) = value.items()
            inner = _given_or_empty(self.fields[name].config_type, inner)
        config_type = self.fields[name].config_type
        if (
            inner is None
            and config_type.kind is not ConfigTypeKind.ANY
            and config_type.kind is not ConfigTypeKind.NONEABLE
        ):
            return {name: None}
        found = config_type.resolve(inner, (*stack, PathEntry(name)), problems, environment)
        if self.fields[name].is_secret and environment:
            learn_all(found)
        return {name: found}

    def example(self) -> AnyValue:
        """A word that stands for the choice."""
        return "<selector>"


class Field:
    """A place in config: its type, whether it must be given, its default and its description.

    >>> Field(int, default_value=3, description="Times to try.").is_required
    False

    Args:
        config: The type: a config type, a `Config` class, or a shorthand: `int`, `str`, `bool`, `float`, `dict`,
            `list`, `[int]`, `{"a": int}`, `{str: int}`.
        default_value: Value where none is given, as it would stand in config; an `EnvVar` is read at the start of a
            run. A type with defaults for all its parts has one by itself.
        is_required: Whether it must be given; None means that it must unless there is a default.
        description: What it is for; shown with the schema.
        is_secret: Whether the value is not to be shown: it is masked in run config that GraphQL and the command line
            show, and texts of six characters or more are masked in events, logs and notebooks of the run. It is stored
            with the run; an `EnvVar` is not even that.

    Raises:
        InvalidDefinitionError: where `config` is no type.
        InvalidConfigError: where the default does not fit the type.
        ParameterCheckError: where a required field has a default.
    """

    __slots__ = ("_default", "config_type", "description", "is_required", "is_secret")

    def __init__(
        self,
        config: AnyValue,
        default_value: AnyValue = NO_DEFAULT,
        is_required: bool | None = None,
        description: str | None = None,
        is_secret: bool = False,
    ) -> None:
        #: Whether the value is not to be shown.
        self.is_secret = is_secret
        if description is not None and not isinstance(description, str):
            raise ParameterCheckError(f"Field(description=…) is a str; got {description!r}.")
        if is_required is not None and not isinstance(is_required, bool):
            raise ParameterCheckError(f"Field(is_required=…) is a bool; got {is_required!r}.")
        self.description = description
        self.config_type = _config_type_of(config)
        if default_value is not NO_DEFAULT and is_required is True:
            raise ParameterCheckError("A Field that must be given (is_required=True) cannot have a default_value.")
        if default_value is NO_DEFAULT and is_required is None:
            default_value = implicit_default(self.config_type)
            self.is_required = default_value is NO_DEFAULT
        else:
            self.is_required = (default_value is NO_DEFAULT) if is_required is None else is_required
            if default_value is NO_DEFAULT and not self.is_required:
                default_value = implicit_default(self.config_type)
        as_config = getattr(default_value, "as_config_default", None)
        self._default = as_config() if callable(as_config) else default_value
        if default_value is not NO_DEFAULT:
            self._check_default()

    def _check_default(self) -> None:
        if isinstance(self._default, PythonEnum) and self.config_type.kind is ConfigTypeKind.ENUM:
            raise InvalidDefinitionError(
                f"The default_value of a Field of {self.config_type.label} is the member's name; got {self._default!r}."
            )
        problems = Problems()
        self.config_type.check(self._default, (), problems)
        if problems:
            raise InvalidConfigError(
                "Invalid default_value for Field. Ensure all required config entries are provided and all values match "
                "the expected types.",
                problems,
                self._default,
            )

    def as_field(self) -> Field:
        """The field itself, as the schema of a definition has it."""
        return self

    @property
    def default_provided(self) -> bool:
        """Whether there is a default."""
        return self._default is not NO_DEFAULT

    @property
    def default_value(self) -> AnyValue:
        """The default, as it would stand in config."""
        if self._default is NO_DEFAULT:
            raise ParameterCheckError("Asking for the default value of a Field that has none; test default_provided.")
        return self._default

    def __repr__(self) -> str:
        return f"Field({self.config_type!r}, default={self._default}, is_required={self.is_required})"


def optional_field(config_type: ConfigType) -> Field:
    """A field that may be left out and then has no value at all, not even the default of its parts."""
    field = object.__new__(Field)
    field.description = None
    field.is_secret = False
    field.config_type = config_type
    field.is_required = False
    field._default = NO_DEFAULT
    return field


def implicit_default(config_type: ConfigType) -> AnyValue:
    """The value that a type has when nothing is given, NO_DEFAULT where something must be given."""
    if config_type.kind is ConfigTypeKind.NONEABLE:
        return None
    if isinstance(config_type, Selector):
        if len(config_type.fields) != 1:
            return NO_DEFAULT
        ((name, field),) = config_type.fields.items()
        return NO_DEFAULT if field.is_required else {name: _default_of(field)}
    if isinstance(config_type, _Fields) and not any(field.is_required for field in config_type.fields.values()):
        return {name: field.default_value for name, field in config_type.fields.items() if field.default_provided}
    return NO_DEFAULT


def _given_or_empty(config_type: ConfigType, value: AnyValue) -> AnyValue:
    """What a choice written without a value (``multiprocess:`` in YAML) means: no field of it is given."""
    return {} if value is None and config_type.kind.has_fields else value


def _default_of(field: Field) -> AnyValue:
    return field.default_value if field.default_provided else None


def _config_type_of(value: AnyValue) -> ConfigType:
    resolved = resolve_to_config_type(value)
    if resolved is None:
        raise InvalidDefinitionError(f"Attempted to pass {value!r} to a Field that expects a config type. {HINT}")
    return resolved


def resolve_to_config_type(value: AnyValue) -> ConfigType | None:
    """The config type that a value stands for, None where it stands for none; typed errors for near misses."""
    if isinstance(value, ConfigType):
        return value
    if isinstance(value, Mapping):
        return _of_mapping(value)
    if isinstance(value, list):
        return _of_list(value)
    found = scalar_of(value)
    if found is not None:
        return found
    if value is dict:
        return Permissive()
    if value is list:
        return Array(ANY)
    as_field = getattr(value, "to_config_field", None) if isinstance(value, type) else None
    if as_field is not None:
        field = as_field()
        assert isinstance(field, Field)
        return field.config_type
    reject_foreign(value)
    return None


def _of_mapping(value: Mapping[AnyValue, AnyValue]) -> ConfigType:
    if len(value) == 1:
        ((key, inner),) = value.items()
        if not isinstance(key, str):
            key_type = scalar_of(key)
            if key is None or not isinstance(key_type, ScalarConfigType):
                raise InvalidDefinitionError(
                    f"Invalid key in map specification: {key!r} in map {value}. Map dict must have a scalar type as "
                    "its only key."
                )
            inner_type = resolve_to_config_type(inner)
            if inner_type is None:
                raise InvalidDefinitionError(
                    f"Invalid value in map specification: {inner!r} in map {value}. Map must have a single value and "
                    "contain a valid type, as {str: int} does."
                )
            return Map(key_type, inner_type)
    return Shape(value)


def _of_list(value: list[AnyValue]) -> Array:
    if len(value) != 1:
        raise InvalidDefinitionError("Array specifications must only be of length 1, the type of its items: [int].")
    inner = resolve_to_config_type(value[0])
    if inner is None:
        raise InvalidDefinitionError(f"Invalid member of array specification: {value[0]!r} in list {value!r}. {HINT}")
    return Array(inner)


def resolve_inner(value: AnyValue, owner: str) -> ConfigType:
    """The config type of the inside of a container; an error that names the container if there is none."""
    if isinstance(value, Field):
        return value.config_type
    resolved = resolve_to_config_type(value)
    if resolved is None:
        raise InvalidDefinitionError(f"{owner} was given {value!r}, which is no config type. {HINT}")
    return resolved


def expand_fields(fields: Mapping[str, AnyValue]) -> dict[str, Field]:
    """Every value as a Field; an error names the path of the one that cannot be."""
    result = {}
    for name, value in fields.items():
        result[name] = _expand(fields, value, (name,))
    return result


def _expand(root: AnyValue, value: AnyValue, path: tuple[AnyValue, ...]) -> Field:
    if isinstance(value, Field):
        return value
    if value is None and path:
        raise _definition_error(
            root, value, path, "Fields cannot be None; for a value that may be None write Noneable."
        )
    if isinstance(value, Mapping) and not (len(value) == 1 and not isinstance(next(iter(value)), str)):
        for name in value:
            if not isinstance(name, str):
                raise _definition_error(root, value, path, f"Field names are str; got {name!r}.")
        return Field(Shape({name: _expand(root, inner, (*path, name)) for name, inner in value.items()}))
    if isinstance(value, list):
        if len(value) != 1:
            raise _definition_error(root, value, path, "A list stands for an array and has one item, its type: [int].")
        try:
            return Field(Array(_expand(root, value[0], path).config_type))
        except InvalidConfigDefinitionError as error:
            if getattr(error, "path", path) != path:
                raise
            reason = f"List have a single item and contain a valid type i.e. [int]. Got item {value[0]!r}."
            raise _definition_error(root, value, path, reason) from None
    try:
        resolved = resolve_to_config_type(value)
    except InvalidDefinitionError as error:
        if not isinstance(value, Mapping):
            raise
        raise _definition_error(root, value, path, str(error)) from None
    if resolved is None:
        raise _definition_error(root, value, path, None)
    return Field(resolved)


def _definition_error(
    root: AnyValue, value: AnyValue, path: tuple[AnyValue, ...], reason: str | None
) -> InvalidConfigDefinitionError:
    where = f" Error at stack path :{':'.join(map(str, path))}." if path else ""
    why = f" Reason: {reason}" if reason else ""
    error = InvalidConfigDefinitionError(
        f"Error defining config. Original value passed: {root!r}.{where} {value!r} cannot be resolved.{why}\n{HINT}"
    )
    error.path = path
    return error


def convert_to_field(value: AnyValue) -> Field:
    """The Field that a `config_schema=` argument stands for; the schema of a definition stands for its own."""
    as_field = getattr(value, "as_field", None)
    if as_field is not None:
        value = as_field()
    return value if isinstance(value, Field) else _expand(value, value, ())
