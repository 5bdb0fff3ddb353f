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
        self._started = 0.0

    def __enter__(self) -> Progress:
        if len(self.names) >= _MANY and in_front_end():
            import ipywidgets

            self._bars = [
                ipywidgets.IntProgress(
                    value=0, max=1, description=name[-24:], tooltip=name,
                    style={"description_width": "180px"}, layout={"height": "18px", "width": "420px"},
                )
                for name in self.names
            ]  # fmt: skip
            import_module("IPython.display").display(ipywidgets.VBox(self._bars))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            for bar in self._bars:
                if bar.value == 0 and bar.bar_style == "":
                    bar.description = "– " + bar.description

    def start(self, number: int) -> None:
        """An asset begins."""
        self._started = time.perf_counter()
        if self._bars:
            self._bars[number].bar_style = "info"
        elif len(self.names) >= _MANY:
            print(f"[{number + 1}/{len(self.names)}] {self.names[number]} …", flush=True)

    def finish(self, number: int, seconds: float) -> None:
        """An asset is made."""
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
