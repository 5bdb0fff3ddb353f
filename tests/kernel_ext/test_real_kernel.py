"""The extension in a real kernel, over the wire."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class Kernel:
    """A kernel and its client."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_cmd=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"])  # type: ignore[no-untyped-call]
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, source: str) -> list[dict[str, Any]]:
        """Execute a cell; its outputs."""
        outputs: list[dict[str, Any]] = []

        def take(message: dict[str, Any]) -> None:
            if message["msg_type"] in ("stream", "execute_result", "display_data", "error"):
                outputs.append({"type": message["msg_type"], **message["content"]})

        self.client.execute_interactive(source, output_hook=take, timeout=60, allow_stdin=False)
        return outputs

    def sent(self, source: str) -> list[str]:
        """Execute a cell; the types of all messages that the kernel publishes for it."""
        types: list[str] = []
        self.client.execute_interactive(
            source, output_hook=lambda message: types.append(message["msg_type"]), timeout=60, allow_stdin=False
        )
        return types

    def answer(self, source: str, answers: list[str]) -> str:
        """Execute a cell that asks, as a debugger does; everything that it shows, as text."""
        left, shown = list(answers), []

        def take(message: dict[str, Any]) -> None:
            content = message["content"]
            shown.append(content.get("text", "") + "\n".join(content.get("traceback", ())))

        def ask(message: dict[str, Any]) -> None:
            self.client.input(left.pop(0) if left else "q")

        self.client.execute_interactive(
            source, output_hook=take, stdin_hook=ask, timeout=60, allow_stdin=True, stop_on_error=False
        )
        return "".join(shown)

    def stop(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel in a folder of its own."""
    found = Kernel(tmp_path)
    yield found
    found.stop()


def test_asset_cells_in_a_kernel(kernel: Kernel, tmp_path: Path) -> None:
    """Value, status line, error and widget arrive as a front end expects; a second kernel loads the value."""
    kernel.run("%load_ext cellmill")
    shown = kernel.run("%%asset a\n[1, 2]")
    failed = kernel.run("%%asset b\nx = a\nx.nosuch")
    outputs = kernel.run("%lineage")
    lineage = next((out for out in outputs if "data" in out), outputs)

    assert [out["type"] for out in shown] == ["execute_result", "stream"]
    assert shown[0]["data"]["text/plain"] == "[1, 2]"
    assert shown[1]["text"].startswith("✓ a · list of 2")
    text = "\n".join(failed[0]["traceback"])
    assert failed[0]["ename"] == "AttributeError" and "cellmill_kernel" not in text
    assert isinstance(lineage, dict), lineage
    assert {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"} <= set(lineage["data"])
    second = Kernel(tmp_path)
    try:
        second.run("%load_ext cellmill")
        loaded = second.run("%load_asset a")
        assert loaded[0].get("data", loaded[0])["text/plain"] == "[1, 2]"
    finally:
        second.stop()


def test_outputs_are_those_of_a_plain_cell_and_are_kept(kernel: Kernel, tmp_path: Path) -> None:
    """display(), widgets, plots, prints and results of an asset cell arrive as ever, and %history shows them again."""
    body = (
        "from IPython.display import HTML, display\nimport ipywidgets\nprint('said')\ndisplay(HTML('<b>x</b>'))\n"
        "display(ipywidgets.IntSlider())\nimport asyncio\nawait asyncio.sleep(0)\n[1]"
    )
    kernel.run("%load_ext cellmill")
    plain = kernel.run(body)
    shown = kernel.run("%%asset a\n" + body)
    again = kernel.run("%history a --outputs")

    kinds = [(out["type"], sorted(out.get("data", ()))) for out in plain]
    assert [(out["type"], sorted(out.get("data", ()))) for out in shown[:-1]] == kinds
    assert shown[-1]["text"].startswith("✓ a")
    assert [sorted(out.get("data", ())) for out in again] == [data for _, data in kinds]


def test_debug_and_pdb_land_in_the_body(kernel: Kernel) -> None:
    """%debug opens the frame of the failing line of the cell, with the body's own names; %pdb may be switched on."""
    kernel.run("%load_ext cellmill")
    kernel.run("%%asset a\ninner = 41\ninner / 0")
    asked = kernel.answer("%debug", ["p inner + 1", "where", "q"])
    kernel.run("%pdb on")
    at_once = kernel.answer("%%asset b\nother = 6\nother / 0", ["p other * 7", "q"])

    assert "42" in asked and "cellmill_kernel" not in asked.split("42")[0]
    assert "42" in at_once and "ZeroDivisionError" in at_once


def test_an_asset_cell_sends_one_message_more(kernel: Kernel) -> None:
    """Its status line, whatever the size of the value: values never travel to the front end beside what is shown."""
    kernel.run("%load_ext cellmill")
    plain = kernel.sent("list(range(3))")

    assert plain.count("execute_result") == 1
    assert sorted(kernel.sent("%%asset small\nlist(range(3))")) == sorted([*plain, "stream"])
    assert sorted(kernel.sent("%%asset large\nlist(range(100_000))")) == sorted([*plain, "stream"])
