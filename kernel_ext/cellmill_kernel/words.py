"""The words behind a line magic: options are taken out of them, what is left selects assets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.selection_graph import DEFAULT_GROUP, AssetFacts, SelectionGraph
from cellmill.first_use import on_first_use
from cellmill.notebooks.problem import NotebookError

from .session import Session

if TYPE_CHECKING:
    from cellmill.notebooks.asset_cell import AssetCell

    from . import states
    from .states import Seen
else:
    states = on_first_use("cellmill_kernel.states")


def option(words: list[str], name: str, *, value: bool = False) -> str | None:
    """Take ``--name`` (and its value) out of `words`; None where it is not there."""
    flag = "--" + name
    for at, word in enumerate(words):
        if word == flag:
            if not value:
                del words[at]
                return ""
            if at + 1 >= len(words):
                raise NotebookError(f"{flag} needs a value", remedy=f"Write {flag} VALUE.")
            found = words[at + 1]
            del words[at : at + 2]
            return found
        if value and word.startswith(flag + "="):
            del words[at]
            return word.partition("=")[2]
    return None


def number_option(words: list[str], name: str, default: int) -> int:
    """Take ``--name N`` out of `words`; an error where N is no number above zero."""
    text = option(words, name, value=True)
    if text is None:
        return default
    if not text.isdigit() or not int(text):
        raise NotebookError(f"--{name} takes a number, not {text!r}", remedy=f"Write --{name} {default}.")
    return int(text)


def refuse_rest(words: list[str], magic: str, *, names: bool = True) -> None:
    """An unknown option is an error, not a selection; with `names` false, so is any word."""
    for word in words:
        if word.startswith("--"):
            raise NotebookError(f"%{magic} has no option {word}", remedy=f"%{magic}? shows its options.")
        if not names:
            raise NotebookError(f"%{magic} takes no {word!r}", remedy=f"%{magic}? shows what it takes.")


def select(session: Session, selection: str, *, upstream: bool = False) -> list[AssetKey]:
    """The selected assets, upstreams first; an error names the nearest asset."""
    session.refresh()
    wanted = AssetSelection.from_coercible(selection)
    chosen = (wanted.upstream() if upstream else wanted).resolve(selection_graph(session))
    order = {key: at for at, key in enumerate(topological(session.graph()))}
    return sorted(chosen, key=lambda key: order.get(key, len(order)))


def selection_graph(session: Session) -> SelectionGraph:
    """The assets as selections see them: of this notebook's cells what ran, of the rest what the workspace says."""
    graph = session.graph()
    functions = {key: one for one in session.decorated(graph) for key in one.keys}
    facts = []
    for key, upstreams in graph.items():
        cell, function = session.registry.find(key), functions.get(key)
        if function is not None:
            found = _facts_of_spec(key, function.specs_by_key[key])
        elif cell is not None:
            found = _facts_of_cell(key, cell)
        else:
            entry = session.workspace.asset(key)
            found = entry.facts() if entry is not None else AssetFacts(key=key)
        notebook = found.notebook if cell is None else session.live.path
        facts.append(replace(found, parents=frozenset(upstreams), notebook=notebook))
    return SelectionGraph(facts, status_of=_Statuses(session))


def _facts_of_cell(key: AssetKey, cell: AssetCell) -> AssetFacts:
    header = cell.header
    return AssetFacts(
        key=key,
        group=header.text("group_name") or DEFAULT_GROUP,
        tags=header.pairs("tags"),
        owners=header.items("owners"),
        kinds=frozenset(header.items("kinds")),
        siblings=frozenset() if header.options.get("can_subset") else frozenset(cell.keys) - {key},
    )


def _facts_of_spec(key: AssetKey, spec: Any) -> AssetFacts:
    return AssetFacts(
        key=key,
        group=spec.group_name or DEFAULT_GROUP,
        tags=spec.tags,
        owners=tuple(spec.owners),
        kinds=frozenset(spec.kinds),
        metadata=spec.metadata,
    )


class _Statuses:
    """What ``status:`` asks of an asset; decided for all assets at the first question, and never without one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._states: dict[AssetKey, Seen] | None = None

    def __call__(self, key: AssetKey) -> str:
        if self._states is None:
            self._states = states.states_of(self._session)
        return self._states[key].state if key in self._states else "missing"


def topological(graph: Any) -> list[AssetKey]:
    """Keys with upstreams first."""
    done: dict[AssetKey, None] = {}
    path: set[AssetKey] = set()

    def visit(key: AssetKey) -> None:
        if key in done or key in path:
            return
        path.add(key)
        for upstream in graph.get(key, ()):
            visit(upstream)
        path.discard(key)
        done[key] = None

    for key in graph:
        visit(key)
    return list(done)
