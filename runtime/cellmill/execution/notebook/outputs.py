"""Turning a kernel's messages into the outputs of cells, as every Jupyter front end does."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from cellmill.execution.notebook.document import Node
from cellmill.execution.notebook.output_widgets import OutputWidgets, Sync
from cellmill.execution.notebook.wire import Message

#: What happens to the outputs of a cell: an operation, the cell's position and what the operation needs.
OutputSink = Callable[[str, int, Any], None]

_OUTPUTS = frozenset({"stream", "display_data", "execute_result", "error"})


class OutputCollector:
    """Keeps the outputs of a notebook's cells while the kernel speaks.

    Each change is told to `sink` as ("output", cell, output), ("clear", cell, None) or ("update", cell, {position,
    data, metadata}),
    so that a journal of those lines gives the same outputs again (`apply`).
    """

    def __init__(
        self,
        cells: list[Node],
        sink: OutputSink | None = None,
        limit_bytes: int | None = None,
        mask: Mapping[str, str] | None = None,
        sync: Sync | None = None,
    ) -> None:
        self._cells = cells
        self._mask = mask or {}
        self._sink = sink
        self._limit = limit_bytes
        self._sizes: dict[int, int] = {}
        self._clear_next: set[int] = set()
        self._displays: dict[str, list[tuple[int, int]]] = {}
        self.widget_state: dict[str, dict[str, Any]] = {}
        self._widget_buffers: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self._output_widgets = OutputWidgets(self.widget_state, sync)

    def start(self, index: int) -> None:
        """Forget what the cell at `index` showed before."""
        self._cells[index]["outputs"] = []
        self._clear_next.discard(index)
        self._sizes[index] = 0

    def take(self, message: Message, index: int) -> Node | None:
        """Apply one iopub message to the cell at `index`; return the output that it added."""
        kind, content = message["msg_type"], message["content"]
        if self._mask:
            content = masked(content, self._mask)
        widget = self._output_widgets.taking(message["parent_header"].get("msg_id"))
        if widget is not None and kind in _OUTPUTS:
            output = output_of(kind, content)
            if self._limit is None or self._within_limit(index, output):
                self._output_widgets.add(widget, output)
        elif widget is not None and kind == "clear_output":
            self._output_widgets.clear(widget, wait=bool(content.get("wait")))
        elif kind in _OUTPUTS:
            return self._add(index, output_of(kind, content), _display_id(content))
        elif kind == "update_display_data":
            self._update(_display_id(content), content)
        elif kind == "clear_output":
            if content.get("wait"):
                self._clear_next.add(index)
            else:
                self._clear(index)
        elif kind in ("comm_open", "comm_msg"):
            self._widget(message)
        return None

    def add(self, index: int, output: Node) -> None:
        """Append an output of our own, such as the error of a kernel that died."""
        self._append(index, output)

    def widgets_metadata(self) -> Node | None:
        """Return the notebook's `widgets` metadata, or None when no widget was shown."""
        states = {
            key: {
                "model_name": state.get("_model_name"),
                "model_module": state.get("_model_module"),
                "model_module_version": state.get("_model_module_version"),
                "state": state,
            }
            for key, state in self.widget_state.items()
            if "_model_name" in state
        }
        if not states:
            return None
        for key, buffers in self._widget_buffers.items():
            if key in states and buffers:
                states[key]["buffers"] = list(buffers.values())
        return {
            "application/vnd.jupyter.widget-state+json": {"state": states, "version_major": 2, "version_minor": 0},
        }

    def _add(self, index: int, output: Node, display_id: str | None) -> Node | None:
        if index in self._clear_next:
            self._clear_next.discard(index)
            self._clear(index)
        if self._limit is not None and not self._within_limit(index, output):
            return None
        if display_id:
            place = (index, len(self._cells[index]["outputs"]))
            self._displays.setdefault(display_id, []).append(place)
            if output["output_type"] != "error":
                self._update(display_id, output, skip=place)
        self._append(index, output)
        return output

    def _append(self, index: int, output: Node) -> None:
        self._cells[index]["outputs"].append(output)
        if self._sink is not None:
            self._sink("output", index, output)

    def _within_limit(self, index: int, output: Node) -> bool:
        assert self._limit is not None
        before = self._sizes.get(index, 0)
        self._sizes[index] = size = before + _size(output)
        if size <= self._limit:
            return True
        if before <= self._limit:
            notice = f"\n[cellmill: this cell's outputs are cut here, at {self._limit:,} bytes]\n"
            self._append(index, {"output_type": "stream", "name": "stderr", "text": notice})
        return bool(output["output_type"] == "error")

    def _has_room_to_change(self, place: tuple[int, int], content: Node) -> bool:
        """Count a change of an output; one that would make its cell's outputs too large is left out."""
        index, position = place
        size = self._sizes.get(index, 0) - _size(self._cells[index]["outputs"][position]) + _size(content)
        if self._limit is not None and size > max(self._limit, self._sizes.get(index, 0)):
            return False
        self._sizes[index] = size
        return True

    def _clear(self, index: int) -> None:
        self._cells[index]["outputs"] = []
        self._sizes[index] = 0
        for places in self._displays.values():
            places[:] = [place for place in places if place[0] != index]
        if self._sink is not None:
            self._sink("clear", index, None)

    def _update(self, display_id: str | None, content: Node, skip: tuple[int, int] | None = None) -> None:
        for place in self._displays.get(display_id or "", ()):
            if place != skip and self._has_room_to_change(place, content):
                change = {"position": place[1], "data": content["data"], "metadata": content.get("metadata", {})}
                apply("update", place[0], change, self._cells)
                if self._sink is not None:
                    self._sink("update", place[0], change)

    def _widget(self, message: Message) -> None:
        data = message["content"].get("data") or {}
        if "state" not in data:
            return
        comm_id = message["content"]["comm_id"]
        self.widget_state.setdefault(comm_id, {}).update(data["state"])
        self._output_widgets.state_changed(comm_id, data["state"])
        for path, buffer in zip(data.get("buffer_paths") or (), message["buffers"], strict=False):
            self._widget_buffers.setdefault(comm_id, {})[tuple(path)] = {
                "data": base64.b64encode(buffer).decode(),
                "encoding": "base64",
                "path": path,
            }


def masked(value: Any, mask: Mapping[str, str]) -> Any:
    """Return `value` with every secret in its texts replaced."""
    if isinstance(value, str):
        for secret, instead in mask.items():
            value = value.replace(secret, instead)
        return value
    if isinstance(value, dict):
        return {key: masked(item, mask) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, mask) for item in value]
    return value


def apply(operation: str, index: int, value: Any, cells: list[Node]) -> None:
    """Repeat on `cells` one change that an `OutputCollector` told its sink."""
    outputs = cells[index].setdefault("outputs", [])
    if operation == "output":
        outputs.append(value)
    elif operation == "clear":
        cells[index]["outputs"] = []
    elif operation == "update":
        outputs[value["position"]].update(data=value["data"], metadata=value["metadata"])


def output_of(kind: str, content: Node) -> Node:
    """Return the notebook output for the content of a message of type `kind`."""
    if kind == "stream":
        return {"output_type": "stream", "name": content["name"], "text": content["text"]}
    if kind == "error":
        return {
            "output_type": "error",
            "ename": content.get("ename", ""),
            "evalue": content.get("evalue", ""),
            "traceback": list(content.get("traceback", ())),
        }
    output = {"output_type": kind, "metadata": content.get("metadata", {}), "data": content["data"]}
    if kind == "execute_result":
        output["execution_count"] = content["execution_count"]
    return output


def _display_id(content: Node) -> str | None:
    return (content.get("transient") or {}).get("display_id")


def _size(output: Node) -> int:
    if output.get("output_type") == "stream":
        return len(output["text"])
    return sum(len(value) if isinstance(value, str) else 64 for value in (output.get("data") or {}).values())
