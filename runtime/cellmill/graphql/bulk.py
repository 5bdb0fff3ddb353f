"""Loading for a whole list what GraphQL asks for one item after the other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import islice
from typing import TypeVar, cast

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
#: Rows that are loaded in one go: enough for hundreds of items, and no more memory than a page of a log.
ROWS = 20_000


class Bulk:
    """What one request loads of the items of its lists.

    - a list says which items it returns (`expect`);
    - the first item that is asked for something gets its own; with the second one come those of its neighbours.
    """

    def __init__(self) -> None:
        self._expected: dict[str, dict[Hashable, None]] = {}
        self._found: dict[tuple[str, Hashable], dict[Hashable, object]] = {}

    def expect(self, kind: str, keys: Iterable[Hashable]) -> None:
        """Say that something may be asked of each of these."""
        self._expected.setdefault(kind, {}).update(dict.fromkeys(keys))

    def get(
        self, kind: str, what: Hashable, key: K, load: Callable[[list[K]], Mapping[K, V]], *, rows: int = 1
    ) -> V | None:
        """Return `what` of the item `key`; `load` answers for several, each of them with up to so many `rows`."""
        found = self._found.setdefault((kind, what), {})
        if key not in found:
            wanted = [key]
            if found:
                left = (other for other in self._expected.get(kind, ()) if other not in found and other != key)
                wanted += cast("list[K]", list(islice(left, max(0, ROWS // max(rows, 1) - 1))))
            loaded = load(wanted)
            found.update({one: loaded.get(one) for one in wanted})
        return cast("V | None", found[key])
