"""Types whose values have one of two forms: nothing or a value, a scalar or something with parts."""

from __future__ import annotations

from typing import Any as AnyValue
from typing import ClassVar

from cellmill.definitions.config.config_type import ConfigType, ConfigTypeKind
from cellmill.definitions.config.evaluation import Problems, Stack
from cellmill.definitions.config.field import resolve_inner
from cellmill.definitions.config.one_form import OneForm
from cellmill.errors import ParameterCheckError


class Noneable(ConfigType, metaclass=OneForm):
    """A value of the inner type, or None.

    Args:
        inner_type: A config type, or a shorthand of one: `int`, `[str]`, `{"a": int}`.
    """

    kind = ConfigTypeKind.NONEABLE

    def __init__(self, inner_type: object) -> None:
        self.inner_type = resolve_inner(inner_type, "Noneable")

    def check(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note the problems of the inner value, if there is one."""
        if value is not None:
            self.inner_type.check(value, stack, problems)

    def resolve(self, value: AnyValue, stack: Stack, problems: Problems, environment: bool) -> AnyValue:
        """The resolved inner value, or None."""
        return None if value is None else self.inner_type.resolve(value, stack, problems, environment)

    @property
    def label(self) -> str:
        """The inner type with a question mark."""
        return f"{self.inner_type.label}?"

    @property
    def key(self) -> str:
        """A text that is equal for types of the same form."""
        return f"Noneable.{self.inner_type.key}"


class ScalarUnion(ConfigType):
    """Either a scalar, or a value of a type that is no scalar: a dict or list is the one, anything else the other.

    Args:
        scalar_type: A scalar: `int`, `str`, `bool`, `float`.
        non_scalar_schema: A `Shape`, `Selector`, `Array` or `Map`, or a shorthand of one.
    """

    kind = ConfigTypeKind.SCALAR_UNION
    _NOT_SCALAR: ClassVar[frozenset[ConfigTypeKind]] = frozenset(
        {
            ConfigTypeKind.STRICT_SHAPE,
            ConfigTypeKind.PERMISSIVE_SHAPE,
            ConfigTypeKind.SELECTOR,
            ConfigTypeKind.ARRAY,
            ConfigTypeKind.MAP,
        }
    )

    def __init__(self, scalar_type: object, non_scalar_schema: object, _key: str | None = None) -> None:
        self.scalar_type = resolve_inner(scalar_type, "ScalarUnion")
        self.non_scalar_type = resolve_inner(non_scalar_schema, "ScalarUnion")
        if self.scalar_type.kind is not ConfigTypeKind.SCALAR:
            raise ParameterCheckError(f"ScalarUnion needs a scalar first; got {self.scalar_type.label}.")
        if self.non_scalar_type.kind not in self._NOT_SCALAR:
            raise ParameterCheckError(
                f"ScalarUnion needs a Shape, Selector, Array or Map second; got {self.non_scalar_type.label}."
            )
        if _key:
            self.given_name = _key

    def check_value(self, value: AnyValue, stack: Stack, problems: Problems) -> None:
        """Note the problems of the side that the value's form tells."""
        self._side(value).check(value, stack, problems)

    def resolve(self, value: AnyValue, stack: Stack, problems: Problems, environment: bool) -> AnyValue:
        """The resolved value of the side it belongs to, then this type's own post-processing."""
        inner = self._side(value).resolve(value, stack, problems, environment)
        return super().resolve(inner, stack, problems, environment)

    def _side(self, value: AnyValue) -> ConfigType:
        return self.non_scalar_type if isinstance(value, (dict, list)) else self.scalar_type

    @property
    def label(self) -> str:
        """Both sides."""
        return f"({self.scalar_type.label} | {self.non_scalar_type.label})"

    @property
    def key(self) -> str:
        """A text that is equal for types of the same form."""
        return self.given_name or f"ScalarUnion.{self.scalar_type.key}-{self.non_scalar_type.key}"

    def example(self) -> AnyValue:
        """A scalar."""
        return self.scalar_type.example()
