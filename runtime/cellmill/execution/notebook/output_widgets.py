"""Output widgets (`ipywidgets.Output`) in an unattended run: what is shown within one goes into the widget.

In a front end the widget's own code takes the outputs; here nobody else does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cellmill.execution.notebook.document import Node

_MODULE = "@jupyter-widgets/output"
_MODEL = "OutputModel"

#: Tells the kernel's side of a widget its new state: (comm's id, state).
Sync = Callable[[str, Mapping[str, Any]], None]


class OutputWidgets:
    """The output widgets of a notebook's run, and which of them is taking outputs."""

    def __init__(self, states: Mapping[str, dict[str, Any]], sync: Sync | None = None) -> None:
        self._states = states
        self._sync = sync
        self._known: set[str] = set()
        self._clear_next: set[str] = set()
        #: The request whose outputs a widget takes.
        self._request_of: dict[str, str] = {}
        #: Widgets that take the outputs of a request, the innermost last.
        self._taking: dict[str, list[str]] = {}

    def state_changed(self, comm_id: str, change: Mapping[str, Any]) -> None:
        """Note what the kernel said of a widget: its kind when it was made, or that it takes outputs from now on."""
        if change.get("_model_module") == _MODULE and change.get("_model_name") == _MODEL:
            self._known.add(comm_id)
        if comm_id not in self._known or "msg_id" not in change:
            return
        before = self._request_of.pop(comm_id, None)
        if before is not None:
            self._taking[before].remove(comm_id)
        if change["msg_id"]:
            self._request_of[comm_id] = change["msg_id"]
            self._taking.setdefault(change["msg_id"], []).append(comm_id)

    def taking(self, request: str | None) -> str | None:
        """Return the widget that takes the outputs of `request`, if one does."""
        widgets = self._taking.get(request or "")
        return widgets[-1] if widgets else None

    def add(self, comm_id: str, output: Node) -> None:
        """Show `output` in a widget."""
        outputs = [] if comm_id in self._clear_next else list(self._states[comm_id].get("outputs", ()))
        self._clear_next.discard(comm_id)
        last = outputs[-1] if outputs else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            outputs[-1] = {**last, "text": last["text"] + output["text"]}
        else:
            outputs.append(output)
        self._set(comm_id, outputs)

    def clear(self, comm_id: str, *, wait: bool) -> None:
        """Empty a widget, or let its next output do so."""
        if wait:
            self._clear_next.add(comm_id)
        else:
            self._set(comm_id, [])

    def _set(self, comm_id: str, outputs: list[Node]) -> None:
        self._states[comm_id]["outputs"] = outputs
        if self._sync is not None:
            self._sync(comm_id, {"outputs": outputs})
