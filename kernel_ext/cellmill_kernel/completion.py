"""Tab completion in magics and in the comment form: names of assets, options, and the words of selections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from cellmill.definitions.selection_grammar import FIELDS, FUNCTIONS
from cellmill.notebooks.magic import complete
from cellmill.notebooks.options import GRAMMARS

from .words import selection_graph

if TYPE_CHECKING:
    from .session import Session

#: Magics whose words select assets, and those that take the name of one.
_SELECTING = frozenset({"materialize", "assets", "lineage", "backfill", "schedule", "job"})
_NAMING = frozenset({"asset", "why", "load_asset", "history", "diff"})
_STATES = ("failed", "fresh", "missing", "running", "stale")
#: What is being typed: behind a space, a parenthesis or the sign of a traversal.
_PIECE = re.compile(r"[^\s()+*]*$")


def matches(session: Session, magic: str, rest: str, usages: dict[str, str]) -> list[str]:
    """What may stand at the end of the text behind a magic's name; `usages` has the help of each line magic."""
    found: list[str] = []
    if magic in GRAMMARS:
        found += complete(rest, magic, tuple(_names(session)) if magic not in _SELECTING else ())
    else:
        options = (part.strip("[]") for part in usages.get(magic, "").split() if part.startswith("[--"))
        found += _begun(options, "" if not rest or rest[-1].isspace() else rest.split()[-1])
    if magic in _SELECTING:
        found += _selection_words(session, rest)
    elif magic in _NAMING:
        found += _begun(_names(session), _piece(rest))
    return list(dict.fromkeys(found))


def _selection_words(session: Session, rest: str) -> list[str]:
    field, colon, value = _piece(rest).partition(":")
    if not colon:
        words = (*_names(session), *(f"{name}:" for name in FIELDS), *(f"{name}(" for name in FUNCTIONS))
        return _begun(words, field)
    values = _VALUES.get(field)
    return _begun(sorted(set(values(session))), value.lstrip('"')) if values is not None else []


def _piece(rest: str) -> str:
    found = _PIECE.search(rest)
    return found.group() if found is not None else ""


def _begun(words: Iterable[str], start: str) -> list[str]:
    return [word for word in words if word.startswith(start)]


def _names(session: Session) -> list[str]:
    return [key.to_user_string() for key in session.all_keys()]


def _of_assets(read: Callable[[Any], Iterable[str]]) -> Callable[[Session], list[str]]:
    """The values that the assets of the workspace have."""
    return lambda session: [
        value for facts in selection_graph(session).assets.values() if facts.materializable for value in read(facts)
    ]


_VALUES: dict[str, Callable[[Session], Iterable[str]]] = {
    "key": _names,
    "status": lambda session: _STATES,
    "group": _of_assets(lambda facts: (facts.group,)),
    "kind": _of_assets(lambda facts: facts.kinds),
    "owner": _of_assets(lambda facts: facts.owners),
    "tag": _of_assets(lambda facts: [f"{name}={value}" if value else name for name, value in facts.tags.items()]),
    "notebook": _of_assets(lambda facts: (facts.notebook,) if facts.notebook else ()),
    "code_location": _of_assets(lambda facts: (facts.code_location,) if facts.code_location else ()),
}
