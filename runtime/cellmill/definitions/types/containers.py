"""Types of lists, optional values, dictionaries, sets and tuples with typed parts."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from typing import Any

from cellmill.definitions.config.config_type import ScalarConfigType, scalar_of
from cellmill.definitions.outcome import TypeCheck
from cellmill.definitions.types.loader import ListLoader, MapLoader, OptionalLoader, TupleLoader
from cellmill.definitions.types.runtime_type import PASSED, Type, TypeKind
from cellmill.errors import InvalidDefinitionError

# The forms of the typing module, as values: what `typing_type` of a container is.
_LIST: Any = typing.List  # noqa: UP006
_DICT: Any = typing.Dict  # noqa: UP006
_SET: Any = typing.Set  # noqa: UP006
_TUPLE: Any = typing.Tuple  # noqa: UP006


def _with_inner(*types: Type) -> Sequence[Type]:
    result: list[Type] = []
    for inner in types:
        result.append(inner)
        result.extend(inner.inner_types)
    return result


def _failed_kind(value: object, word: str) -> TypeCheck:
    return TypeCheck(
        success=False, description=f'Value "{value}" of python type "{type(value).__name__}" must be a {word}.'
    )


class _ContainerType(Type):
    """A type made of other types."""

    parts: tuple[Type, ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, _ContainerType) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash((type(self), self.parts))

    @property
    def inner_types(self) -> Sequence[Type]:
        """The types of the parts, and of theirs."""
        return _with_inner(*self.parts)

    @property
    def type_param_keys(self) -> Sequence[str]:
        """The keys of the parts' types."""
        return [part.key for part in self.parts]

    @property
    def has_unique_name(self) -> bool:
        """No: it is named by its parts."""
        return False

    @property
    def unique_name(self) -> str | None:
        """None: it is named by its parts."""
        return None


class ListType(_ContainerType):
    """A list of values of one type."""

    kind = TypeKind.LIST

    def __init__(self, inner_type: Type) -> None:
        self.inner_type = inner_type
        self.parts = (inner_type,)
        super().__init__(
            self._check,
            key=f"List.{inner_type.key}",
            name=f"[{inner_type.display_name}]",
            loader=ListLoader(inner_type.loader) if inner_type.loader else None,
            typing_type=_LIST[inner_type.typing_type],
        )

    def _check(self, context: Any, value: Any) -> TypeCheck:
        if not isinstance(value, list):
            return _failed_kind(value, "list")
        return _check_each(context, self.inner_type, value)

    @property
    def supports_fan_in(self) -> bool:
        """A list is what several outputs are given as."""
        return True

    def get_inner_type_for_fan_in(self) -> Type:
        """The type of the items."""
        return self.inner_type


class OptionalType(_ContainerType):
    """A value of a type, or None."""

    kind = TypeKind.NULLABLE

    def __init__(self, inner_type: Type) -> None:
        if inner_type.is_nothing:
            raise InvalidDefinitionError(
                "Type Nothing can not be wrapped in List or Optional: it stands for order without a value."
            )
        self.inner_type = inner_type
        self.parts = (inner_type,)
        super().__init__(
            self._check,
            key=f"Optional.{inner_type.key}",
            name=f"{inner_type.display_name}?",
            loader=OptionalLoader(inner_type.loader) if inner_type.loader else None,
            typing_type=typing.Optional[inner_type.typing_type],  # noqa: UP045
        )

    def _check(self, context: Any, value: Any) -> TypeCheck:
        return PASSED if value is None else self.inner_type.type_check(context, value)

    @property
    def supports_fan_in(self) -> bool:
        """As the type inside."""
        return self.inner_type.supports_fan_in

    def get_inner_type_for_fan_in(self) -> Type:
        """As the type inside."""
        return self.inner_type.get_inner_type_for_fan_in()


class DictType(_ContainerType):
    """A dictionary with keys and values of given types."""

    def __init__(self, key_type: Type, value_type: Type) -> None:
        self.key_type = key_type
        self.value_type = value_type
        self.parts = (key_type, value_type)
        scalar = scalar_of(key_type.typing_type)
        super().__init__(
            self._check,
            key=f"TypedPythonDict.{key_type.key}.{value_type.key}",
            name=f"Dict[{key_type.display_name},{value_type.display_name}]",
            loader=MapLoader(scalar, value_type.loader)
            if value_type.loader is not None and isinstance(scalar, ScalarConfigType)
            else None,
            typing_type=_DICT[key_type.typing_type, value_type.typing_type],
        )

    def _check(self, context: Any, value: Any) -> TypeCheck:
        if not isinstance(value, dict):
            return TypeCheck(
                success=False, description=f"Value should be a dict, got a {type(value)}, for type {self.display_name}."
            )
        keys = _check_each(context, self.key_type, value.keys())
        return keys if not keys.success else _check_each(context, self.value_type, value.values())


class SetType(_ContainerType):
    """A set of values of one type."""

    def __init__(self, item_type: Type) -> None:
        self.item_type = item_type
        self.parts = (item_type,)
        super().__init__(
            self._check,
            key=f"TypedPythonSet.{item_type.key}",
            name=f"Set[{item_type.display_name}]",
            loader=ListLoader(item_type.loader, set) if item_type.loader else None,
            typing_type=_SET[item_type.typing_type],
        )

    def _check(self, context: Any, value: Any) -> TypeCheck:
        if not isinstance(value, set):
            return TypeCheck(success=False, description=f"Value should be a set, got a {type(value)}")
        return _check_each(context, self.item_type, value)


class TupleType(_ContainerType):
    """A tuple with one value of each of these types."""

    def __init__(self, item_types: Sequence[Type]) -> None:
        self.parts = tuple(item_types)
        loaders = [item.loader for item in item_types if item.loader]
        super().__init__(
            self._check,
            key=f"TypedPythonTuple{'.'.join(item.key for item in item_types)}",
            name=f"Tuple[{','.join(item.display_name for item in item_types)}]",
            loader=TupleLoader(loaders) if len(loaders) == len(item_types) else None,
            typing_type=_TUPLE[tuple(item.typing_type for item in item_types)],
        )

    def _check(self, context: Any, value: Any) -> TypeCheck:
        if not isinstance(value, tuple):
            return TypeCheck(success=False, description=f"Value should be a tuple, got a {type(value)}")
        if len(value) != len(self.parts):
            return TypeCheck(
                success=False,
                description=f"Tuple with key {self.key} requires {len(self.parts)} entries, received {len(value)}",
            )
        for item, item_type in zip(value, self.parts, strict=True):
            check = item_type.type_check(context, item)
            if not check.success:
                return check
        return PASSED


def _check_each(context: Any, item_type: Type, items: Any) -> TypeCheck:
    if item_type.is_any:
        return PASSED
    for item in items:
        check = item_type.type_check(context, item)
        if not check.success:
            return check
    return PASSED


class TypeBuilder:
    """What ``List[…]``, ``Dict[…]``, ``Optional[…]`` and the like are: it makes the type of its parts."""

    def __init__(self, name: str, bare: Type | None, make: Callable[[Any], Type]) -> None:
        self._name = name
        self.bare = bare
        self._make = make
        self.is_runtime_type = True

    def __getitem__(self, parts: Any) -> Type:
        return self._make(parts)

    def __repr__(self) -> str:
        return f"{self._name}[…]"
