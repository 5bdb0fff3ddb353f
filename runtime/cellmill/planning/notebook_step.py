"""Which notebooks a run visits, in which order, and which of their cells it executes there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.asset_cell import AssetCell


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookStep:
    """One visit to one notebook: some of its asset cells, and the plain cells that these need."""

    path: str
    #: Positions of the cells to execute, in the order of execution.
    cells: tuple[int, ...]
    #: Positions of the cells with assets among them, with what each makes.
    assets: Mapping[int, tuple[AssetKey, ...]]
    #: Assets of decorated functions, by the position of the cell behind which they are made.
    makes: Mapping[int, tuple[AssetKey, ...]] = field(default_factory=dict)
    #: 0 for the first visit to this notebook, 1 for the second …
    visit: int = 0
    #: Steps (by position in the plan) that must have ended before.
    after: tuple[int, ...] = ()
    #: Assets that are made elsewhere and read here.
    reads: frozenset[AssetKey] = frozenset()

    @property
    def key(self) -> str:
        """The step's key: the notebook, and the number of the visit when there are several."""
        return self.path if self.visit == 0 else f"{self.path}#{self.visit + 1}"

    @property
    def asset_keys(self) -> tuple[AssetKey, ...]:
        """All assets that the step makes, in the order of execution."""
        return tuple(key for index in self.cells for key in self.assets.get(index, ()))


@dataclass(slots=True)
class _Node:
    cell: AssetCell
    #: Upstream nodes among the selected ones, by identity of their cell.
    needs: set[int] = field(default_factory=set)


def plan_notebook_steps(
    selected: Iterable[AssetCell], between: Mapping[AssetKey, Collection[AssetKey]] | None = None
) -> tuple[NotebookStep, ...]:
    """Return the visits that make the `selected` asset cells, as few as their dependencies allow.

    A notebook is visited once, unless it needs something that itself needs this notebook: then it is visited again.
    `between` gives
    the upstreams of other selected assets (those of Python modules), through which one cell may need another.
    """
    cells = {id(cell): cell for cell in selected}
    nodes = {identity: _Node(cell) for identity, cell in cells.items()}
    makers = {key: identity for identity, cell in cells.items() for key in cell.keys}
    for node in nodes.values():
        node.needs = _needed(node.cell, makers, between or {}) - {id(node.cell)}
    visits = _visits(nodes)
    return tuple(_step(number, visits, nodes, makers) for number in range(len(visits)))


def _needed(
    cell: AssetCell, makers: Mapping[AssetKey, int], between: Mapping[AssetKey, Collection[AssetKey]]
) -> set[int]:
    """Return the selected cells that `cell` needs, directly or through assets that are no cells."""
    found: set[int] = set()
    seen: set[AssetKey] = set()
    todo = [upstream.key for upstream in cell.upstreams]
    while todo:
        key = todo.pop()
        if key in seen:
            continue
        seen.add(key)
        maker = makers.get(key)
        if maker is not None:
            found.add(maker)
        else:
            todo.extend(between.get(key, ()))
    return found


def _visits(nodes: Mapping[int, _Node]) -> list[list[int]]:
    """Return groups of nodes of one notebook each, every group behind those that it needs.

    Greedy: of the notebooks that can go on, one that can be finished goes first, else the one that can make most.
    """
    left: dict[str, list[int]] = {}
    for identity, node in nodes.items():
        left.setdefault(node.cell.origin.path, []).append(identity)
    for members in left.values():
        members.sort(key=lambda identity: nodes[identity].cell.origin.cell_index)
    done: set[int] = set()
    visits: list[list[int]] = []
    while left:
        best: tuple[str, list[int]] | None = None
        for path, members in left.items():
            possible = _possible(members, nodes, done)
            if len(possible) == len(members):
                best = (path, possible)
                break
            if best is None or len(possible) > len(best[1]):
                best = (path, possible)
        assert best is not None
        path, possible = best
        if not possible:
            raise ValueError("The selected asset cells need each other in a circle.")
        visits.append(possible)
        done.update(possible)
        rest = [identity for identity in left[path] if identity not in done]
        if rest:
            left[path] = rest
        else:
            del left[path]
    return visits


def _possible(members: Sequence[int], nodes: Mapping[int, _Node], done: set[int]) -> list[int]:
    """Return the members that can be made in one visit, each behind those that it needs, in document order where that
    is free.
    """
    made: list[int] = []
    known = set(done)
    waiting = list(members)
    progress = True
    while progress and waiting:
        progress = False
        for identity in list(waiting):
            if nodes[identity].needs <= known:
                made.append(identity)
                known.add(identity)
                waiting.remove(identity)
                progress = True
                # start again from the top: an earlier cell may be possible now
                break
    return made


def _step(
    number: int, visits: Sequence[Sequence[int]], nodes: Mapping[int, _Node], makers: Mapping[AssetKey, int]
) -> NotebookStep:
    members = visits[number]
    cells = [nodes[identity].cell for identity in members]
    path = cells[0].origin.path
    needed = set().union(*(nodes[identity].needs for identity in members)) - set(members)
    after = tuple(index for index, other in enumerate(visits) if index != number and needed & set(other))
    made = {key for cell in cells for key in cell.keys}
    order, makes = execution_order(cells)
    return NotebookStep(
        path=path,
        cells=order,
        assets=_by_position((cell.origin.cell_index, cell) for cell in cells),
        makes=makes,
        visit=sum(nodes[visit[0]].cell.origin.path == path for visit in visits[:number]),
        after=after,
        reads=frozenset(up.key for cell in cells for up in cell.upstreams if up.key not in made),
    )


def execution_order(cells: Sequence[AssetCell]) -> tuple[tuple[int, ...], dict[int, tuple[AssetKey, ...]]]:
    """Return the positions to execute, and behind which of them assets of decorated functions are made.

    Document order, unless an asset reads one that stands below it. `cells` are given each behind those that it needs;
    plain cells run in document order, each before the first asset that needs it. A cell with decorated functions is a
    plain one: it defines them, and each is made as soon as what it reads is there.
    """
    positions = [cell.origin.cell_index for cell in cells]
    own = {cell.origin.cell_index for cell in cells if not _is_decorated(cell)}
    plain = sorted(frozenset().union(*(cell.cells for cell in cells)) - own)
    decorated = [cell for cell in cells if _is_decorated(cell)]
    if positions == sorted(positions):
        makes = _by_position((cell.origin.cell_index, cell) for cell in decorated)
        return tuple(sorted({*plain, *positions})), makes
    order: list[int] = []
    behind: list[tuple[int, AssetCell]] = []
    for cell in cells:
        order.extend(index for index in plain if index in cell.cells and index not in order)
        if cell.origin.cell_index not in order:
            order.append(cell.origin.cell_index)
        if _is_decorated(cell):
            behind.append((order[-1], cell))
    return tuple(order), _by_position(behind)


def made_behind(cells: Iterable[AssetCell]) -> dict[int, tuple[AssetKey, ...]]:
    """Return where a run of the whole notebook makes the assets of decorated functions: behind the cell that defines
    one, or behind the last of the cells that make what it reads.
    """
    by_key = {key: cell for cell in cells for key in cell.keys}
    at: dict[AssetKey, int] = {}
    order: list[tuple[int, AssetCell]] = []

    def place(cell: AssetCell) -> int:
        if cell.key not in at:
            at[cell.key] = cell.origin.cell_index  # ends circles, which are problems of their own
            if _is_decorated(cell):
                above = [place(by_key[up.key]) for up in cell.upstreams if up.key in by_key]
                at[cell.key] = max([cell.origin.cell_index, *above])
                order.append((at[cell.key], cell))
        return at[cell.key]

    for cell in by_key.values():
        place(cell)
    return _by_position(order)


def _is_decorated(cell: AssetCell) -> bool:
    return cell.definition.form == "decorator"


def _by_position(cells: Iterable[tuple[int, AssetCell]]) -> dict[int, tuple[AssetKey, ...]]:
    found: dict[int, tuple[AssetKey, ...]] = {}
    for index, cell in cells:
        found[index] = (*found.get(index, ()), *(key for key in cell.keys if key not in found.get(index, ())))
    return found
