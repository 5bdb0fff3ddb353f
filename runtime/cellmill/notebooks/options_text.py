"""Option texts as the objects they stand for: partitions, automation, freshness, retries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.definitions.config.field import Field
from cellmill.definitions.freshness import FreshnessPolicy
from cellmill.definitions.partitions.backfill_policy import BackfillPolicy
from cellmill.definitions.partitions.calendar import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    WeeklyPartitionsDefinition,
)
from cellmill.definitions.partitions.definition import DynamicPartitionsDefinition, StaticPartitionsDefinition
from cellmill.definitions.partitions.mapping import AllPartitionMapping, IdentityPartitionMapping, LastPartitionMapping
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.retry import Backoff, RetryPolicy

from .magic import Header
from .problem import CellMagicError

_CALENDAR: Mapping[str, Callable[..., Any]] = {
    "hourly": HourlyPartitionsDefinition,
    "daily": DailyPartitionsDefinition,
    "weekly": WeeklyPartitionsDefinition,
    "monthly": MonthlyPartitionsDefinition,
}
_MAPPINGS: Mapping[str, Callable[[], Any]] = {
    "last": LastPartitionMapping,
    "all": AllPartitionMapping,
    "identity": IdentityPartitionMapping,
}
_SPAN = re.compile(r"^(\d+(?:\.\d+)?)\s*([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
#: Finds the value of a variable that an option names; None where only the text is known.
Lookup = Callable[[str], Any]


def partitions_of(text: str, lookup: Lookup | None = None) -> Any:
    """The partitions that ``daily:2013-01-01``, ``static:a,b``, ``dynamic:name``, ``cron:…@start`` or a variable mean.

    A range is ``daily:2013-01-01..2014-01-01``, a time zone ``daily:2013-01-01@Europe/Berlin``.
    Raises: CellMagicError.
    """
    kind, colon, rest = text.partition(":")
    if kind in _CALENDAR and colon:
        span, _, zone = rest.partition("@")
        start, _, end = span.partition("..")
        options: dict[str, Any] = {"timezone": zone} if zone else {}
        if end:
            options["end_date"] = end
        if kind == "hourly" and len(start) == 10:
            start += "-00:00"
        return _made(text, lambda: _CALENDAR[kind](start_date=start, **options))
    if kind == "static" and rest:
        return StaticPartitionsDefinition([part.strip() for part in rest.split(",") if part.strip()])
    if kind == "dynamic" and rest:
        return DynamicPartitionsDefinition(name=rest)
    if kind == "cron" and "@" in rest:
        cron, _, start = rest.rpartition("@")
        return _made(
            text, lambda: TimeWindowPartitionsDefinition(cron_schedule=cron.strip(), start=start, fmt="%Y-%m-%d-%H:%M")
        )
    if text.isidentifier():
        if lookup is None:
            return None
        found = lookup(text)
        if found is not None:
            return found
    raise CellMagicError(
        f"--partitions {text!r} is not understood",
        remedy="Write daily:2013-01-01, static:a,b, dynamic:name, cron:EXPRESSION@START or a variable's name.",
    )


def _made(text: str, build: Callable[[], Any]) -> Any:
    try:
        return build()
    except Exception as error:  # whatever the definition says about its arguments is the user's mistake
        raise CellMagicError(f"--partitions {text!r}: {error}", remedy="Correct the dates.") from error


def automation_of(text: str, lookup: Lookup | None = None) -> Any:
    """The condition that ``eager``, ``on_missing``, ``on_cron:…`` or a variable means."""
    kind, _, rest = text.partition(":")
    if kind == "eager":
        return AutomationCondition.eager()
    if kind == "on_missing":
        return AutomationCondition.on_missing()
    if kind == "on_cron" and rest:
        cron, _, zone = rest.partition("@")
        return AutomationCondition.on_cron(cron.strip(), zone or "UTC")
    if text.isidentifier():
        return lookup(text) if lookup is not None else None
    raise CellMagicError(
        f"--auto {text!r} is not understood", remedy="Write eager, on_missing, on_cron:EXPRESSION or a variable's name."
    )


def freshness_of(text: str) -> Any:
    """The policy that an age such as ``24h`` means."""
    found = _SPAN.match(text)
    if found is None:
        raise CellMagicError(f"--freshness {text!r} is no time span", remedy="Write it as 30m, 24h or 7d.")
    return FreshnessPolicy.time_window(fail_window=timedelta(**{_UNITS[found[2]]: float(found[1])}))


def retry_of(header: Header) -> RetryPolicy | None:
    """The retry policy of a header, or None."""
    retries = header.options.get("max_retries")
    if not isinstance(retries, int):
        return None
    delay = header.options.get("retry_delay")
    backoff = header.text("retry_backoff")
    return RetryPolicy(
        max_retries=retries,
        delay=float(delay) if isinstance(delay, int | float) else (1.0 if backoff else None),
        backoff=Backoff[backoff.upper()] if backoff else None,
    )


def backfill_policy_of(text: str) -> BackfillPolicy:
    """The policy that ``single_run`` or a number of partitions means."""
    return BackfillPolicy.single_run() if text == "single_run" else BackfillPolicy.multi_run(int(text))


def partition_mapping_of(text: str, lookup: Lookup | None = None) -> Any:
    """The mapping that ``last``, ``all``, ``identity`` or a variable means."""
    if text in _MAPPINGS:
        return _MAPPINGS[text]()
    return lookup(text) if lookup is not None else None


_TYPES: Mapping[str, Any] = {"int": int, "str": str, "float": float, "bool": bool, "list": list, "dict": dict}


def config_of(value: object) -> Any:
    """A config schema from JSON of type names; a name with a question mark (``int?``) may be left out."""
    if isinstance(value, Mapping):
        return {name: config_of(item) for name, item in value.items()}
    if isinstance(value, list):
        return [config_of(item) for item in value]
    name = str(value)
    if name.endswith("?"):
        return Field(_TYPES.get(name[:-1], str), is_required=False)
    return _TYPES.get(name, str)
