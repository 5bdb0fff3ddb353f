"""The next times of a cron line, for what `%schedule` shows."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cellmill.notebooks.problem import NotebookError

_NAMES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip


def next_ticks(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """The next `count` times; raises where the line or the time zone is wrong."""
    from cronsim import CronSim, CronSimError

    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise NotebookError(f"there is no time zone {timezone!r}", remedy="Write one as Europe/Berlin.") from None
    try:
        ticks = CronSim(_NAMES.get(cron, cron), after.astimezone(zone))
        return [next(ticks) for _ in range(count)]
    except (CronSimError, StopIteration) as error:
        raise NotebookError(
            f"{cron!r} is no cron line ({error})", remedy='Five fields: minute hour day month weekday, as "0 6 * * *".'
        ) from None
