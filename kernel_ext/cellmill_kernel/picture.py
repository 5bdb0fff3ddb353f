"""The graph of assets as a picture and as text: SVG, HTML, Mermaid; nothing is loaded from anywhere."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cellmill.planning.layout import lay_out

from .displays import STATES

#: Pixels from one column to the next, and from one row to the next.
COLUMN, ROW = 210, 62
_WIDTH, _HEIGHT, _MARGIN = 160, 38, 24
_XMLNS = 'xmlns="http://www.w3.org/2000/svg"'


@dataclass(frozen=True, slots=True)
class Node:
    """One asset in the picture."""

    id: str
    label: str
    state: str
    group: str = "default"
    title: str = ""
    #: a folded group or notebook stands for this many assets
    folded: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """Nodes and edges with their places: the same for widget, SVG and Mermaid."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    places: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, nodes: Sequence[Node], edges: Sequence[tuple[str, str]]) -> Picture:
        """Lay a graph out from left to right."""
        return cls(tuple(nodes), tuple(edges), lay_out([node.id for node in nodes], list(edges)))

    def position(self, ident: str) -> tuple[float, float]:
        """Pixels of a node's centre."""
        column, row = self.places[ident]
        return _MARGIN + _WIDTH / 2 + column * COLUMN, _MARGIN + _HEIGHT / 2 + row * ROW

    def to_svg(self) -> str:
        """The picture as one SVG element."""
        if not self.nodes:
            return f'<svg {_XMLNS} width="320" height="40"><text x="8" y="24">No assets yet</text></svg>'
        points = [self.position(node.id) for node in self.nodes]
        width = max(x for x, _ in points) + _WIDTH / 2 + _MARGIN
        height = max(y for _, y in points) + _HEIGHT / 2 + _MARGIN
        parts = [
            f'<svg {_XMLNS} viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" font-family="system-ui, sans-serif" font-size="12" role="img" '
            'aria-label="asset lineage">',
            '<defs><marker id="cm-arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0L8 4L0 8z" fill="#8a8f98"/></marker></defs>',
        ]
        parts += [self._edge(source, target) for source, target in self.edges]
        parts += [self._node(node) for node in self.nodes]
        return "".join([*parts, "</svg>"])

    def _edge(self, source: str, target: str) -> str:
        x1, y1 = self.position(source)
        x2, y2 = self.position(target)
        x1, x2 = x1 + _WIDTH / 2, x2 - _WIDTH / 2
        bend = max(30.0, (x2 - x1) / 2)
        return (
            f'<path d="M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}" '
            'fill="none" stroke="#8a8f98" stroke-width="1.4" marker-end="url(#cm-arrow)"/>'
        )

    def _node(self, node: Node) -> str:
        x, y = self.position(node.id)
        symbol, colour = STATES.get(node.state, ("?", "#8a8f98"))
        dash = ' stroke-dasharray="4 3"' if node.state in ("missing", "external") else ""
        label = html.escape(shorten(node.label, 20))
        return (
            f"<g><title>{html.escape(node.title or node.label)} ({html.escape(node.state)})</title>"
            f'<rect x="{x - _WIDTH / 2:.0f}" y="{y - _HEIGHT / 2:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="7" '
            f'fill="#ffffff" stroke="{colour}" stroke-width="2"{dash}/>'
            f'<text x="{x - _WIDTH / 2 + 10:.0f}" y="{y + 4:.0f}" fill="{colour}">{html.escape(symbol)}</text>'
            f'<text x="{x - _WIDTH / 2 + 26:.0f}" y="{y + 4:.0f}" fill="#1f2430">{label}</text></g>'
        )

    def to_html(self) -> str:
        """The picture with its legend, as HTML that needs nothing else."""
        legend = " ".join(
            f'<span style="color:{colour};margin-right:12px">{symbol} {state}</span>'
            for state, (symbol, colour) in STATES.items()
        )
        return f'<div style="overflow-x:auto;background:#fff;padding:4px">{self.to_svg()}<div>{legend}</div></div>'

    def to_mermaid(self) -> str:
        """The graph as a Mermaid flowchart."""
        ids = {node.id: f"n{number}" for number, node in enumerate(self.nodes)}
        lines = ["flowchart LR"]
        lines += [f'    {ids[node.id]}["{_quoted(node.label)}"]:::{node.state}' for node in self.nodes]
        lines += [f"    {ids[source]} --> {ids[target]}" for source, target in self.edges]
        lines += [f"    classDef {state} stroke:{colour},stroke-width:2px" for state, (_, colour) in STATES.items()]
        return "\n".join(lines)

    def to_text(self) -> str:
        """The graph as indented lines, for terminals."""
        lines = []
        for node in sorted(self.nodes, key=lambda node: self.places[node.id]):
            above = [source for source, target in self.edges if target == node.id]
            arrow = f"  ← {', '.join(above)}" if above else ""
            lines.append(f"{STATES.get(node.state, ('?', ''))[0]} {node.label}{arrow}")
        return "\n".join(lines) or "No assets yet"


def shorten(text: str, length: int) -> str:
    """A text that fits: its end is what tells names apart."""
    return text if len(text) <= length else "…" + text[-(length - 1) :]


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")
