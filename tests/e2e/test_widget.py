"""The lineage widget in a large workspace, and what widget and badges show while cells are edited and moved about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lab import Lab, browser_page, lab_server
from tests.e2e.test_screen_speed import SLOWER

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

#: Notebooks and assets of the large workspace.
BOOKS, EACH = 10, 100


def write_book(path: Path, cells: Mapping[str, str]) -> None:
    """Save a notebook of these code cells, by id."""
    shape: dict[str, Any] = {
        "cells": [
            {"cell_type": "code", "id": name, "metadata": {}, "source": source, "outputs": [], "execution_count": None}
            for name, source in cells.items()
        ],
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(shape))


def write_large(root: Path) -> None:
    """A workspace of a thousand assets in ten notebooks, each of them a chain with side branches."""
    for book in range(BOOKS):
        cells = {"load": "%load_ext cellmill"}
        for number in range(book * EACH, (book + 1) * EACH):
            upstreams = [number - 1] if number % EACH else ([number - EACH] if book else [])
            upstreams += [number - 7] if number % 5 == 0 and number > 7 else []
            body = " + ".join(f"a{upstream}" for upstream in upstreams) or "1"
            cells[f"a{number}"] = f"%%asset a{number}\n{body}"
        write_book(root / f"book{book}.ipynb", {**cells, "look": "%lineage"})


def click(lab: Lab, node: str) -> None:
    """Click a node of the widget that is on the screen."""
    place = f"cy.nodes().filter(node => node.id() === {node!r})[0].renderedPosition()"
    x, y = lab.widget(f"(p => [box.x + p.x, box.y + p.y])({place})")
    lab.page.mouse.click(x, y)


def test_a_thousand_assets_open_soon_and_stay_live(tmp_path: Path) -> None:
    """The widget opens on the neighbourhood of the current cell, repaints what changed, unfolds what is clicked."""
    write_large(tmp_path)
    with lab_server(tmp_path) as server, browser_page(server) as page:
        lab = Lab(page, server)
        lab.open("book0.ipynb")
        for cell in ("load", "a0"):
            lab.activate(cell)
            lab.run_active()
        slower = page.evaluate(SLOWER)
        lab.activate("look")
        start = page.evaluate("() => performance.now()")
        lab.command("notebook:run-cell")
        lab.wait_for_widget("cy.nodes().length > 0 && cy.edges().length > 0")
        opened = (page.evaluate("() => performance.now()") - start) / 1000
        slower = max(slower, page.evaluate(SLOWER))
        print(f"{BOOKS * EACH} assets: opened after {opened:.2f} s; the machine is {slower:.1f} times slower")
        # twice the two seconds of a quiet machine: others are slower even when nothing else runs
        assert opened < 2 * 2 * slower

        lab.wait_for_kernel_within(30)
        ids = set(lab.widget("cy.nodes().map(node => node.id())"))
        assert "a99" in ids and len(ids) <= 200
        assert {f"notebook:book{n}.ipynb" for n in range(1, BOOKS)} <= ids
        lab.shoot("lineage-widget-large")

        lab.activate("a1")
        lab.run_active()
        lab.activate("look")
        lab.wait_for_widget("cy.nodes().some(node => node.id() === 'a1' && node.data('state') === 'fresh')")

        click(lab, "notebook:book7.ipynb")
        lab.wait_for_widget("cy.nodes().some(node => node.id() === 'a750')")
        assert lab.widget("cy.nodes().length") <= 200
        lab.shoot("lineage-widget-unfolded")


def shown(lab: Lab, **states: str) -> None:
    """Wait until the widget shows just these assets in these states."""
    lab.activate("look")
    wanted = json.dumps(dict(sorted(states.items())), separators=(",", ":"))
    found = "JSON.stringify(Object.fromEntries(cy.nodes().map(node => [node.id(), node.data('state')]).sort()))"
    try:
        lab.wait_for_widget(f"{found} === {wanted!r}")
    except AssertionError as error:
        raise AssertionError(f"{lab.widget(found)}, not {wanted}") from error


#: Whether just these cells of the notebook have a badge, in these states.
BADGES = """wanted => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  const found = {};
  for (const cell of cells) {
    const badge = cell.node.querySelector(':scope .cm-badge');
    if (badge) found[cell.model.id] = badge.dataset.state;
  }
  const sorted = states => JSON.stringify(Object.entries(states).sort());
  return sorted(found) === sorted(wanted);
}"""


def active_output(lab: Lab) -> str:
    """The outputs of the active cell, as their JSON."""
    return str(
        lab.page.evaluate(
            "() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.activeCell.model.outputs.toJSON())"
        )
    )


def test_cells_are_edited_renamed_moved_duplicated_and_deleted(tmp_path: Path) -> None:
    """Widget, catalogue and badges follow every cell that runs and every save: definitions go by cell."""
    cells = {
        "load": "%load_ext cellmill", "one": "scale = 1", "two": "scale = 2", "base": "%%asset base\n10",
        "scaled": "%%asset scaled\nbase * scale", "look": "%lineage",
    }  # fmt: skip
    write_book(tmp_path / "moving.ipynb", cells)
    with lab_server(tmp_path) as server, browser_page(server) as page:
        (tmp_path / "notebooks" / "flights.ipynb").unlink()
        lab = Lab(page, server)
        lab.open("moving.ipynb")
        lab.run_all()
        lab.show_catalogue()
        shown(lab, base="fresh", scaled="fresh")

        lab.edit("base", "10", "20")
        lab.run_active()
        shown(lab, base="fresh", scaled="stale")
        lab.command("docmanager:save")
        lab.wait_for_state("scaled", "STALE")

        lab.edit("scaled", "%%asset scaled", "%%asset doubled")
        lab.run_active()
        shown(lab, base="fresh", doubled="fresh")
        lab.command("docmanager:save")
        lab.wait_for_state("doubled", "FRESH")
        lab.page.wait_for_selector('.cm-asset[data-key="scaled"]', state="detached")

        lab.activate("two")
        lab.command("notebook:move-cell-up")
        lab.command("docmanager:save")
        lab.wait_for_state("doubled", "STALE")
        lab.activate("one")
        lab.run_active()
        shown(lab, base="fresh", doubled="stale")

        lab.activate("scaled")
        lab.command("notebook:duplicate-below")
        lab.run_active()
        assert "also made by" in active_output(lab)
        lab.command("notebook:delete-cell")
        lab.command("docmanager:save")
        lab.activate("scaled")
        lab.run_active()
        shown(lab, base="fresh", doubled="fresh")
        lab.page.wait_for_function(BADGES, arg={"base": "FRESH", "scaled": "FRESH"}, timeout=60_000)

        lab.activate("scaled")
        lab.command("notebook:delete-cell")
        lab.command("docmanager:save")
        lab.page.wait_for_selector('.cm-asset[data-key="doubled"]', state="detached")
        lab.activate("one")
        lab.run_active()
        shown(lab, base="fresh")
        lab.page.wait_for_function(BADGES, arg={"base": "FRESH"}, timeout=60_000)
