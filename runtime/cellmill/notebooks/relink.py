"""A notebook linked again after an edit: the definitions that the edit cannot have touched stay as they were linked.

A definition is linked by looking names up among the statements above it. Its link stays true as long as each name that
was looked up still has the same entries, in statements that are the same; what may reach every name (a star import,
code that binds what its text does not show, resources, other assets) must be the same altogether.
"""

from __future__ import annotations

from collections.abc import Mapping

from .link import Linker
from .linking import Linked, NotebookLinking
from .scan import NotebookScan


def take_over(earlier: NotebookLinking, now: NotebookLinking) -> None:
    """Give `now` the links of `earlier` that are still true."""
    moved = _moved(earlier, now)
    if moved is None or not _same_preamble(earlier.linker, now.linker, moved):
        return
    touched = _touched(earlier.linker, now.linker, moved)
    now.linked.update(_untouched(earlier.linked, touched))


def _untouched(linked: Mapping[int, Linked], touched: set[str]) -> dict[int, Linked]:
    return {ident: one for ident, one in linked.items() if touched.isdisjoint(one.names)}


def _moved(earlier: NotebookLinking, now: NotebookLinking) -> dict[int, int] | None:
    """Where the statements of unchanged cells stand now, by where they stood; None where all is to be linked anew."""
    if not _same_definitions(earlier.scan, now.scan) or earlier.gives_resources or now.gives_resources:
        return None
    if earlier.python != now.python or earlier.by_name != now.by_name or earlier.modules != now.modules:
        return None
    moved: dict[int, int] = {}
    for before, after in zip(earlier.scan.cells, now.scan.cells, strict=True):
        if before is not after:
            if not (before.is_plain and after.is_plain) or before.cell.index != after.cell.index:
                return None
            continue
        start, end = earlier.linker.spans.get(before.cell.index, (0, 0))
        there, _ = now.linker.spans.get(before.cell.index, (0, 0))
        for at in range(start, end):
            moved[at] = there + at - start
    return moved


def _same_definitions(before: NotebookScan, after: NotebookScan) -> bool:
    """Whether the edit left every definition and declaration the very same."""
    return len(before.cells) == len(after.cells) and all(
        len(first) == len(second) and all(one is other for one, other in zip(first, second, strict=True))
        for first, second in (
            (before.definitions, after.definitions),
            (before.declarations, after.declarations),
            (before.unknowns, after.unknowns),
        )
    )


def _same_preamble(earlier: Linker, now: Linker, moved: Mapping[int, int]) -> bool:
    """Whether what may concern any definition is the same: open statements, and set-up with what it needs."""
    if [moved.get(at) for at in earlier.open] != now.open:
        return False
    before = {moved.get(at): {moved.get(need) for need in needs} for at, needs in earlier.setup_needs().items()}
    return before == now.setup_needs()


def _touched(earlier: Linker, now: Linker, moved: Mapping[int, int]) -> set[str]:
    """The names that are bound or changed otherwise, or elsewhere, than before."""
    touched: set[str] = set()
    for name in earlier.entries.keys() | now.entries.keys():
        before, after = earlier.entries.get(name, ()), now.entries.get(name, ())
        if len(before) != len(after) or any(
            moved.get(old.position) != new.position or old.bind != new.bind or old.mutation != new.mutation
            for old, new in zip(before, after, strict=True)
        ):
            touched.add(name)
    return touched
