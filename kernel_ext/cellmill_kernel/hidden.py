"""Hidden state: names that are there though no cell as it stands would give them, so that a run would not have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellmill.notebooks.facts import OPAQUE

if TYPE_CHECKING:
    from cellmill.notebooks.facts import CellFacts

    from .host import Host


@dataclass(frozen=True, slots=True)
class HiddenRead:
    """A read of a name that only this kernel has."""

    name: str
    line: int
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line} reads {self.name}, {self.why}. {self.remedy}"


def hidden_reads(session: Host, cell_id: str, facts: CellFacts) -> Iterator[HiddenRead]:
    """The names a plain cell reads whose cell is gone, stands below, or was edited and not run again."""
    linking = session.registry.linking()
    linker = linking.linker
    cells = linking.scan.notebook.cells
    index = next((cell.index for cell in cells if cell.id == cell_id), len(cells))
    position = linker.spans[index][0] if index in linker.spans else linker.position_of(index)
    edited = {cell.id for cell in session.live.edited_not_run()}
    # code that may bind any name may have bound this one
    unknown = bool(linker.open) or any(OPAQUE in unit.statement.flags for unit in linker.units)
    for name, use in facts.uses.items():
        if use.kind == "inspection" or name in linking.own or name in linking.by_name or not session.made_here(name):
            continue
        above = [entry for entry in linker.above(name, position)[0] if entry.bind is not None]
        if above:
            stale = [at for at in {linker.units[entry.position].cell for entry in above} if cells[at].id in edited]
            for at in sorted(stale):
                yield HiddenRead(
                    name, use.line, f"and cell {at + 1}, which defines it, was edited but not run again",
                    f"Run cell {at + 1}.",
                )  # fmt: skip
            continue
        below = linker.below(name, position)
        if below is not None:
            at = linker.units[below.position].cell
            if at != index:
                yield HiddenRead(
                    name, use.line, f"which only cell {at + 1} below defines: from top to bottom it is not there yet",
                    f"Move cell {at + 1} above this one.",
                )  # fmt: skip
        elif not unknown:
            yield HiddenRead(
                name, use.line, "which no cell defines any more: only this kernel still has it",
                f"Define {name} in a cell above, or restart the kernel to see what is missing.",
            )  # fmt: skip
