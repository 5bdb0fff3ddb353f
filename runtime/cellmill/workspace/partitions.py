"""Partitions definitions as plain data and back, so that hosts can send them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cellmill.definitions.partitions.definition import (
    DynamicPartitionsDefinition,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from cellmill.definitions.partitions.multi import MultiPartitionsDefinition
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.errors import InvalidDefinitionError
from cellmill.notebooks.options_text import partitions_of


def partitions_to_json(definition: PartitionsDefinition) -> dict[str, Any]:
    """Return a partitions definition as plain data.

    One that is computed by a function is sent as the keys that it has now.
    """
    match definition:
        case StaticPartitionsDefinition():
            return {"kind": "static", "keys": list(definition.get_partition_keys())}
        case MultiPartitionsDefinition():
            parts = {one.name: partitions_to_json(one.partitions_def) for one in definition.partitions_defs}
            return {"kind": "multi", "dimensions": parts}
        case TimeWindowPartitionsDefinition():
            end = definition.end
            return {
                "kind": "time_window",
                "cron": definition.cron_schedule,
                "start": definition.start.strftime(definition.fmt),
                "end": end.strftime(definition.fmt) if isinstance(end, datetime) else None,
                "fmt": definition.fmt,
                "timezone": definition.timezone,
                "end_offset": definition.end_offset,
            }
        case DynamicPartitionsDefinition() if definition.name:
            return {"kind": "dynamic", "name": definition.name}
    return {"kind": "static", "keys": list(definition.get_partition_keys())}


def partitions_from_json(data: Mapping[str, Any]) -> PartitionsDefinition:
    """Return the definition of `partitions_to_json`, or that of a cell's ``--partitions`` text.

    Raises: InvalidDefinitionError where only running the notebook tells.
    """
    match data.get("kind"):
        case "static":
            return StaticPartitionsDefinition(data["keys"])
        case "dynamic":
            return DynamicPartitionsDefinition(name=data["name"])
        case "multi":
            parts = {name: partitions_from_json(part) for name, part in data["dimensions"].items()}
            return MultiPartitionsDefinition(parts)
        case "time_window":
            return TimeWindowPartitionsDefinition(
                cron_schedule=data["cron"],
                start=data["start"],
                end=data.get("end"),
                fmt=data["fmt"],
                timezone=data["timezone"],
                end_offset=data.get("end_offset", 0),
            )
    text = str(data.get("text", ""))
    found = partitions_of(text)
    if found is None:
        raise InvalidDefinitionError(
            f"The partitions {text!r} are a variable of the notebook: their keys are known by running it only. "
            "Write them as daily:2013-01-01, static:a,b or dynamic:name to have them here."
        )
    definition: PartitionsDefinition = found
    return definition
