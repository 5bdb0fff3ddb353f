"""From annotations to types: what every Python type, typing form and registered class stands for."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

from cellmill.definitions.config.config_type import ConfigType
from cellmill.definitions.outcome import Failure, TypeCheck
from cellmill.definitions.output import DynamicOutput, Output
from cellmill.definitions.types.containers import (
    DictType,
    ListType,
    OptionalType,
    SetType,
    TupleType,
    TypeBuilder,
)
from cellmill.definitions.types.loader import TypeLoader
from cellmill.definitions.types.runtime_type import (
    ANY_TYPE,
    BOOL_TYPE,
    DICT_TYPE,
    FLOAT_TYPE,
    INT_TYPE,
    NOTHING_TYPE,
    SET_TYPE,
    STRING_TYPE,
    TUPLE_TYPE,
    InferredType,
    PythonObjectType,
    Type,
)
from cellmill.errors import InvalidDefinitionError, InvariantViolationError, ParameterCheckError

C = TypeVar("C", bound=type)

_ANY_LIST = ListType(ANY_TYPE)
_BARE: dict[Any, Type] = {
    None: ANY_TYPE,
    Any: ANY_TYPE,
    type(None): NOTHING_TYPE,
    int: INT_TYPE,
    str: STRING_TYPE,
    float: FLOAT_TYPE,
    bool: BOOL_TYPE,
    list: _ANY_LIST,
    dict: DICT_TYPE,
    set: SET_TYPE,
    tuple: TUPLE_TYPE,
    typing.List: _ANY_LIST,  # noqa: UP006
    typing.Dict: DICT_TYPE,  # noqa: UP006
    typing.Set: SET_TYPE,  # noqa: UP006
    typing.Tuple: TUPLE_TYPE,  # noqa: UP006
    typing.Sequence: _ANY_LIST,
    typing.Mapping: DICT_TYPE,
    collections.abc.Sequence: _ANY_LIST,
    collections.abc.Mapping: DICT_TYPE,
}
_LISTS = frozenset({list, collections.abc.Sequence})
_DICTS = frozenset({dict, collections.abc.Mapping})

#: Classes that a Type was registered for, and the types inferred so far (one object a class).
_REGISTERED: dict[type, Type] = {}
_INFERRED: dict[type, Type] = {}


def resolve_type(annotation: Any) -> Type:
    """Return the type that an annotation or a Type stands for.

    Args:
        annotation: A class, `int`, `list[…]`, `Optional[…]` and the like, or a `Type`; None is any type.

    Raises:
        InvalidDefinitionError: where it stands for none.
    """
    if isinstance(annotation, Type):
        return annotation
    try:
        found = _REGISTERED.get(annotation) or _BARE.get(annotation)
    except TypeError:
        found = None
    if found is not None:
        return found
    if isinstance(annotation, TypeBuilder) and annotation.bare is not None:
        return annotation.bare
    if isinstance(annotation, type) and issubclass(annotation, ConfigType) or isinstance(annotation, ConfigType):
        raise InvalidDefinitionError(
            f"{annotation!r} is a config type, for config_schema=; inputs and outputs take a Type or a Python type."
        )
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _of_generic(annotation, origin, typing.get_args(annotation))
    if isinstance(annotation, type):
        return _of_class(annotation)
    raise _no_type(annotation)


def _of_generic(annotation: Any, origin: Any, args: tuple[Any, ...]) -> Type:
    if origin in _LISTS and len(args) == 1:
        return ListType(resolve_type(args[0]))
    if origin in _DICTS and len(args) == 2:
        return DictType(resolve_type(args[0]), resolve_type(args[1]))
    if origin is set and len(args) == 1:
        return SetType(resolve_type(args[0]))
    if origin is tuple:
        return TupleType([resolve_type(arg) for arg in args])
    if origin is typing.Union or origin is types.UnionType:
        others = [arg for arg in args if arg is not type(None)]
        if len(others) == 1 and len(args) == 2:
            return OptionalType(resolve_type(others[0]))
        raise _no_type(annotation)
    if origin is Output:
        return resolve_type(args[0])
    if origin is DynamicOutput:
        _reject_dynamic()
    raise _no_type(annotation)


def _of_class(cls: type) -> Type:
    if cls is Output:
        return ANY_TYPE
    if cls is DynamicOutput:
        _reject_dynamic()
    found = _INFERRED.get(cls)
    if found is None:
        found = _INFERRED[cls] = InferredType(cls)
    return found


def _reject_dynamic() -> None:
    raise InvariantViolationError(
        "Op annotated with return type DynamicOutput. DynamicOutputs can only be returned in the context of a List. "
        "If only one output is needed, use the Output API."
    )


def _no_type(annotation: Any) -> InvalidDefinitionError:
    return InvalidDefinitionError(
        f"Invalid type: dagster_type must be an instance of DagsterType or a Python type: "
        f"got {annotation}. Use a class, int, str, float, bool, "
        "list[…], dict[…], set[…], tuple[…], Optional[…], or define a Type with a type_check_fn."
    )


def is_supported_annotation(annotation: Any) -> bool:
    """Whether an annotation stands for a type."""
    try:
        resolve_type(annotation)
    except InvalidDefinitionError:
        return False
    return True


def make_python_type_usable_as(python_type: type, dagster_type: Type) -> None:
    """From now on let annotations with a class stand for a given Type.

    Args:
        python_type: The class.
        dagster_type: The type, in place of a plain check of the class.

    Raises:
        InvalidDefinitionError: where the class stands for another one already.
    """
    if not isinstance(python_type, type):
        raise ParameterCheckError(f"make_python_type_usable_as takes a class; got {python_type!r}.")
    if not isinstance(dagster_type, Type):
        raise ParameterCheckError(f"make_python_type_usable_as takes a Type second; got {dagster_type!r}.")
    known = _REGISTERED.get(python_type)
    if known is not None and known is not dagster_type and not isinstance(known, InferredType):
        raise InvalidDefinitionError(
            f"A type has already been registered for the Python type {python_type}. make_python_type_usable_as can "
            "only be called once on a Python type, as it registers a 1:1 mapping between that Python type and a Type."
        )
    _REGISTERED[python_type] = dagster_type


@overload
def usable_as_type(name: C, /) -> C: ...


@overload
def usable_as_type(
    name: str | None = None, description: str | None = None, loader: TypeLoader | None = None
) -> Callable[[C], C]: ...


def usable_as_type(name: Any = None, description: str | None = None, loader: TypeLoader | None = None) -> Any:
    """Let annotations with the decorated class stand for a Type of its instances.

    Args:
        name: The type's name; None takes that of the class. The class itself, where the decorator stands without
            parentheses.
        description: What belongs to the type.
        loader: How a value is made from run config, for inputs that nothing is connected to.

    Returns:
        The class, or a decorator where it was called with arguments.
    """

    def register(cls: C, own_name: str | None = None) -> C:
        kind = PythonObjectType(cls, name=own_name or cls.__name__, description=description, loader=loader)
        make_python_type_usable_as(cls, kind)
        return cls

    if isinstance(name, type):
        return register(cast(Any, name))
    return lambda cls: register(cls, name)


def check_type(dagster_type: Any, value: Any) -> TypeCheck:
    """Return the outcome of checking a value against a type, for tests of types.

    Args:
        dagster_type: The type, or an annotation that stands for one.
        value: The value.

    Returns:
        A `TypeCheck`.

    Raises:
        InvariantViolationError: where the type needs resources.
    """
    resolved = resolve_type(dagster_type)
    if resolved.required_resource_keys:
        raise InvariantViolationError(
            f'The type "{resolved.display_name}" needs the resources {sorted(resolved.required_resource_keys)}; '
            "check it within a run."
        )
    try:
        return resolved.type_check(None, value)
    except Failure as failure:
        return TypeCheck(False, failure.description, metadata=failure.metadata)


def _items(parts: Any) -> tuple[Any, ...]:
    return parts if isinstance(parts, tuple) else (parts,)


def _dict_of(parts: Any) -> Type:
    if not isinstance(parts, tuple) or len(parts) != 2:
        raise InvalidDefinitionError(f"Dict[…] takes a key type and a value type; got {parts!r}.")
    return DictType(resolve_type(parts[0]), resolve_type(parts[1]))


def _list_of(part: Any) -> Type:
    inner = resolve_type(part)
    if inner.is_nothing:
        raise InvalidDefinitionError(
            "Type Nothing can not be wrapped in List or Optional: it stands for order without a value."
        )
    return ListType(inner)


List = TypeBuilder("List", _ANY_LIST, _list_of)
Dict = TypeBuilder("Dict", DICT_TYPE, _dict_of)
Set = TypeBuilder("Set", SET_TYPE, lambda part: SetType(resolve_type(part)))
Tuple = TypeBuilder("Tuple", TUPLE_TYPE, lambda parts: TupleType([resolve_type(part) for part in _items(parts)]))
Optional = TypeBuilder("Optional", None, lambda part: OptionalType(resolve_type(part)))
# The scalars are Python's own types, so that they serve in annotations and in config alike.
Int = int
String = str
Float = float
Bool = bool
Nothing = type(None)
