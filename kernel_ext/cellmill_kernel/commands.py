"""What the line magics do, by their names: load values, declare schedules and jobs; the rest comes from its modules."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

from cellmill.definitions import cron as cron_times
from cellmill.definitions import local_time
from cellmill.errors import InvalidDefinitionError
from cellmill.notebooks.magic import parse_declaration
from cellmill.notebooks.options import CELL_KINDS, help_text
from cellmill.notebooks.problem import NotebookError

from .backfill import backfill, resources
from .displays import Details, Table, text_table
from .line_usage import LINES
from .lineage import Lineage
from .making import materialize
from .session import Session
from .views import asset, assets, audit, diff, history, runs, stale, why
from .words import option, refuse_rest, select

__all__ = [
    "asset", "assets", "audit", "backfill", "cellmill", "diff", "history", "job", "lineage", "load_asset",
    "materialize", "resources", "runs", "schedule", "stale", "why",
]  # fmt: skip


def load_asset(session: Session, words: list[str], line: str) -> Any:
    """Bind a stored value to its name, and show it."""
    __tracebackhide__ = True
    name = option(words, "as", value=True)
    partition = option(words, "partition", value=True)
    refuse_rest(words, "load_asset")
    if len(words) != 1:
        raise NotebookError("which asset?", remedy="Write %load_asset NAME.")
    key = session.key_of(words[0])
    value = session.values.load(key, partition)
    target = name or key.parts[-1]
    if partition is None:
        session.values.keep(key, target, value, session.values.versions([key]).get(key), bind=True)
    else:
        session.namespace[target] = value
    return value


def schedule(session: Session, words: list[str], line: str) -> Any:
    """Declare a schedule: the line itself is the declaration; the daemon reads it from the saved notebook."""
    if not words:
        return _declared(session, "schedule")
    header = parse_declaration(f"%schedule {line}", notebook=session.live.path)
    cron, selection = header.names
    try:
        zone = local_time.load_zone(header.text("execution_timezone") or "UTC")
        rising = cron_times.parse_cron(cron).ticks(time.time(), zone)
    except InvalidDefinitionError as error:
        raise NotebookError(str(error), notebook=session.live.path) from None
    ticks = [local_time.at_epoch(instant, zone) for instant in islice(rising, 3)]
    keys = select(session, selection)
    if not keys:
        raise NotebookError(f"nothing matches {selection!r}", notebook=session.live.path, remedy="%assets lists them.")
    shown = ", ".join(key.to_user_string() for key in keys[:5]) + (" …" if len(keys) > 5 else "")
    name = header.text("name") or "_".join("".join(c if c.isalnum() else " " for c in selection).split()) + "_schedule"
    return Details(
        f"schedule {name}",
        (
            ("cron", cron),
            ("assets", shown),
            ("next", ", ".join(tick.strftime("%Y-%m-%d %H:%M %Z") for tick in ticks)),
            ("runs by", "cellmill daemon, once this notebook is saved"),
        ),
    )


def job(session: Session, words: list[str], line: str) -> Any:
    """Declare a job: a named selection."""
    if not words:
        return _declared(session, "job")
    header = parse_declaration(f"%job {line}", notebook=session.live.path)
    name, selection = header.names
    keys = select(session, selection)
    if not keys:
        raise NotebookError(f"nothing matches {selection!r}", notebook=session.live.path, remedy="%assets lists them.")
    return Details(f"job {name}", (("assets", ", ".join(key.to_user_string() for key in keys)),))


def _declared(session: Session, kind: str) -> Table:
    session.refresh()
    rows = [
        (item.name, str(item.options.get("cron_schedule", "")), item.selection, f"cell {item.origin.cell_index + 1}")
        for item in session.registry.scan().declarations
        if item.kind == kind
    ]
    return text_table((kind, "cron", "selection", "where"), rows)


def lineage(session: Session, words: list[str], line: str) -> Any:
    """The graph of assets, live."""
    static = option(words, "static") is not None
    refuse_rest(words, "lineage")
    session.refresh(force=True)
    keys = select(session, " ".join(words)) if words else None
    view = Lineage(session, keys)
    if static:
        view.widget = False
    return view


def cellmill(session: Session, words: list[str], line: str) -> Any:
    """Status and settings of this session."""
    if words[:1] == ["help"]:
        cells = [(f"%%{kind}", help_text(kind).split("\n")[1]) for kind in CELL_KINDS]
        rows = [(f"%{name}", usage.split("\n")[1]) for name, (_, usage) in LINES.items()]
        note = "A magic with a question mark behind it, as in %%asset?, shows its options and examples."
        return text_table(("magic", "what it does"), [*cells, *rows], note=note)
    if words[:1] == ["verbose"]:
        session.settings.verbose = words[1:] != ["off"]
        print(f"Tracebacks show {'every line' if session.settings.verbose else 'your lines only'}.")
        return None
    if words and words[0] != "status":
        raise NotebookError(
            f"%cellmill knows no {words[0]!r}", remedy="Write %cellmill status, help or verbose on|off."
        )
    session.refresh(force=True)
    mine = session.registry.assets()
    return Details(
        "cellmill",
        (
            ("notebook", session.live.path or "(not saved)"),
            ("workspace", str(session.root)),
            ("instance", str(session.workspace.home)),
            ("assets here", str(len(mine))),
            ("assets in the workspace", str(len(session.all_keys()))),
            ("cells run", str(len(session.live.ran))),
            ("problems", "\n".join(str(problem) for problem in session.registry.whole().problems)),
        ),
    )
