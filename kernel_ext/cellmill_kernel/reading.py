"""The instance as a run's kernel may use it: to look things up; the run's worker is the only one that writes."""

from __future__ import annotations

from typing import Any

from cellmill.errors import ExecutionError

#: What methods that write begin with.
_WRITES = ("add_", "create_", "delete_", "handle_new_", "report_", "run_writer", "upgrade", "wipe")
#: Listeners are this kernel's own matter.
_ALLOWED = ("add_event_listener",)


class ReadingInstance:
    """An instance whose methods that write raise `ExecutionError`."""

    def __init__(self, instance: Any) -> None:
        self._instance = instance

    def __getattr__(self, name: str) -> Any:
        if name.startswith(_WRITES) and name not in _ALLOWED:
            raise ExecutionError(
                f"A notebook's kernel does not write to the instance in a run ({name}): the run's worker does. "
                "Return a value, or yield events from an asset cell."
            )
        return getattr(self._instance, name)
