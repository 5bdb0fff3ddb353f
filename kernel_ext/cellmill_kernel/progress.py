"""Progress over several assets: a widget with a bar an asset, plain lines where widgets are not shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from importlib import import_module
from types import TracebackType
from typing import Any

from . import current_run

#: With one asset the cell's own output is progress enough.
_MANY = 2
#: The log line: how much of it is shown, and how often at most.
_LINE_LENGTH = 160
_LINE_EVERY_S = 0.1


def in_front_end() -> bool:
    """True in a kernel that a notebook front end talks to; False in a terminal and in unattended runs."""
    if "ipykernel" not in sys.modules or current_run.current() is not None:
        return False
    shell = import_module("IPython.core.getipython").get_ipython()
    return getattr(shell, "kernel", None) is not None


class Progress:
    """Shows which of several assets are waiting, running, made or failed."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._bars: list[Any] = []
        #: the line under the bars: what the asset that is being made printed or logged last
        self._line: Any = None
        self._said = ""
        self._shown_at = 0.0
        self._running = ""

    def __enter__(self) -> Progress:
        if len(self.names) >= _MANY and in_front_end():
            # 150 ms, for a bar that is shown
            import ipywidgets

            self._bars = [
                ipywidgets.IntProgress(
                    value=0, max=1, description=name[-24:], tooltip=name,
                    style={"description_width": "180px"}, layout={"height": "18px", "width": "420px"},
                )
                for name in self.names
            ]  # fmt: skip
            self._line = ipywidgets.Label(value="", layout={"width": "100%"})
            import_module("IPython.display").display(ipywidgets.VBox([*self._bars, self._line]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._show_line()
        if error is not None:
            for bar in self._bars:
                if bar.value == 0 and bar.bar_style == "":
                    bar.description = "– " + bar.description

    def start(self, number: int) -> None:
        """An asset begins."""
        self._running, self._said = self.names[number], ""
        if self._bars:
            self._show_line()
            self._bars[number].bar_style = "info"
        elif len(self.names) >= _MANY:
            print(f"[{number + 1}/{len(self.names)}] {self.names[number]} …", flush=True)

    def step(self, text: str) -> None:
        """What is done for the running asset before its own cell runs."""
        if self._line is not None:
            self._said = text
            self._show_line()
        elif len(self.names) >= _MANY:
            print(f"    {text}", flush=True)

    def say(self, text: str) -> None:
        """The running asset printed or logged something: its last line is shown, at most ten times a second."""
        if self._line is None:
            return
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            self._said = lines[-1][:_LINE_LENGTH]
            if time.perf_counter() - self._shown_at > _LINE_EVERY_S:
                self._show_line()

    @property
    def line(self) -> str:
        """The line under the bars; empty where there are no bars."""
        return "" if self._line is None else str(self._line.value)

    def _show_line(self) -> None:
        if self._line is not None:
            self._shown_at = time.perf_counter()
            self._line.value = (
                f"{self._running}: {self._said}" if self._said else self._running and f"{self._running} …"
            )

    def finish(self, number: int, seconds: float) -> None:
        """An asset is made."""
        self._show_line()
        if self._bars:
            bar = self._bars[number]
            bar.value, bar.bar_style = 1, "success"
        elif len(self.names) >= _MANY:
            print(f"[{number + 1}/{len(self.names)}] {self.names[number]} ✓ {seconds:.2f} s", flush=True)

    def fail(self, number: int) -> None:
        """An asset failed."""
        if self._bars:
            bar = self._bars[number]
            bar.value, bar.bar_style = 1, "danger"
        elif len(self.names) >= _MANY:
            print(f"[{number + 1}/{len(self.names)}] {self.names[number]} ✕", flush=True)
