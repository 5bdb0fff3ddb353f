"""Making frozen records from stored rows by the ten thousand: fields are put in place, one of them decoded when read.

A frozen dataclass's own `__init__` costs four times as much as putting its fields, and most readers of a row never look
at the payload, whose decoding costs most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar


class LateField:
    """Base of a frozen dataclass with slots, of which one field may be stored text until it is read."""

    __slots__ = ("_late",)

    #: The name of that field.
    LATE: ClassVar[str]

    if not TYPE_CHECKING:  # Type checkers would take every misspelled attribute for one that is found here.

        def __getattr__(self, name: str) -> Any:
            if name != self.LATE:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            decode, text = self._late
            value = decode(text)
            object.__setattr__(self, name, value)
            return value


Record = TypeVar("Record")


def quick(cls: type[Record]) -> type[Record]:
    """Give a frozen dataclass with slots an `__init__` that puts its fields at once.

    Its own asks `object.__setattr__` to find each slot anew, which takes half of the time of a small event.
    """
    made: Any = cls
    own = made.__init__
    inside: dict[str, Any] = {"__builtins__": {}, "MISSING": MISSING}
    parameters, puts = ["self"], []
    for one in fields(made):
        name = one.name
        inside[f"put_{name}"] = getattr(cls, name).__set__
        given = name
        if one.default_factory is not MISSING:
            inside[f"make_{name}"] = one.default_factory
            given = f"make_{name}() if {name} is MISSING else {name}"
            parameters.append(f"{name}=MISSING")
        elif one.default is not MISSING:
            inside[f"default_{name}"] = one.default
            parameters.append(f"{name}=default_{name}")
        else:
            parameters.append(name)
        puts.append(f"    put_{name}(self, {given})\n")
    exec(f"def __init__({', '.join(parameters)}):\n{''.join(puts)}", inside)
    init = inside["__init__"]
    init.__qualname__, init.__doc__, init.__annotations__ = own.__qualname__, own.__doc__, own.__annotations__
    made.__init__ = init
    return cls


Made = TypeVar("Made", bound=LateField)


def row_maker(
    cls: type[Made], names: Sequence[str], decode: Callable[[Any], Any]
) -> Callable[[Iterable[Any], Any], Made]:
    """What makes an instance from the values of its fields `names` and the text of its late field (None for None)."""
    puts = tuple(getattr(cls, name).__set__ for name in names)
    put_late, put_field = (getattr(cls, name).__set__ for name in ("_late", cls.LATE))
    new = cls.__new__

    def make(values: Iterable[Any], text: Any) -> Made:
        made = new(cls)
        for put, value in zip(puts, values, strict=False):
            put(made, value)
        if text is None:
            put_field(made, None)
        else:
            put_late(made, (decode, text))
        return made

    return make
