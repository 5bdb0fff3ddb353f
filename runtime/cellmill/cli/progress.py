"""How far the notebooks of a run have come, and what their cells print, read from the journals as they grow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from cellmill.cli.app import App
from cellmill.cli.run_record import find_run
from cellmill.execution.notebook.journal import JournalState
from cellmill.execution.notebook.live import RUNNING, WAITING, CellView, Followed, cells_of, progress_line
from cellmill.workspace.run_names import artifacts_of

#: Seconds between looks at journals that are followed.
_POLL_S = 0.2


class Progress:
    """The notebooks of one run, each look reading on from the last."""

    def __init__(self, app: App, run_id: str) -> None:
        self._followed = Followed(artifacts_of(app.home, run_id))

    def lines(self) -> list[str]:
        """Return a line for each notebook."""
        now = time.time()
        return [
            f"  [dim]{progress_line(name, state, now).replace('[', chr(92) + '[')}[/]"
            for name, state in self._followed.look()
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Return each notebook with its code cells, as data."""
        return [
            {"name": name, "cells": [asdict(cell) for cell in cells_of(state)]} for name, state in self._followed.look()
        ]


def follow_cells(app: App, run_id: str, which: str) -> None:
    """Write what the cells of a run's notebooks print as they print it, until the run has ended."""
    followed = Followed(artifacts_of(app.home, run_id))
    told: dict[tuple[str, int], _Told] = {}
    while True:
        finished = find_run(app, run_id).dagster_run.is_finished
        for name, state in followed.look():
            if which in name:
                for view in cells_of(state):
                    one = told.setdefault((name, view.index), _Told())
                    for text in one.news(name, view, state):
                        click.echo(text, nl=False)
        if finished:
            return
        time.sleep(_POLL_S)


class _Told:
    """What has been written of one cell."""

    def __init__(self) -> None:
        self._state = WAITING
        self._text = ""

    def news(self, name: str, view: CellView, state: JournalState) -> Iterator[str]:
        """Yield what is new: that it began, what it printed since, how it ended."""
        if view.state in (WAITING, "skipped", "not reached"):
            return
        if self._state == WAITING:
            yield f"── {name}, cell {view.index + 1}\n"
        text = "".join(_text_of(output) for output in state.notebook["cells"][view.index].get("outputs", ()))
        # outputs that were cleared since are written anew
        yield text[len(self._text) :] if text.startswith(self._text) else text
        self._text = text
        if view.state != RUNNING and view.state != self._state:
            yield f"── {view.state}{': ' + view.detail if view.detail else ''}\n"
        self._state = view.state


def _text_of(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return str(output["text"])
    if output["output_type"] == "error":
        return "\n".join(output.get("traceback", ())) + "\n"
    return str(output.get("data", {}).get("text/plain", "")) + "\n"
