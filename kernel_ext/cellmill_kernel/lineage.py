"""`%lineage`: the graph of assets, live in the notebook, as a picture everywhere else."""

from __future__ import annotations

import asyncio
import contextlib
import html
import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey

from .displays import STATES
from .folding import MAX_NODES, UNFOLDED_AT_ONCE, Folding, fold
from .making import materialize
from .picture import Node, Picture, shorten
from .progress import in_front_end
from .session import Session
from .states import Seen, states_of, unfinished_runs
from .views import asset_details

#: Seconds between looks at runs of other processes and at edits of other files.
FOLLOW_S = 0.5

#: A folded node has the state that asks most for a look.
_WORST_FIRST = ("failed", "running", "stale", "missing", "fresh", "external")

_STYLE: list[dict[str, Any]] = [
    {
        "selector": "node",
        "style": {
            "shape": "round-rectangle", "label": "data(label)", "text-valign": "center", "text-halign": "center",
            "width": "160px", "height": "36px", "font-size": "12px", "background-color": "#ffffff",
            "border-width": "2px", "border-color": "data(colour)", "color": "#1f2430",
        },
    },
    {"selector": "node.folded", "style": {"border-style": "double", "border-width": "5px"}},
    {
        "selector": "edge",
        "style": {
            "width": 1.4, "line-color": "#8a8f98", "target-arrow-color": "#8a8f98", "target-arrow-shape": "triangle",
            "curve-style": "bezier",
        },
    },
    {"selector": "node:selected", "style": {"background-color": "#e8f1fd"}},
]  # fmt: skip


class Lineage:
    """The lineage of a selection of assets (default: all of the workspace).

    - shown as a widget in a live notebook, with a static picture in the same output for saved notebooks;
    - `to_svg`, `to_html`, `to_mermaid` give the picture.
    """

    def __init__(self, session: Session, keys: Sequence[AssetKey] | None = None) -> None:
        self.session = session
        self.widget = in_front_end()
        self._selection = list(keys) if keys is not None else None
        #: assets that clicks unfolded, the latest first
        self._unfolded: dict[AssetKey, None] = {}
        #: where the neighbourhood lies; it stays, so that later cells repaint nodes and move none
        self._centre: AssetKey | None = None
        self._folding = Folding()

    # the graph --------------------------------------------------------------------------------------------------

    def keys(self) -> list[AssetKey]:
        """The assets that are shown."""
        graph = self.session.graph()
        if self._selection is not None:
            return [key for key in self._selection if key in graph]
        return list(graph)

    def picture(self) -> Picture:
        """The graph as it is now; folded where it is too large."""
        graph = self.session.graph()
        keys = self.keys()
        states = states_of(self.session)
        groups = self._groups(keys)
        near = self._neighbourhood(keys, graph) if len(keys) > MAX_NODES else ()
        folding = self._folding = fold(keys, groups, [*self._unfolded, *near])
        nodes = [self._node(key, groups[key], states) for key in folding.shown]
        for name, members in folding.folded.items():
            state = min((states[key].state for key in members), key=_WORST_FIRST.index)
            label = f"{name.partition(':')[2]} ({len(members)})"
            nodes.append(Node(name, label, state, name, f"{len(members)} assets, click to unfold", len(members)))
        return Picture.of(nodes, folding.edges(graph))

    def unfold(self, name: str) -> None:
        """Show the assets that a folded node stands for, as many as there is room for; a further call shows more."""
        hidden = sorted(self._folding.folded.get(name, ()), key=self._unfolded.__contains__)
        self._unfolded = dict.fromkeys([*hidden[:UNFOLDED_AT_ONCE], *self._unfolded])

    def _neighbourhood(
        self, keys: Sequence[AssetKey], graph: Mapping[AssetKey, tuple[AssetKey, ...]]
    ) -> list[AssetKey]:
        """The assets around the current one, nearest first."""
        below: dict[AssetKey, list[AssetKey]] = {}
        for key, upstreams in graph.items():
            for upstream in upstreams:
                below.setdefault(upstream, []).append(key)
        allowed = set(keys)
        found: dict[AssetKey, None] = {}
        if self._centre not in allowed:
            self._centre = self._current(keys)
        todo = deque([self._centre])
        while todo and len(found) < MAX_NODES // 2:
            key = todo.popleft()
            if key in found or key not in allowed:
                continue
            found[key] = None
            todo.extend((*graph.get(key, ()), *below.get(key, ())))
        return list(found)

    def _current(self, keys: Sequence[AssetKey]) -> AssetKey:
        """The asset of the current cell: of the nearest cell above the one that runs; else the notebook's last."""
        shown = set(keys)
        mine = [(cell.origin, key) for key, cell in self.session.registry.assets().items() if key in shown]
        if not mine:
            return keys[0]
        cells = self.session.registry.scan().notebook.cells
        running = next((cell.index for cell in cells if cell.id == self.session.current_cell[0]), len(cells))
        above = [item for item in mine if item[0].cell_index <= running] or mine[:1]
        return max(above, key=lambda item: item[0].cell_index)[1]

    def _groups(self, keys: Sequence[AssetKey]) -> dict[AssetKey, str]:
        """What an asset is folded into: its group, else its notebook, else its first prefix."""
        own = self.session.registry.assets()
        entries = self.session.workspace.assets_by_key if any(key not in own for key in keys) else {}
        found = {}
        for key in keys:
            cell, entry = own.get(key), entries.get(key.parts)
            group = cell.header.text("group_name") if cell is not None else getattr(entry, "group", None)
            notebook = cell.origin.path if cell is not None else getattr(entry, "notebook", None)
            if group and group != "default":
                found[key] = f"group:{group}"
            elif notebook:
                found[key] = f"notebook:{notebook}"
            else:
                found[key] = f"group:{key.parts[0] if len(key.parts) > 1 else 'default'}"
        return found

    def _node(self, key: AssetKey, group: str, states: Mapping[AssetKey, Seen]) -> Node:
        seen = states.get(key, Seen("external"))
        name = key.to_user_string()
        title = name + (": " + "; ".join(seen.reasons) if seen.reasons else "")
        return Node(name, name, seen.state, group, title)

    # pictures ---------------------------------------------------------------------------------------------------

    def to_svg(self) -> str:
        """The lineage as SVG."""
        return self.picture().to_svg()

    def to_html(self) -> str:
        """The lineage as HTML that needs nothing else."""
        return self.picture().to_html()

    def to_mermaid(self) -> str:
        """The lineage as a Mermaid flowchart."""
        return self.picture().to_mermaid()

    def __repr__(self) -> str:
        return self.picture().to_text()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        picture = self.picture()
        bundle: dict[str, Any] = {"text/plain": picture.to_text(), "text/html": picture.to_html()}
        metadata: dict[str, Any] = {}
        if self.widget:
            live = LiveLineage(self, picture)
            shown = live.box._repr_mimebundle_()
            data, metadata = shown if isinstance(shown, tuple) else (shown, {})
            view = "application/vnd.jupyter.widget-view+json"
            if isinstance(data, dict) and view in data:
                bundle[view] = data[view]
        return bundle, metadata


class LiveLineage:
    """The widget: one model an element, coloured by state; changes repaint their nodes only."""

    def __init__(self, lineage: Lineage, picture: Picture) -> None:
        # most of a second with ipywidgets, for a widget that is shown
        import ipycytoscape
        import ipywidgets

        self.lineage = lineage
        self._cytoscape = ipycytoscape
        self._nodes: dict[str, Any] = {}
        self._edges: frozenset[tuple[str, str]] = frozenset()
        self._graph: Any = None
        self._gone: list[Any] = []
        self.box = ipywidgets.VBox()
        self._details = ipywidgets.HTML("<i>Click an asset to see its description, last run and preview.</i>")
        self._make = ipywidgets.Button(description="Materialize", disabled=True, tooltip="Make the selected asset")
        self._make_stale = ipywidgets.Button(description="Stale only", tooltip="Make what is stale or missing")
        self._make.on_click(lambda _: self._run([self._selected] if self._selected else []))
        self._make_stale.on_click(lambda _: self._run(self._stale()))
        self._out = ipywidgets.Output()
        self._selected: AssetKey | None = None
        buttons = ipywidgets.HBox([self._make, self._make_stale])
        self._below = (buttons, self._details, self._out)
        self._fill(picture)
        mine = weakref.WeakMethod(self._changed)
        lineage.session.listeners.append(lambda keys: (method := mine()) and method(keys))
        _KEPT.append(self)
        del _KEPT[:-_MAX_KEPT]
        _Follower.of(lineage.session)

    def _fill(self, picture: Picture) -> None:
        elements = self._cytoscape
        before = [] if self._graph is None else [*self._graph.graph.nodes, *self._graph.graph.edges, self._graph]
        self._nodes = {}
        for node in picture.nodes:
            x, y = picture.position(node.id)
            made = elements.Node(data=_data(node), position={"x": x, "y": y}, classes="folded" if node.folded else "")
            self._nodes[node.id] = made
        edges = [
            elements.Edge(data={"id": f"{source}→{target}", "source": source, "target": target})
            for source, target in picture.edges
        ]
        self._edges = frozenset(picture.edges)
        # a graph of its own for each picture: in one that goes on, an element that comes again under the same name is
        # lost, because the front end adds it before it has taken the old one away
        self._graph = elements.CytoscapeWidget()
        self._graph.set_style(_STYLE)
        self._graph.set_layout(name="preset", fit=True, padding=20)
        self._graph.on("node", "click", self._clicked)
        # building the whole graph at once takes a third of the messages of adding it from JSON
        self._graph.graph = elements.Graph(nodes=list(self._nodes.values()), edges=edges)
        self.box.children = (self._graph, *self._below)
        # the front end may still be taking the elements of the last picture away: those before it are let go of
        for element in self._gone:
            element.close()
        self._gone = before

    def _changed(self, keys: Iterable[AssetKey]) -> None:
        picture = self.lineage.picture()
        if {node.id for node in picture.nodes} != set(self._nodes) or set(picture.edges) != self._edges:
            self._fill(picture)
            return
        for node in picture.nodes:
            made = self._nodes[node.id]
            data = _data(node)
            if made.data.get("state") != node.state or made.data.get("title") != data["title"]:
                made.data = {**made.data, **data}

    def _clicked(self, event: Mapping[str, Any]) -> None:
        ident = str(event.get("data", {}).get("id", ""))
        if ident in self._nodes and self._nodes[ident].classes == "folded":
            self.lineage.unfold(ident)
            self._fill(self.lineage.picture())
            return
        key = AssetKey.from_user_string(ident)
        self._selected = key
        self._make.disabled = False
        seen = states_of(self.lineage.session, [key])[key]
        self._details.value = asset_details(self.lineage.session, key, seen)._repr_html_()

    def _stale(self) -> list[AssetKey]:
        states = states_of(self.lineage.session, self.lineage.keys())
        return [key for key, seen in states.items() if seen.state in ("stale", "missing", "failed")]

    def _run(self, keys: Sequence[AssetKey]) -> None:
        self._out.clear_output()
        with self._out:
            if not keys:
                print("Nothing to do.")
                return
            try:
                words = [f'key:"{key.to_user_string()}"' for key in keys]
                materialize(self.lineage.session, [" or ".join(words)], "")
            except Exception as error:
                print(f"{type(error).__name__}: {error}")
        self._changed(keys)


def _data(node: Node) -> dict[str, Any]:
    symbol, colour = STATES.get(node.state, ("?", "#8a8f98"))
    return {
        "id": node.id,
        "label": f"{symbol} {shorten(node.label, 20)}",
        "state": node.state,
        "colour": colour,
        # tooltips go through innerHTML
        "title": html.escape(node.title),
    }


#: Widgets that are still updated; older outputs keep their last picture.
_MAX_KEPT = 8
_KEPT: list[LiveLineage] = []


class _Follower:
    """Looks at the instance's events and the workspace's files, so that runs and edits elsewhere show too."""

    _all: weakref.WeakKeyDictionary[Session, _Follower] = weakref.WeakKeyDictionary()

    @classmethod
    def of(cls, session: Session) -> _Follower:
        """The follower of a session, started once."""
        found = cls._all.get(session)
        if found is None:
            found = cls._all[session] = cls(session)
        return found

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._loop: Any = None
        self._last: dict[AssetKey, object] | None = None
        self._newest: int | None = None
        self._schedule()

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_later(FOLLOW_S, self._look)

    def _look(self) -> None:
        session = self._session()
        if session is None or not session.listeners:
            return
        changed: set[AssetKey] = set()
        with contextlib.suppress(Exception):
            # the instance may be locked or closed, a file half written; the next look will tell
            changed.update(session.edited_elsewhere())
            newest = session.instance.events.last_id()
            if newest != self._newest:
                changed.update(self._made_since(session))
                self._newest = newest
        if changed:
            session.changed(frozenset(changed))
        self._schedule()

    def _made_since(self, session: Session) -> set[AssetKey]:
        """Return the assets whose newest event, or whose run, is another than at the last look."""
        stored = session.instance.asset_states()
        runs = unfinished_runs(session.instance, stored.values())
        now: dict[AssetKey, object] = {
            key: (state.event_id, state.observation_id, runs.get(key)) for key, state in stored.items()
        }
        before, self._last = now if self._last is None else self._last, now
        changed = {key for key, event in now.items() if before.get(key) != event}
        return changed
