"""The line of a `%%sensor` cell as the arguments of a sensor."""

from __future__ import annotations

from typing import Any

from cellmill.notebooks.asset_cell import CellDefinition


def sensor_options(definition: CellDefinition) -> dict[str, Any]:
    """The arguments of the `sensor` decorator that a cell's line stands for."""
    header = definition.header
    options: dict[str, Any] = {"name": definition.names[0], "description": definition.description or None}
    if header.text("job_name"):
        options["job_name"] = header.text("job_name")
    if header.text("target"):
        options["asset_selection"] = header.text("target")
    interval = header.options.get("minimum_interval_seconds")
    if isinstance(interval, int):
        options["minimum_interval_seconds"] = interval
    return options
