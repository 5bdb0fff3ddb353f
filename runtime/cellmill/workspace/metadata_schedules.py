"""Schedules kept in a plain notebook's own metadata: they run the whole notebook, with papermill's parameters.

"metadata": {"cellmill": {"schedules": [
    {"cron": "0 6 * * *", "timezone": "Europe/Berlin", "parameters": {"day": "today"}, "status": "running"}
]}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cellmill.workspace.manifest import ScheduleEntry
from cellmill.workspace.run_names import NOTEBOOK_JOB, NOTEBOOK_TAG, PARAMETERS_TAG


def schedules_in_metadata(path: Path, relative: str) -> Iterator[ScheduleEntry]:
    """Yield the schedules that a notebook's metadata keep; what is no schedule there is left out."""
    data = path.read_bytes()
    if b'"schedules"' not in data:
        return
    metadata = json.loads(data).get("metadata")
    own = metadata.get("cellmill") if isinstance(metadata, dict) else None
    kept = own.get("schedules") if isinstance(own, dict) else None
    base = re.sub(r"\W+", "_", relative.removesuffix(".ipynb")).strip("_")
    for number, item in enumerate(kept if isinstance(kept, list) else (), start=1):
        if isinstance(item, dict) and isinstance(item.get("cron"), (str, list)):
            yield _entry(item, relative, base if number == 1 else f"{base}_{number}")


def _entry(item: Mapping[str, Any], relative: str, name: str) -> ScheduleEntry:
    cron = item["cron"]
    tags = {NOTEBOOK_TAG: relative}
    if item.get("parameters"):
        tags[PARAMETERS_TAG] = json.dumps(item["parameters"], sort_keys=True)
    return ScheduleEntry(
        name=str(item.get("name") or name),
        cron=(cron,) if isinstance(cron, str) else tuple(map(str, cron)),
        timezone=str(item["timezone"]) if item.get("timezone") else None,
        job=NOTEBOOK_JOB,
        running_by_default=str(item.get("status", "")).lower() == "running",
        tags=tags,
        description=str(item["description"]) if item.get("description") else None,
        notebook=relative,
    )
