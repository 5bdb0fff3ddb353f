"""How assets look in a notebook: one line of status, tables of assets and runs, details of one asset."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .stepping import CellRun

#: State -> (symbol, colour); the same in the widget, the SVG and the tables.
STATES: Mapping[str, tuple[str, str]] = {
    "fresh": ("●", "#2e9e5b"),
    "stale": ("◐", "#d99a00"),
    "missing": ("○", "#8a8f98"),
    "running": ("◌", "#2b7de9"),
    "failed": ("✕", "#d33f49"),
    "external": ("◇", "#6f5bb5"),
}


def size_text(size: int | None) -> str:
    """A size in words: ``12.3 kB``."""
    if size is None or size < 0:
        return ""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return ""


def shape_text(value: Any) -> str:
    """Rows and columns of a table, the shape of an array, the length of a collection; else the type."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape and all(isinstance(part, int) for part in shape):
        if len(shape) == 2 and hasattr(value, "columns"):
            return f"{shape[0]:,} rows × {shape[1]} columns"
        if len(shape) == 1 and hasattr(value, "index"):
            return f"{shape[0]:,} rows"
        return " × ".join(f"{part:,}" for part in shape)
    rows, columns = getattr(value, "num_rows", None), getattr(value, "num_columns", None)
    if isinstance(rows, int) and isinstance(columns, int):
        return f"{rows:,} rows × {columns} columns"
    if isinstance(value, list | tuple | dict | set | frozenset):
        return f"{type(value).__name__} of {len(value):,}"
    return type(value).__name__ if value is not None else "no value"


def seconds_text(seconds: float) -> str:
    """A time in words."""
    if seconds >= 60:
        return f"{int(seconds // 60)} min {seconds % 60:.0f} s"
    return f"{seconds:.2f} s" if seconds >= 0.01 else f"{seconds * 1000:.0f} ms"


def ago_text(timestamp: float | None) -> str:
    """How long ago something was."""
    if not timestamp:
        return ""
    passed = max(0.0, time.time() - timestamp)
    for limit, unit, span in ((60, "s", 1), (3600, "min", 60), (86400, "h", 3600)):
        if passed < limit:
            return f"{int(passed // span)} {unit} ago"
    return f"{int(passed // 86400)} d ago"


def status_line(run: CellRun) -> str:
    """What stands under an asset cell: rows × columns, size, seconds, where stored; one line an asset."""
    lines = []
    for name, key in zip(run.cell.definition.names, run.cell.keys, strict=True):
        text = key.to_user_string()
        if name not in run.values:
            lines.append(f"– {text} · not made")
            continue
        parts = [text, shape_text(run.values[name])]
        ref = run.refs.get(key)
        if ref is not None:
            parts += [size_text(ref.size), seconds_text(run.seconds), ref.path]
        else:
            parts.append(seconds_text(run.seconds))
        lines.append("✓ " + " · ".join(part for part in parts if part))
    lines += [f"{'✓' if passed else '✗'} check {condition}" for condition, passed in run.checks.items()]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that shows itself as HTML in a notebook and as text in a terminal."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    note: str = ""

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{html.escape(column)}</th>" for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{_cell(text)}</td>" for text in row) + "</tr>"
            for row in self.rows
        )
        title = f"<b>{html.escape(self.title)}</b>" if self.title else ""
        note = f"<div>{html.escape(self.note)}</div>" if self.note else ""
        return f"<div>{title}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}</div>"

    def __repr__(self) -> str:
        widths = [max([len(column), *(len(row[at]) for row in self.rows)]) for at, column in enumerate(self.columns)]
        lines = [self.title] if self.title else []
        lines.append(
            "  ".join(column.ljust(width) for column, width in zip(self.columns, widths, strict=True)).rstrip()
        )
        for row in self.rows:
            lines.append("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
        if self.note:
            lines.append(self.note)
        return "\n".join(lines)

    def __len__(self) -> int:
        return len(self.rows)


def _cell(text: str) -> str:
    symbol = text.split(" ", 1)[0]
    colour = next((colour for sign, colour in STATES.values() if sign == symbol), None)
    shown = html.escape(text)
    return (
        f"<span style='color:{colour}'>{html.escape(symbol)}</span>{shown[len(html.escape(symbol)) :]}"
        if colour
        else shown
    )


def state_text(state: str) -> str:
    """A state with its symbol."""
    return f"{STATES.get(state, ('?', ''))[0]} {state}"


@dataclass(frozen=True, slots=True)
class Details:
    """Facts of one thing, by name; a value may be a table."""

    title: str
    facts: tuple[tuple[str, str], ...]
    code: str = ""
    tables: tuple[Table, ...] = ()

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left;white-space:pre-wrap'>{_cell(text)}</td></tr>"
            for name, text in self.facts
            if text
        )
        code = f"<pre>{html.escape(self.code)}</pre>" if self.code else ""
        tables = "".join(table._repr_html_() for table in self.tables)
        return f"<div><b>{html.escape(self.title)}</b><table><tbody>{rows}</tbody></table>{code}{tables}</div>"

    def __repr__(self) -> str:
        width = max((len(name) for name, _ in self.facts), default=0)
        lines = [self.title, *(f"  {name.ljust(width)}  {text}" for name, text in self.facts if text)]
        if self.code:
            lines += ["", *("  " + line for line in self.code.split("\n"))]
        return "\n".join([*lines, *(repr(table) for table in self.tables)])


def text_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", note: str = "") -> Table:
    """A table of texts."""
    return Table(tuple(columns), tuple(tuple(row) for row in rows), title, note)
