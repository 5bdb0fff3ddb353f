"""Type: a name, a check function and what is known about values that pass it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence, Set
from enum import StrEnum
from typing import Any

from cellmill.definitions.config.config_type import BOOL, FLOAT, INT, STRING
from cellmill.definitions.metadata_mapping import normalize_metadata
from cellmill.definitions.outcome import TypeCheck
from cellmill.definitions.types.loader import AnyLoader, DictLoader, ScalarLoader, TypeLoader
from cellmill.errors import CheckError, InvalidDefinitionError, InvariantViolationError, ParameterCheckError

TypeCheckFn = Callable[[Any, Any], "TypeCheck | bool"]


class TypeKind(StrEnum):
    """The sorts of types."""

    ANY = "ANY"
    SCALAR = "SCALAR"
    LIST = "LIST"
    NOTHING = "NOTHING"
    NULLABLE = "NULLABLE"
    REGULAR = "REGULAR"


class Type:
    """A type of values that ops hand on: a function decides at run time what belongs to it.

    >>> Even = Type(lambda context, value: value % 2 == 0, name="Even")
    >>> check_type(Even, 3).success
    False

    Args:
        type_check_fn: Takes the context and a value, and returns whether it belongs: a bool, or a `TypeCheck` with
            description and metadata.
        key: What tells the type from others in snapshots; None takes the name.
        name: Name that messages show.
        is_builtin: Whether the type belongs to cellmill itself.
        description: What belongs to the type.
        loader: How a value is made from run config, for inputs that nothing is connected to.
        required_resource_keys: Keys of resources that the function reads from `context.resources`.
        metadata: What is known of the type, by name, such as a table's schema.
        typing_type: The Python type that values have, which tells IO managers what to load.

    Raises:
        InvalidDefinitionError: where the function does not take two arguments.
        CheckError: where there is neither a name nor a key.
    """

    kind: TypeKind = TypeKind.REGULAR
    #: Tells the config system that this is no config type.
    is_runtime_type = True

    def __init__(
        self,
        type_check_fn: TypeCheckFn,
        key: str | None = None,
        name: str | None = None,
        is_builtin: bool = False,
        description: str | None = None,
        loader: TypeLoader | None = None,
        required_resource_keys: Set[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        typing_type: Any = typing.Any,
    ) -> None:
        if not callable(type_check_fn):
            raise ParameterCheckError(f"type_check_fn of type {name or key!r} is a function; got {type_check_fn!r}.")
        if loader is not None and not isinstance(loader, TypeLoader):
            raise ParameterCheckError(f"loader of type {name or key!r} is a TypeLoader; got {loader!r}.")
        if key is None and name is None:
            raise CheckError("A Type needs a name (or a key).")
        self._name = name
        self.key: str = key if key is not None else str(name)
        _check_parameters(type_check_fn, name)
        self._type_check_fn = type_check_fn
        self.is_builtin = is_builtin
        self.description = description
        self.loader = loader
        self.required_resource_keys: frozenset[str] = frozenset(required_resource_keys or ())
        self.metadata = normalize_metadata(metadata)
        self.typing_type = typing_type

    def type_check(self, context: Any, value: Any) -> TypeCheck:
        """Return whether a value belongs to the type.

        Args:
            context: What the function may read: resources and the log.
            value: The value.

        Returns:
            A `TypeCheck`.

        Raises:
            InvariantViolationError: where the function answers with anything else than a bool or a `TypeCheck`.
        """
        result = self._type_check_fn(context, value)
        if result is True:
            return PASSED
        if result is False:
            return TypeCheck(success=False)
        if isinstance(result, TypeCheck):
            return result
        raise InvariantViolationError(
            f"You have returned {result!r} of type {type(result)} from the type check function of type "
            f'"{self.key}". Return value must be instance of TypeCheck or a bool.'
        )

    @property
    def has_unique_name(self) -> bool:
        """Whether the type has a name of its own."""
        return self._name is not None

    @property
    def unique_name(self) -> str | None:
        """The name of the type."""
        return self._name

    @property
    def display_name(self) -> str:
        """The name that messages show."""
        return self._name or self.key

    @property
    def inner_types(self) -> Sequence[Type]:
        """The types inside, and inside those."""
        return []

    @property
    def type_param_keys(self) -> Sequence[str]:
        """The keys of the type's parameters."""
        return ()

    @property
    def loader_schema_key(self) -> str | None:
        """The key of the loader's config type."""
        return self.loader.schema_type.key if self.loader else None

    @property
    def is_nothing(self) -> bool:
        """Whether it is Nothing: order without a value."""
        return self.kind is TypeKind.NOTHING

    @property
    def is_any(self) -> bool:
        """Whether every value belongs to the type, so that nothing need be checked."""
        return self.kind is TypeKind.ANY

    @property
    def supports_fan_in(self) -> bool:
        """Whether an input of this type may have several upstream outputs."""
        return False

    def get_inner_type_for_fan_in(self) -> Type:
        """The type of each of several upstream outputs."""
        raise CheckError(f'An input of type "{self.display_name}" takes one upstream output; use List for several.')

    def __repr__(self) -> str:
        return f"<Type {self.display_name}>"


PASSED = TypeCheck(success=True)


def _check_parameters(function: TypeCheckFn, name: str | None) -> None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return
    count = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    if count != 2:
        raise InvalidDefinitionError(
            f'type_check_fn argument on type "{name}" must take 2 arguments (context, value), received {count}.'
        )


class _Any(Type):
    kind = TypeKind.ANY

    def __init__(self) -> None:
        super().__init__(lambda _context, _value: True, name="Any", is_builtin=True, loader=AnyLoader())

    @property
    def supports_fan_in(self) -> bool:
        """An untyped input takes several outputs too."""
        return True

    def get_inner_type_for_fan_in(self) -> Type:
        """Any again."""
        return self


class _Nothing(Type):
    kind = TypeKind.NOTHING

    def __init__(self) -> None:
        super().__init__(_is_nothing, name="Nothing", is_builtin=True, typing_type=type(None))

    @property
    def supports_fan_in(self) -> bool:
        """Order may come from several outputs."""
        return True

    def get_inner_type_for_fan_in(self) -> Type:
        """Nothing again."""
        return self


def _is_nothing(_context: Any, value: Any) -> TypeCheck:
    if value is not None:
        return TypeCheck(success=False, description=f"Value must be None or unset, got a {type(value)}")
    return PASSED


class _Scalar(Type):
    kind = TypeKind.SCALAR

    def __init__(self, name: str, python_type: type, word: str, loader: TypeLoader) -> None:
        def check(_context: Any, value: Any) -> TypeCheck:
            if isinstance(value, python_type):
                return PASSED
            return TypeCheck(
                success=False,
                description=f'Value "{value}" of python type "{type(value).__name__}" must be a {word}.',
            )

        super().__init__(check, name=name, is_builtin=True, loader=loader, typing_type=python_type)


class PythonObjectType(Type):
    """The type of the instances of a Python class, or of several classes.

    Args:
        python_type: The class, or a tuple of classes.
        key: What tells the type from others in snapshots; None takes the name.
        name: Name that messages show; None takes that of the class.
        kwargs: Further arguments of `Type`, such as `description`, `loader` and `metadata`.

    Raises:
        ParameterCheckError: where `python_type` is no class.
    """

    def __init__(
        self,
        python_type: type | tuple[type, ...],
        key: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        classes = python_type if isinstance(python_type, tuple) else (python_type,)
        for cls in classes:
            if not isinstance(cls, type):
                raise ParameterCheckError(f"PythonObjectType takes a class or a tuple of classes; got {cls!r}.")
        if isinstance(python_type, tuple):
            self.type_str = f"Union[{', '.join(cls.__name__ for cls in classes)}]"
            shown = f"Union[{', '.join(_full_name(cls) for cls in classes)}]"
            kwargs.setdefault("typing_type", typing.Union[classes])  # noqa: UP007
        else:
            self.type_str = python_type.__name__
            shown = _full_name(python_type)
            kwargs.setdefault("typing_type", python_type)
        self.python_type = python_type
        self._shown = shown
        kwargs.setdefault("type_check_fn", self._is_instance)
        super().__init__(key=key, name=name or (self.type_str if key is None else None), **kwargs)
        if name is None:
            self._name = self.type_str

    def _is_instance(self, _context: Any, value: Any) -> TypeCheck:
        if isinstance(value, self.python_type):
            return PASSED
        return TypeCheck(
            success=False,
            description=f"Value of type {type(value)} failed type check for type {self.display_name}, "
            f"expected value to be of Python type {self._shown}.",
        )


class InferredType(PythonObjectType):
    """The type of a class that an annotation names."""

    def __init__(self, python_type: type) -> None:
        super().__init__(python_type, key=f"_TypeHintInferred[{_full_name(python_type, always=True)}]")

    @property
    def has_unique_name(self) -> bool:
        """No: two classes may bear the same name."""
        return False

    @property
    def unique_name(self) -> str | None:
        """None: two classes may bear the same name."""
        return None


def _full_name(cls: type, always: bool = False) -> str:
    module = cls.__module__
    return cls.__name__ if module == "builtins" and not always else f"{module}.{cls.__name__}"


ANY_TYPE: Type = _Any()
NOTHING_TYPE: Type = _Nothing()
INT_TYPE: Type = _Scalar("Int", int, "int", ScalarLoader(INT))
STRING_TYPE: Type = _Scalar("String", str, "string", ScalarLoader(STRING))
FLOAT_TYPE: Type = _Scalar("Float", float, "float", ScalarLoader(FLOAT))
BOOL_TYPE: Type = _Scalar("Bool", bool, "bool", ScalarLoader(BOOL))
DICT_TYPE: Type = PythonObjectType(dict, key="PythonDict", name="dict", loader=DictLoader())
SET_TYPE: Type = PythonObjectType(set, key="PythonSet", name="set")
TUPLE_TYPE: Type = PythonObjectType(tuple, key="PythonTuple", name="tuple")
