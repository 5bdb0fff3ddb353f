"""How the command line shows things: tables, JSON, times, sizes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

#: Colours of states, the same in every list.
STATE_STYLES: Mapping[str, str] = {
    "SUCCESS": "green",
    "FRESH": "green",
    "RUNNING": "cyan",
    "PASSED": "green",
    "STARTED": "cyan",
    "STARTING": "cyan",
    "QUEUED": "blue",
    "NOT_STARTED": "blue",
    "FAILURE": "red",
    "FAILED": "red",
    "CANCELED": "yellow",
    "CANCELING": "yellow",
    "STALE": "yellow",
    "MISSING": "dim",
    "STOPPED": "dim",
    "SKIPPED": "dim",
}


def make_console(color: bool | None = None, *, stderr: bool = False) -> Console:
    """Return a console that writes to the current standard output (or error), with colours where they are wanted."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 160
    return Console(file=stream, force_terminal=color, no_color=color is False, highlight=False, width=width)


def show_json(value: Any) -> None:
    """Write `value` as indented JSON."""
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def show_rows(
    console: Console, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str
) -> None:
    """Write rows as a table of `columns`, or all their fields as JSON; `empty` is said where there is none."""
    found = list(rows)
    if as_json:
        show_json(found)
        return
    if not found:
        console.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in found:
        table.add_row(*(cell_text(row.get(column)) for column in columns))
    console.print(table)


def cell_text(value: Any) -> str:
    """Return the text of one field; states are coloured."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(cell_text(item) for item in value)
    text = str(value)
    style = STATE_STYLES.get(text.upper()) if text.isupper() or text in _LOWER_STATES else None
    text = text.replace("[", r"\[")
    return f"[{style}]{text}[/]" if style else text


_LOWER_STATES = frozenset(state.lower() for state in STATE_STYLES)


def duration_text(seconds: float | None) -> str:
    """Return a duration for people: ``0.31 s``, ``2 min 05 s``, ``3 h 10 min``."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def time_text(moment: datetime | float | None) -> str:
    """Return an instant in local time, to the second."""
    if moment is None:
        return ""
    if isinstance(moment, (int, float)):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size_text(size: int | None) -> str:
    """Return a number of bytes for people: ``1.2 MB``."""
    if size is None:
        return ""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
