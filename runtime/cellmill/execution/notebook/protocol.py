"""What a run's worker and the kernel of a notebook step say to each other.

At the start the worker runs one unseen line in the kernel, which hands over a `StepMessage`.  Events come back on the
comm
`cellmill.events`, in batches, in the form in which the instance stores them.  So a kernel needs neither the instance
nor its
credentials, and the worker is the only writer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.execution.notebook.notebook_context import NotebookContext
from cellmill.instance import wire
from cellmill.planning.event import Event, EventType

#: The comm target on which a kernel sends events.
EVENTS_TARGET = "cellmill.events"
#: Tag of a run whose kernels record what cells really do, and the step of the events that say so.
AUDIT_TAG = "cellmill/audit"
#: Raised when one side must be taught something about the other.
PROTOCOL_VERSION = 1
#: Run in the kernel, unseen, before the first cell.
_BEGIN = "__import__('cellmill_kernel.run_mode', fromlist=['begin']).begin({text!r})"
#: Run in the kernel, unseen, before a plain cell that reads assets that were not made in this run.
_BIND = "__import__('cellmill_kernel.run_mode', fromlist=['bind']).bind({names!r})"
#: Run in the kernel, unseen, behind a cell that defines assets by decorated functions.
_MAKE = "__import__('cellmill_kernel.run_mode', fromlist=['make']).make({keys!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMessage:
    """What a kernel must know to execute the asset cells of one notebook step."""

    run_id: str
    job_name: str = ""
    step_key: str = ""
    attempt: int = 1
    retry_number: int = 0
    #: Path of the notebook, as its assets' origins name it.
    notebook: str = ""
    #: The assets that this step makes.
    selection: tuple[AssetKey, ...] = ()
    partition_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, Any] = field(default_factory=dict)
    #: The assets of other notebooks and modules that this step reads, whether they were ever made or not.
    reads: tuple[AssetKey, ...] = ()
    #: Where the stored values of assets that are read lie: (asset, partition or "") -> reference.
    refs: tuple[tuple[AssetKey, str, ValueRef], ...] = ()
    #: Data versions of the assets that are read, by key: what a materialization says it was made from.
    versions: Mapping[str, str | None] = field(default_factory=dict)
    #: The same for their partitions: by key, then by partition.
    partition_versions: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    #: The partitions definitions of partitioned assets that are read, as plain data, by key.
    partitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: In a memoized run, what is stored of the selection: asset, partition or "", code version, versions of its inputs.
    stored: tuple[tuple[AssetKey, str, str | None, Mapping[str, str]], ...] = ()
    #: The instance's folder, in which the default IO manager finds and puts values; empty for a remote store.
    home: str = ""
    #: Seconds since the epoch of the tick that asked for the run; of a run by hand, when it was asked for.
    scheduled_at: float = field(default_factory=time.time)
    version: int = PROTOCOL_VERSION

    def to_text(self) -> str:
        """Return the message as one line of JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "refs"}
        fields["refs"] = [[key.to_user_string(), partition, ref.to_dict()] for key, partition, ref in self.refs]
        fields["stored"] = [[key.to_user_string(), *rest] for key, *rest in self.stored]
        for name in ("selection", "reads"):
            fields[name] = [key.to_user_string() for key in fields[name]]
        return json.dumps(fields, default=str)

    @classmethod
    def from_text(cls, text: str) -> StepMessage:
        """Return the message that `to_text` wrote; entries of newer senders are ignored."""
        data = {name: value for name, value in json.loads(text).items() if name in cls.__slots__}
        data["refs"] = tuple(
            (AssetKey.from_user_string(key), partition, ValueRef.from_dict(ref)) for key, partition, ref in data["refs"]
        )
        data["stored"] = tuple((AssetKey.from_user_string(key), *rest) for key, *rest in data["stored"])
        for name in ("selection", "reads"):
            data[name] = tuple(AssetKey.from_user_string(key) for key in data[name])
        return cls(**data)

    def begin_code(self) -> str:
        """Return the line that hands this message to a kernel."""
        return _BEGIN.format(text=self.to_text())

    def context(self) -> NotebookContext:
        """Return what plain cells find as `context`."""
        return NotebookContext(
            run_id=self.run_id,
            job_name=self.job_name,
            partition_key=self.partition_key,
            scheduled_execution_time=datetime.fromtimestamp(self.scheduled_at, UTC),
            run_tags=dict(self.tags),
            run_config=dict(self.run_config),
        )

    def find(self, asset_key: AssetKey, partition_key: str | None) -> ValueRef | None:
        """Return where the stored value of an asset lies, as far as the worker said."""
        wanted = partition_key or ""
        return next((ref for key, partition, ref in self.refs if key == asset_key and partition == wanted), None)


def bind_code(names: Mapping[str, AssetKey]) -> str:
    """Return the line that binds stored values of assets to names in a kernel."""
    return _BIND.format(names={name: key.to_user_string() for name, key in names.items()})


def make_code(keys: Sequence[AssetKey]) -> str:
    """Return the line that makes assets of decorated functions in a kernel."""
    return _MAKE.format(keys=[key.to_user_string() for key in keys])


def events_to_data(events: Sequence[Event]) -> dict[str, Any]:
    """Return the data of one message on the comm."""
    return {"version": PROTOCOL_VERSION, "events": wire.dumps(list(events))}


def events_from_data(data: Mapping[str, Any]) -> list[Event]:
    """Return the events of one message on the comm; what is no event is left out."""
    found = wire.loads(data.get("events", "[]"))
    # JSON keeps the kind of an event as plain text
    return [replace(event, type=EventType(event.type)) for event in found if isinstance(event, Event)]
