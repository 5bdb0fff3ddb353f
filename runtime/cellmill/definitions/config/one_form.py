"""One object for all config types that were declared in the same form."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any
from weakref import WeakValueDictionary

_KNOWN: WeakValueDictionary[tuple[Hashable, ...], Any] = WeakValueDictionary()


class OneForm(type):
    """Metaclass of config types with parts: two declarations of the same form are the same object."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        return _KNOWN.setdefault(form_of(made), made)


def form_of(made: Any) -> tuple[Hashable, ...]:
    """Everything that the declaration of a config type said.

    Inner types count by identity: they are alive as long as the type is, and of one form themselves.
    """
    fields: Mapping[str, Any] = getattr(made, "fields", {})
    aliases: Mapping[str, str] = getattr(made, "field_aliases", {})
    inner = tuple(id(made.__dict__[part]) for part in ("key_type", "inner_type") if part in made.__dict__)
    of_fields = (
        (name, id(one.config_type), one.is_required, repr(one._default), one.description, one.is_secret)
        for name, one in sorted(fields.items())
    )
    return type(made), made.given_name, made.description, *inner, tuple(sorted(aliases.items())), *of_fields
