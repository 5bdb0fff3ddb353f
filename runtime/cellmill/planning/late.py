"""Making frozen records from stored rows by the ten thousand: fields are put in place, one of them decoded when read.

A frozen dataclass's own `__init__` costs four times as much as putting its fields, and most readers of a row never look
at the payload, whose decoding costs most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, fields
from typing import Any, ClassVar, TypeVar

Made = TypeVar("Made", bound="LateField")


class LateField:
    """Base of a frozen dataclass with slots, of which one field may be stored text until it is read.

    Until then such a record is of a subclass of its class (see `row_maker`), so that records made here are read
    without the detour that a class with `__getattr__` takes for every attribute.
    """

    __slots__ = ("_late",)

    #: The name of that field.
    LATE: ClassVar[str]


def _undecoded(cls: type[Made]) -> type[Made]:
    """The class of records whose late field nobody has read; whoever reads it makes them of `cls`."""

    def decode(self: Any, name: str) -> Any:
        if name != cls.LATE:
            raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}", name=name, obj=self)
        make, text = self._late
        value = make(text)
        object.__setattr__(self, name, value)
        object.__setattr__(self, "__class__", cls)
        return value

    def decoded(record: Any) -> Any:
        getattr(record, cls.LATE)
        return record

    return type(
        cls.__name__,
        (cls,),
        {
            "__slots__": (),
            "__qualname__": cls.__qualname__,
            "__module__": cls.__module__,
            "__getattr__": decode,
            "__eq__": lambda self, other: decoded(self) == other,
            "__hash__": lambda self: hash(decoded(self)),
            "__reduce_ex__": lambda self, protocol: decoded(self).__reduce_ex__(protocol),
        },
    )


Record = TypeVar("Record")
#: From how many fields on it pays to open a record while it is filled.
OPENED_FROM = 3
_put_class = object.__dict__["__class__"].__set__


def quick(cls: type[Record]) -> type[Record]:
    """Give a frozen dataclass with slots an `__init__` that puts its fields at once.

    Its own asks `object.__setattr__` to find each slot anew, which takes half of the time of a small event. A record
    of several fields is of an open class with the same slots while it is filled, where the interpreter puts a value
    without any call; one of few fields has them put by their descriptors.
    """
    made: Any = cls
    own = made.__init__
    inside: dict[str, Any] = {"__builtins__": {}, "MISSING": MISSING}
    parameters, lines = ["self"], []
    opened = len(fields(made)) >= OPENED_FROM
    for one in fields(made):
        name = one.name
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
        if opened:
            lines.append(f"    self.{name} = {given}\n")
        else:
            inside[f"put_{name}"] = getattr(cls, name).__set__
            lines.append(f"    put_{name}(self, {given})\n")
    if opened:
        inside |= {
            "put_class": _put_class,
            "Open": type(cls.__name__, cls.__bases__, {"__slots__": made.__slots__}),
            "Own": cls,
        }
        lines = ["    put_class(self, Open)\n", *lines, "    self.__class__ = Own\n"]
    exec(f"def __init__({', '.join(parameters)}):\n{''.join(lines)}", inside)
    init = inside["__init__"]
    init.__qualname__, init.__doc__, init.__annotations__ = own.__qualname__, own.__doc__, own.__annotations__
    made.__init__ = init
    return cls


def row_maker(
    cls: type[Made], names: Sequence[str], decode: Callable[[Any], Any]
) -> Callable[[Iterable[Any], Any], Made]:
    """What makes an instance from the values of its fields `names` and the text of its late field (None for None)."""
    puts = tuple(getattr(cls, name).__set__ for name in names)
    put_late, put_field = (getattr(cls, name).__set__ for name in ("_late", cls.LATE))
    new = cls.__new__
    undecoded = _undecoded(cls)

    def make(values: Iterable[Any], text: Any) -> Made:
        made = new(cls if text is None else undecoded)
        for put, value in zip(puts, values, strict=False):
            put(made, value)
        if text is None:
            put_field(made, None)
        else:
            put_late(made, (decode, text))
        return made

    return make
