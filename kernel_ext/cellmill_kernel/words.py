"""The words behind a line magic: options are taken out of them, what is left selects assets."""

from __future__ import annotations

from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph
from cellmill.notebooks.problem import NotebookError

from .session import Session


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
    graph = session.graph()
    facts = []
    for key, upstreams in graph.items():
        cell = session.registry.find(key)
        header = cell.header if cell is not None else None
        facts.append(
            AssetFacts(
                key=key,
                parents=frozenset(upstreams),
                group=(header.text("group_name") if header is not None else _entry(session, key, "group")) or "default",
            )
        )
    wanted = AssetSelection.from_coercible(selection)
    chosen = (wanted.upstream() if upstream else wanted).resolve(SelectionGraph(facts))
    order = {key: at for at, key in enumerate(topological(graph))}
    return sorted(chosen, key=lambda key: order.get(key, len(order)))


def _entry(session: Session, key: AssetKey, name: str) -> Any:
    entry = session.workspace.asset(key)
    return getattr(entry, name, None)


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
