"""Where each node of a graph is drawn: columns from left to right along the edges, rows with few crossings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

#: Sweeps over all columns; crossings hardly change after the fourth (measured on random layered graphs).
_SWEEPS = 4
#: How wide a column is drawn, in rows; and how wide the whole picture should be against its height.
_COLUMN_ROWS, _ASPECT = 4.0, 1.6
#: Rows that connected parts are stacked to before a second stack begins beside the first.
_STACK_ROWS = 12.0


def lay_out(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> Mapping[str, tuple[float, float]]:
    """Column and row of every node, in units of one; the same graph always gets the same picture.

    A node stands right of all that it comes from; the edges of a cycle that would lead back are ignored.
    Connected parts are drawn one below the other, in as many stacks as make a picture of a screen's shape. Time grows
    with nodes plus edges, times their logarithm.
    """
    above: dict[str, list[str]] = {node: [] for node in nodes}
    below: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        if source != target and source in below and target in above:
            below[source].append(target)
            above[target].append(source)
    column = _columns(nodes, above, below)
    parts = [_rows(part, column, above, below) for part in _parts(nodes, above, below)]
    sizes = [(1.0 + max(column[node] for node in rows), _height(rows)) for rows in parts]
    area = sum(width * _COLUMN_ROWS * height for width, height in sizes)
    limit = max(_STACK_ROWS, math.sqrt(area / _ASPECT), *(height for _, height in sizes), 0.0)
    places: dict[str, tuple[float, float]] = {}
    left = top = widest = 0.0
    for rows, (width, height) in zip(parts, sizes, strict=True):
        if top + height > limit + 0.5:
            left, top, widest = left + widest, 0.0, 0.0
        places.update({node: (left + column[node], top + row) for node, row in rows.items()})
        top, widest = top + height, max(widest, width)
    return places


def _height(rows: Mapping[str, float]) -> float:
    """The rows that a connected part takes, with the space below it."""
    return max(rows.values()) + (1.0 if len(rows) == 1 else 1.5)


def _columns(nodes: Sequence[str], above: Mapping[str, list[str]], below: Mapping[str, list[str]]) -> dict[str, int]:
    """The longest way to each node; sources are then moved right, next to their first reader."""
    waiting = {node: len(above[node]) for node in nodes}
    column = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not waiting[node]]
    placed = set(ready)
    unplaced = iter(nodes)
    while len(placed) < len(nodes) or ready:
        if not ready:  # only cycles are left: open one at its first node
            opened = next(node for node in unplaced if node not in placed)
            ready.append(opened)
            placed.add(opened)
        following = []
        for node in ready:
            for target in below[node]:
                if target not in placed:
                    column[target] = max(column[target], column[node] + 1)
                    waiting[target] -= 1
                    if waiting[target] == 0:
                        following.append(target)
                        placed.add(target)
        ready = following
    for node in nodes:
        if not above[node] and below[node]:
            column[node] = max(column[node], min(column[target] for target in below[node]) - 1)
    return column


def _parts(nodes: Sequence[str], above: Mapping[str, list[str]], below: Mapping[str, list[str]]) -> list[list[str]]:
    """The connected parts, larger ones first."""
    seen: set[str] = set()
    parts = []
    for node in nodes:
        if node in seen:
            continue
        part = [node]
        seen.add(node)
        for one in part:
            for other in (*above[one], *below[one]):
                if other not in seen:
                    seen.add(other)
                    part.append(other)
        parts.append(part)
    return sorted(parts, key=len, reverse=True)


def _rows(
    part: list[str], column: Mapping[str, int], above: Mapping[str, list[str]], below: Mapping[str, list[str]]
) -> dict[str, float]:
    """A row for each node of one connected part, near the middle of its neighbours."""
    columns: dict[int, list[str]] = {}
    for node in part:
        columns.setdefault(column[node], []).append(node)
    order = sorted(columns)
    row = {node: float(at) for nodes in columns.values() for at, node in enumerate(nodes)}
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        near = above if forward else below
        for at in order if forward else reversed(order):
            _place(columns[at], near, row)
    low = min(row.values())
    return {node: value - low for node, value in row.items()}


def _place(nodes: list[str], near: Mapping[str, list[str]], row: dict[str, float]) -> None:
    """Order one column by the middle of each node's neighbours, and keep a distance of one between rows."""
    wanted = {
        node: sum(row[other] for other in near[node]) / len(near[node]) if near[node] else row[node] for node in nodes
    }
    nodes.sort(key=lambda node: (wanted[node], node))
    placed = [wanted[nodes[0]]]
    for node in nodes[1:]:
        placed.append(max(wanted[node], placed[-1] + 1.0))
    shift = sum(wanted[node] - at for node, at in zip(nodes, placed, strict=True)) / len(nodes)
    for node, at in zip(nodes, placed, strict=True):
        row[node] = at + shift
