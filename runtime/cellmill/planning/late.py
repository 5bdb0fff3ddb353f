"""Making frozen records from stored rows by the ten thousand: fields are put in place, one of them decoded when read.

A frozen dataclass's own `__init__` costs four times as much as putting its fields, and most readers of a row never look
at the payload, whose decoding costs most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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


Made = TypeVar("Made", bound=LateField)


def row_maker(
    cls: type[Made], names: Sequence[str], decode: Callable[[Any], Any]
) -> Callable[[Iterable[Any], Any], Made]:
    """What makes an instance from the values of its fields `names` and the text of its late field (None for None)."""
    puts = tuple(getattr(cls, name).__set__ for name in names)
    put_late, put_field = cls._late.__set__, getattr(cls, cls.LATE).__set__  # type: ignore[attr-defined]
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
