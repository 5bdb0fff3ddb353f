"""What to write instead of a partition key that does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from itertools import islice
from typing import Any

#: Ways to write a time that are understood in order to correct them.
_FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d-%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
    "%Y-%m", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d",
)  # fmt: skip
#: Keys among which the nearest one is looked for.
_LOOK_AT = 5_000


def right_key(definition: Any, key: str, moment: datetime | None, store: Any) -> str:
    """A sentence with the key that was meant, or else how keys look; empty where there is nothing to say.

    Args:
        definition: The partitions definition, of any kind.
        key: The text that is no key of it.
        moment: The moment for which partitions are listed; None means now.
        store: Where keys of dynamic partitions are kept; None for that of the context.
    """
    if hasattr(definition, "partition_dimension_names"):
        return _of_dimensions(definition, key, moment, store)
    keys = definition.get_partition_keys(moment, store)
    if hasattr(definition, "fmt"):
        return _of_time(key, definition.fmt, keys)
    name = getattr(definition, "name", None)
    if not keys:
        return (
            f"It has no keys yet: add them with instance.add_dynamic_partitions({name!r}, [{key!r}])." if name else ""
        )
    meant = get_close_matches(key, list(islice(keys, _LOOK_AT)), n=1)
    if meant:
        return f"Did you mean {meant[0]!r}?"
    return f"Add it with instance.add_dynamic_partitions({name!r}, [{key!r}])." if name else ""


def _of_time(key: str, fmt: str, keys: Sequence[str]) -> str:
    if not keys:
        return "No window has ended yet, so there are no keys."
    for text in (fmt, *_FORMATS):
        try:
            meant = datetime.strptime(key, text).strftime(fmt)
        except ValueError:
            continue
        if meant in keys:
            return f"Write it as {meant!r}."
    return f"The keys are {keys[0]!r} to {keys[-1]!r}: one for each window that has ended."


def _of_dimensions(definition: Any, key: str, moment: datetime | None, store: Any) -> str:
    names = list(definition.partition_dimension_names)
    parts = key.split("|")
    if len(parts) != len(names):
        return f"Write it as {'|'.join(names)}."
    by_name = {one.name: one.partitions_def for one in definition.partitions_defs}
    said = [
        f"{name} {part!r}: {right_key(by_name[name], part, moment, store) or 'no such key.'}"
        for name, part in zip(names, parts, strict=True)
        if not by_name[name].has_partition_key(part, moment, store)
    ]
    return " ".join(said)
