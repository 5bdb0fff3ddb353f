"""What an asset cell shows when it runs by hand is kept as its run's executed notebook, as the daemon's runs are."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellmill import redaction
from cellmill.execution.notebook import document
from cellmill.workspace import run_names

from . import current_run

if TYPE_CHECKING:
    from .host import Host

#: Outputs of a cell that are kept; a loop that prints for hours fills no disk.
MAX_OUTPUTS, MAX_TEXT = 500, 1_000_000


class Recorder:
    """Listens to what a cell publishes: display data, its result, and what it prints."""

    def __init__(self, shell: Any, follow: Callable[[str], None] | None = None) -> None:
        self.outputs: list[dict[str, Any]] = []
        #: told of every text that is printed
        self._follow = follow
        self._written = 0
        #: a terminal prints its tracebacks; a kernel sends a message that nobody here sees
        self._errors_are_printed = not hasattr(shell.display_pub, "register_hook")
        self._undo = contextlib.ExitStack()
        for publisher in (shell.display_pub, shell.displayhook):
            if hasattr(publisher, "register_hook"):
                publisher.register_hook(self._message)
                self._undo.callback(publisher.unregister_hook, self._message)
        for name in ("stdout", "stderr"):
            self._listen(name)

    def _listen(self, name: str) -> None:
        stream = getattr(sys, name)
        write = stream.write

        def tee(text: str) -> Any:
            self._print(name, text)
            if self._follow is not None:
                self._follow(text)
            return write(text)

        try:
            stream.write = tee
        except AttributeError:  # a file of C code: what it gets is shown and not kept
            return
        self._undo.callback(stream.__dict__.pop, "write", None)

    def _print(self, name: str, text: str) -> None:
        if not isinstance(text, str) or self._written > MAX_TEXT:
            return
        self._written += len(text)
        last = self.outputs[-1] if self.outputs else {}
        if last.get("output_type") == "stream" and last["name"] == name:
            last["text"] += text
        else:
            self._add({"output_type": "stream", "name": name, "text": text})

    def _message(self, message: Any) -> Any:
        kind, content = message.get("header", {}).get("msg_type"), message.get("content", {})
        if kind == "clear_output":
            self.outputs.clear()
        elif kind in ("display_data", "execute_result"):
            output = {"output_type": kind, "data": content.get("data", {}), "metadata": content.get("metadata") or {}}
            if kind == "execute_result":
                output["execution_count"] = content.get("execution_count")
            self._add(output)
        return message

    def _add(self, output: dict[str, Any]) -> None:
        if len(self.outputs) < MAX_OUTPUTS:
            self.outputs.append(output)

    def keep(self, session: Host, cell: tuple[str, str], error: BaseException | None = None) -> None:
        """Listen no more, and keep what a cell (id, source) showed with the runs that it made by hand."""
        self._undo.close()
        for run_id in session.runs_by_hand:
            keep_outputs(session, run_id, cell, self.outputs, None if self._errors_are_printed else error)


@contextlib.contextmanager
def kept(session: Host, cell: tuple[str, str], follow: Callable[[str], None] | None = None) -> Iterator[None]:
    """Keep what the code within shows as what a cell (id, source) showed; `follow` is told what it prints."""
    if current_run.current() is not None:
        yield
        return
    session.runs_by_hand.clear()
    recorder = Recorder(session.shell, follow)
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        recorder.keep(session, cell, error)


def keep_outputs(
    session: Host, run_id: str, cell: tuple[str, str], shown: Sequence[dict[str, Any]], error: BaseException | None
) -> None:
    """Write what a cell (id, source) showed beside the run's other artifacts; nothing where it showed nothing."""
    outputs = list(shown)
    if error is not None:
        words = f"{type(error).__name__}: {error}"
        outputs.append({
            "output_type": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": words.split("\n"),
        })  # fmt: skip
    if not outputs:
        return
    cell_id, source = cell
    node = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [{
            "cell_type": "code", "id": cell_id, "metadata": {"tags": []}, "source": source, "outputs": outputs,
            "execution_count": session.cell_number,
        }],
    }  # fmt: skip
    # neither indented nor flushed to disk: the cell waits for this, and how it looked need not survive a crash
    text = redaction.redacted(json.dumps(node, ensure_ascii=False, default=str))
    path = os.fspath(kept_path(session, run_id))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(text.encode("utf-8", "surrogatepass"))
    os.replace(temporary, path)


def kept_path(session: Host, run_id: str) -> Path:
    """Where the outputs of a cell that ran by hand lie."""
    stem = Path(session.live.path).stem if session.live.path else "notebook"
    folder: Path = run_names.artifacts_of(Path(session.instance.home), run_id)
    return folder / f"{stem}.ipynb"


def kept_outputs(session: Host, run_id: str, cell_id: str) -> Iterator[Mapping[str, Any]]:
    """What a cell showed in a run, by hand or of the daemon; nothing where nothing was kept."""
    for path in sorted(kept_path(session, run_id).parent.glob("*.ipynb")):
        for cell in document.read_notebook(path)["cells"]:
            if cell.get("id") == cell_id:
                yield from cell.get("outputs", ())


def show_outputs(session: Host, run_id: str, cell_id: str) -> bool:
    """Show again what a cell showed in a run; False where nothing was kept."""
    shown = False
    display = import_module("IPython.display").display
    for output in kept_outputs(session, run_id, cell_id):
        shown = True
        if output["output_type"] == "stream":
            print(output["text"], end="")
        elif output["output_type"] == "error":
            print("\n".join(output["traceback"]))
        else:
            display(dict(output["data"]), metadata=dict(output.get("metadata") or {}), raw=True)
    return shown
