"""What JupyterLab tells and does around the code of a notebook: names explained and followed, drags, differences, layout."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.lab import Lab, until
from tests.labextension.server import TOKEN
from tests.workspace.notebooks import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(500)]

POINT = """text => {
  for (const line of document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) .cm-line')) {
    const at = line.textContent.indexOf(text);
    if (at < 0) continue;
    const range = document.createRange();
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    for (let seen = 0; walker.nextNode(); seen += walker.currentNode.length) {
      if (at < seen + walker.currentNode.length) {
        range.setStart(walker.currentNode, at - seen);
        range.setEnd(walker.currentNode, Math.min(at - seen + text.length, walker.currentNode.length));
        const {left, top, width, height} = range.getBoundingClientRect();
        return [left + width / 2, top + height / 2];
      }
    }
  }
  return null;
}"""


@pytest.fixture
def two_notebooks(lab: Lab) -> Iterator[str]:
    """A notebook that reads an asset of another one, beside the example."""
    paths = [lab.server.root / name for name in ("below.ipynb", "above.ipynb")]
    write_notebook(
        paths[1],
        "%load_ext cellmill",
        '%%asset prices\n"""What things cost."""\nimport pandas as pd\npd.DataFrame({"thing": ["tea"], "price": [3]})',
    )
    write_notebook(paths[0], "%load_ext cellmill", "%%asset dearest\nprices.nlargest(1, 'price')")
    yield "below.ipynb"
    for path in paths:
        path.unlink()


def test_names_are_explained_followed_and_dropped(lab: Lab, two_notebooks: str) -> None:
    """The pointer shows schema and first rows; a drag loads an asset; Ctrl+click goes to its cell in the other notebook.

    The run's end is a notification of JupyterLab's own; the tab of an asset is there again after a reload.
    """
    lab.open(two_notebooks)
    lab.show_catalogue()
    lab.wait_for_state("prices", "MISSING")
    lab.page.get_by_role("button", name="Materialize prices").click()
    lab.wait_for_state("prices", "FRESH", timeout_s=120)
    # the message itself is gone after some seconds; the list keeps it
    lab.command("apputils:display-notifications")
    lab.page.locator(".jp-Notification-List", has_text="prices: done").wait_for(timeout=120_000)
    lab.command("apputils:display-notifications")
    lab.page.locator(".jp-Notification-List").wait_for(state="detached")
    lab.page.wait_for_function(f"() => ({POINT})('prices.nlargest')")

    def rest() -> None:
        x, y = lab.page.evaluate(POINT, "prices")
        lab.page.mouse.move(x, y + 60)
        lab.page.mouse.move(x, y)

    until(lab.page, rest, lambda: lab.page.locator(".cm-hover table", has_text="tea").wait_for(timeout=5000))
    lab.shoot("hover")

    drop = lab.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-InputPrompt").first
    lab.page.locator('.cm-asset[data-key="prices"]').drag_to(drop)
    sources = "window.jupyterapp.shell.currentWidget.content.widgets.map(one => one.model.sharedModel.source)"
    lab.page.wait_for_function(f"() => {sources}.includes('%load_asset prices')")

    def go_to_its_cell() -> None:
        spot = lab.page.evaluate(POINT, "prices.nlargest")
        if spot is not None:
            lab.page.keyboard.down("Control")
            lab.page.mouse.click(spot[0] - 30, spot[1])
            lab.page.keyboard.up("Control")

    shell = "window.jupyterapp.shell.currentWidget"
    source = f"{shell}.content.activeCell?.model.sharedModel.source"
    there = f"() => {shell}.context?.path === 'above.ipynb' && {source}.startsWith('%%asset prices')"
    until(lab.page, go_to_its_cell, lambda: lab.page.wait_for_function(there, timeout=10_000))

    lab.edit("c1", "[3]", "[4]")
    lab.page.locator(
        '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell.jp-mod-active .cm-badge[data-edited="true"]'
    ).click()
    lab.page.get_by_role("menuitem", name="Diff With What Was Last Made").click()
    lab.page.locator(".cm-diff .cm-added", has_text="[4]").wait_for()
    lab.shoot("cell-diff")
    lab.page.get_by_role("button", name="Close", exact=True).last.click()
    lab.edit("c1", "[4]", "[3]")
    lab.command("docmanager:save-all")

    lab.command("cellmill:open-screen", json.dumps({"screen": "asset", "what": "prices"}))
    lab.page.get_by_role("heading", name="History").wait_for()
    lab.wait_until_kept("cellmill:cellmill-asset-prices")
    lab.page.goto(f"{lab.server.url}/lab?token={TOKEN}")
    lab.page.get_by_role("heading", name="History").wait_for()
