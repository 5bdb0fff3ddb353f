"""What would happen, before anything happens: the cells of a run, and the times of a schedule."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import strawberry

from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import CellmillError
from cellmill.graphql.documented import said
from cellmill.planning.cron import parse_cron
from cellmill.workspace.run_plan import Visit, plan_visits

if TYPE_CHECKING:
    from cellmill.graphql.context import Context

#: Times that a preview of a schedule shows.
NEXT_TIMES = 5

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_NICKNAMES = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip


@strawberry.type(description="One cell that a run would execute, or one asset of a module that it would make.")
class PlannedCell:
    """One cell that a run would execute."""

    notebook: str | None = said("The notebook; null for an asset of a module.")
    cell_index: int | None = said("The cell's position, counted from 0.")
    assets: list[str] = said("The assets that it makes; empty for a cell that only helps.")
    why: str = said("Why it runs.")
    step: str = said("The step that executes it; each step is one visit to a notebook or a module.")


@strawberry.type(description="A cron line in plain words, and its next times.")
class CronPreview:
    """A cron line in plain words, and its next times."""

    words: str = said("What it means; empty where it is wrong.")
    next: list[float] = said("Its next times, in seconds since the epoch.")
    problem: str | None = said("What is wrong with the line or the time zone.")


def planned_cells(context: Context, keys: list[AssetKey]) -> list[PlannedCell]:
    """The cells that a run of these assets would execute, in order."""
    missing = [key for key in keys if key not in context.assets]
    if missing:
        near = context.nearest_asset(missing[0])
        hint = f" Did you mean {near}?" if near else ""
        raise ValueError(f"No asset has the key {missing[0].to_user_string()}.{hint}")
    visits = plan_visits(context.workspace, [context.assets[key] for key in dict.fromkeys(keys)])
    return [cell for visit in visits for cell in _cells(context, visit)]


def _cells(context: Context, visit: Visit) -> list[PlannedCell]:
    made: list[tuple[tuple[AssetKey, ...], int | None]]
    if visit.notebook is None:
        made = [((key,), None) for key in visit.assets]
    else:
        made = [(visit.made_by.get(index, ()), index) for index in visit.cells or ()]
    return [
        PlannedCell(
            notebook=visit.name or None,
            cell_index=index,
            assets=[key.to_user_string() for key in keys],
            why=_why(context, keys) if keys else _help(visit, index),
            step=visit.key,
        )
        for keys, index in made
    ]


def _why(context: Context, keys: tuple[AssetKey, ...]) -> str:
    reasons = [context.freshness[key].reason or "chosen, though fresh" for key in keys if key in context.freshness]
    return "; ".join(dict.fromkeys(reasons))


def _help(visit: Visit, index: int | None) -> str:
    names = visit.reasons.get(index) if index is not None else None
    return f"gives {names}" if names else "sets things up"


def cron_preview(cron: str, timezone: str) -> CronPreview:
    """The line in words with its next times, or what is wrong with it."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problem = f"There is no time zone {timezone!r}; write one as Europe/Berlin."
        return CronPreview(words="", next=[], problem=problem)
    try:
        parsed = parse_cron(cron.strip())
        at, times = time.time(), []
        for _ in range(NEXT_TIMES):
            at = parsed.next(at, zone)
            times.append(float(at))
    except (CellmillError, ValueError, StopIteration) as problem_:
        return CronPreview(words="", next=[], problem=str(problem_))
    return CronPreview(words=cron_words(cron), next=times, problem=None)


def cron_words(cron: str) -> str:
    """A cron line as people say it: "every day at 06:00"; the fields in words where there is no shorter way."""
    text = _NICKNAMES.get(cron.strip().lower(), cron.strip())
    fields = text.split()
    if len(fields) != 5:
        return text
    minute, hour, day, month, weekday = fields
    days = _days(day, month, weekday)
    if minute.isdigit() and hour.isdigit():
        return f"{days} at {int(hour):02}:{int(minute):02}"
    when = _clock(minute, hour)
    return when if days == "every day" else f"{when}, {days}"


def _clock(minute: str, hour: str) -> str:
    hours = "" if hour == "*" else f" of {_plural('hour', hour)}"
    if minute == "*":
        return "every minute" + hours
    if minute.startswith("*/"):
        return f"every {minute[2:]} minutes" + hours
    if minute.isdigit():
        if hour == "*":
            return "every hour, on the hour" if int(minute) == 0 else f"every hour at minute {int(minute)}"
        if hour.startswith("*/"):
            return f"every {hour[2:]} hours at minute {int(minute)}"
    return f"at {_plural('minute', minute)}{hours}"


def _plural(word: str, field: str) -> str:
    if field.startswith("*/"):
        return f"every {field[2:]}th {word}"
    return f"{word} {field}" if field.isdigit() else f"{word}s {field}"


def _days(day: str, month: str, weekday: str) -> str:
    parts = []
    if weekday not in ("*", "?"):
        parts.append("every " + _named(weekday, _DAYS))
    if day not in ("*", "?"):
        parts.append(f"on {_plural('day', day)} of the month" if day.lower() != "l" else "on the last day of the month")
    found = " or ".join(parts) or "every day"
    return found if month == "*" else f"{found} in {_named(month, _MONTHS)}"


def _named(field: str, names: tuple[str, ...]) -> str:
    def one(text: str) -> str:
        return names[int(text)] if text.isdigit() and int(text) < len(names) else text.capitalize()

    if field in ("1-5", "MON-FRI", "mon-fri") and names is _DAYS:
        return "weekday"
    return " and ".join(" to ".join(one(end) for end in part.split("-")) for part in field.split(","))
