"""Facts by the content of a cell, so that editing one cell analyses one cell."""

from __future__ import annotations

from collections import OrderedDict

from .cells import StarNames, analyse_parsed
from .facts import CellFacts
from .syntax import Parsed, parse_source

#: Cells kept: a workspace of 200 notebooks of 100 cells; about 4 kB each.
MAX_CELLS = 20_000


class FactsCache:
    """Parsed cells and their facts, keyed by source text; the oldest unused go first."""

    def __init__(self, size: int = MAX_CELLS) -> None:
        self.size = size
        self.hits = 0
        self.misses = 0
        #: what a notebook's cell gave when it was last read, by its place; `scan` keeps it
        self.cells: dict[object, object] = {}
        self._items: OrderedDict[tuple[str, tuple[int, int]], tuple[Parsed, CellFacts]] = OrderedDict()

    def analyse(
        self, source: str, python: tuple[int, int], star_names: StarNames | None = None
    ) -> tuple[Parsed, CellFacts]:
        """The facts of a cell's source, from the cache where it was seen before."""
        key = (source, python)
        found = self._items.get(key)
        if found is not None:
            self.hits += 1
            self._items.move_to_end(key)
            return found
        self.misses += 1
        parsed = parse_source(source)
        found = parsed, analyse_parsed(parsed, python=python, star_names=star_names)
        self._items[key] = found
        if len(self._items) > self.size:
            self._items.popitem(last=False)
        return found

    def __len__(self) -> int:
        return len(self._items)
