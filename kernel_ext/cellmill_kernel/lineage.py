"""`%lineage`: the graph of assets, live in the notebook, as a picture everywhere else."""

from __future__ import annotations

import html
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey

from .displays import STATES
from .picture import Node, Picture, shorten
from .progress import in_front_end
from .session import Session
from .states import Seen, states_of
from .views import asset_details

#: ipycytoscape makes a model and messages per element: beyond this only a neighbourhood is shown, the rest folded.
MAX_NODES = 150
#: Seconds between looks at runs of other processes.
FOLLOW_S = 1.0

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
        self._unfolded: set[str] = set()
        self._centre: AssetKey | None = None

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
        chosen, stand_in = self._fold(keys, graph)
        nodes = [self._node(key, states) for key in chosen]
        nodes += [
            Node(
                name, f"{name.partition(':')[2]} ({count})", "external", name, f"{count} assets, click to unfold", count
            )
            for name, count in sorted(_counts(stand_in).items())
        ]
        shown = {node.id for node in nodes}
        edges: dict[tuple[str, str], None] = {}
        for key in keys:
            target = stand_in.get(key, key.to_user_string())
            for upstream in graph.get(key, ()):
                source = stand_in.get(upstream, upstream.to_user_string())
                if source != target and source in shown and target in shown:
                    edges[(source, target)] = None
        return Picture.of(nodes, list(edges))

    def _fold(
        self, keys: Sequence[AssetKey], graph: Mapping[AssetKey, tuple[AssetKey, ...]]
    ) -> tuple[list[AssetKey], dict[AssetKey, str]]:
        """Which assets are shown as themselves, and which group stands for the others."""
        if len(keys) <= MAX_NODES:
            return list(keys), {}
        near = self._neighbourhood(keys, graph)
        stand_in: dict[AssetKey, str] = {}
        chosen = []
        for key in keys:
            group = "group:" + self._group(key)
            if key in near or group in self._unfolded:
                chosen.append(key)
            else:
                stand_in[key] = group
        return chosen[:MAX_NODES], {**stand_in, **{key: "group:" + self._group(key) for key in chosen[MAX_NODES:]}}

    def _neighbourhood(self, keys: Sequence[AssetKey], graph: Mapping[AssetKey, tuple[AssetKey, ...]]) -> set[AssetKey]:
        below: dict[AssetKey, list[AssetKey]] = {}
        for key, upstreams in graph.items():
            for upstream in upstreams:
                below.setdefault(upstream, []).append(key)
        mine = [key for key in self.session.registry.assets() if key in graph]
        found: dict[AssetKey, None] = {}
        todo = [self._centre] if self._centre is not None else (mine[-1:] or list(keys[:1]))
        allowed = set(keys)
        while todo and len(found) < MAX_NODES // 2:
            key = todo.pop(0)
            if key in found or key not in allowed:
                continue
            found[key] = None
            todo += [*graph.get(key, ()), *below.get(key, ())]
        return set(found)

    def _group(self, key: AssetKey) -> str:
        cell = self.session.registry.find(key)
        if cell is not None:
            return cell.header.text("group_name") or "default"
        entry = self.session.workspace.asset(key)
        return str(getattr(entry, "group", None) or "default")

    def _node(self, key: AssetKey, states: Mapping[AssetKey, Seen]) -> Node:
        seen = states.get(key, Seen("external"))
        name = key.to_user_string()
        title = name + (": " + "; ".join(seen.reasons) if seen.reasons else "")
        return Node(name, name, seen.state, self._group(key), title)

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


def _counts(stand_in: Mapping[AssetKey, str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in stand_in.values():
        counts[name] = counts.get(name, 0) + 1
    return counts


class LiveLineage:
    """The widget: one model an element, coloured by state; changes repaint their nodes only."""

    def __init__(self, lineage: Lineage, picture: Picture) -> None:
        import ipycytoscape
        import ipywidgets

        self.lineage = lineage
        self._cytoscape = ipycytoscape
        self._nodes: dict[str, Any] = {}
        self._graph = ipycytoscape.CytoscapeWidget()
        self._graph.set_style(_STYLE)
        self._graph.set_layout(name="preset", fit=True, padding=20)
        self._graph.on("node", "click", self._clicked)
        self._details = ipywidgets.HTML("<i>Click an asset to see its description, last run and preview.</i>")
        self._make = ipywidgets.Button(description="Materialize", disabled=True, tooltip="Make the selected asset")
        self._make_stale = ipywidgets.Button(description="Stale only", tooltip="Make what is stale or missing")
        self._make.on_click(lambda _: self._run([self._selected] if self._selected else []))
        self._make_stale.on_click(lambda _: self._run(self._stale()))
        self._out = ipywidgets.Output()
        self._selected: AssetKey | None = None
        self._fill(picture)
        buttons = ipywidgets.HBox([self._make, self._make_stale])
        self.box = ipywidgets.VBox([self._graph, buttons, self._details, self._out])
        mine = weakref.WeakMethod(self._changed)
        lineage.session.listeners.append(lambda keys: (method := mine()) and method(keys))
        _KEPT.append(self)
        del _KEPT[:-_MAX_KEPT]
        _Follower.of(lineage.session)

    def _fill(self, picture: Picture) -> None:
        elements = self._cytoscape
        self._nodes = {}
        for node in picture.nodes:
            x, y = picture.position(node.id)
            made = elements.Node(data=_data(node), position={"x": x, "y": y}, classes="folded" if node.folded else "")
            self._nodes[node.id] = made
        edges = [
            elements.Edge(data={"id": f"{source}→{target}", "source": source, "target": target})
            for source, target in picture.edges
        ]
        # building the whole graph at once takes a third of the messages of adding it from JSON
        self._graph.graph = elements.Graph(nodes=list(self._nodes.values()), edges=edges)

    def _changed(self, keys: Iterable[AssetKey]) -> None:
        picture = self.lineage.picture()
        if {node.id for node in picture.nodes} != set(self._nodes):
            self._fill(picture)
            return
        for node in picture.nodes:
            made = self._nodes[node.id]
            data = _data(node)
            if made.data.get("state") != node.state or made.data.get("title") != data["title"]:
                made.data = {**made.data, **data}

    def _clicked(self, event: Mapping[str, Any]) -> None:
        ident = str(event.get("data", {}).get("id", ""))
        if ident.startswith("group:"):
            self.lineage._unfolded.add(ident)
            self._fill(self.lineage.picture())
            return
        key = AssetKey.from_user_string(ident)
        self._selected = key
        self.lineage._centre = key
        self._make.disabled = False
        seen = states_of(self.lineage.session, [key])[key]
        self._details.value = asset_details(self.lineage.session, key, seen)._repr_html_()

    def _stale(self) -> list[AssetKey]:
        states = states_of(self.lineage.session, self.lineage.keys())
        return [key for key, seen in states.items() if seen.state in ("stale", "missing")]

    def _run(self, keys: Sequence[AssetKey]) -> None:
        from .commands import materialize

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
    """Looks at the instance's events now and then, so that runs of other processes show too."""

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
        self._last: dict[AssetKey, int | None] = {}
        self._schedule()

    def _schedule(self) -> None:
        import asyncio

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_later(FOLLOW_S, self._look)

    def _look(self) -> None:
        session = self._session()
        if session is None or not session.listeners:
            return
        try:
            now = {key: state.event_id for key, state in session.instance.asset_states().items()}
        except Exception:
            # the instance may be locked or closed for a moment; the next look will tell
            now = self._last
        changed = [key for key, event in now.items() if self._last.get(key) != event]
        if changed and self._last:
            session.changed(changed)
        self._last = now
        self._schedule()
