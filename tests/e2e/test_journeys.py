"""What people do in a day, on the page: a run that fails and is mended, a backfill, a sensor, all by keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import ARTIFACTS, browser_page, daemon, wait_for_run
from tests.labextension.server import TOKEN, Server, running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

CELLS = {
    "load": "%load_ext cellmill",
    "numbers": '%%asset numbers --group made\n"""Some numbers."""\nlist(range(5))',
    "broken": '%%asset broken --group made\n"""Their sum, once it is right."""\nsum(numbers) / 0',
    "daily": '%%asset daily --group parts --partitions static:mon,tue,wed\n"""A part of the week."""\ncontext.partition_key',
    "sensor": "%%sensor watcher --target numbers --interval 5\nimport cellmill as cm\ncm.RunRequest(run_key='once')",
}


def write_notebook(root: Path, cells: dict[str, str]) -> None:
    """The workspace's one notebook."""
    body = {
        "cells": [
            {"cell_type": "code", "id": id_, "metadata": {}, "outputs": [], "source": text, "execution_count": None}
            for id_, text in cells.items()
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (root / "week.ipynb").write_text(json.dumps(body))


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server and a daemon on a notebook with a broken cell, partitions, a sensor and a schedule."""
    root = tmp_path_factory.mktemp("week")
    (root / "cellmill.toml").write_text('[[location]]\nnotebooks = ["*.ipynb"]\n')
    write_notebook(root, CELLS)
    with running(root, notebook=False) as server, daemon(root):
        yield server


def go(page: Page, server: Server, screen: str) -> None:
    """Open a screen of the page."""
    page.goto(f"{server.url}/cellmill?token={TOKEN}#/{screen}")
    page.wait_for_selector(".cm-asset")


def test_a_failing_run_is_read_mended_and_run_again_from_failure(week: Server) -> None:
    """The log names the line; once the notebook is saved right, the run goes on behind what was made.

    The executed notebook stands beside the log, and a part of the run can be made again by itself.
    """
    with browser_page(week) as page:
        go(page, week, "launchpad")
        page.get_by_label("Selection").fill("*broken")
        page.get_by_role("button", name="Start the run").click()
        wait_for_run(page, "failure")
        page.locator(".cm-log").get_by_text("ZeroDivisionError").first.wait_for()
        page.get_by_role("checkbox", name="errors only").check()
        page.screenshot(path=str(ARTIFACTS / "page-run-failed.png"))
        page.wait_for_selector('.cm-asset[data-key="numbers"][data-state="FRESH"]')
        page.wait_for_selector('.cm-asset[data-key="broken"][data-state="FAILED"]')
        failed = page.url
        shown = page.frame_locator("iframe.cm-notebook")
        shown.locator(".output_error", has_text="ZeroDivisionError").wait_for()

        page.get_by_role("button", name="Run some again").click()
        page.get_by_role("checkbox", name="broken").uncheck()
        page.screenshot(path=str(ARTIFACTS / "page-run-some.png"))
        page.get_by_role("button", name="Run 1 of 2").click()
        page.wait_for_function("before => location.href !== before", arg=failed)
        wait_for_run(page)
        expect(page.locator(".cm-gantt li")).to_have_count(1, timeout=60_000)
        page.goto(failed)
        wait_for_run(page, "failure")

        write_notebook(week.root, CELLS | {"broken": CELLS["broken"].replace(" / 0", "")})
        page.get_by_role("button", name="Run again from failure").click()
        page.wait_for_function("before => location.href !== before", arg=failed)
        wait_for_run(page)
        page.wait_for_selector('.cm-asset[data-key="broken"][data-state="FRESH"]')
        expect(page.locator(".cm-gantt li")).to_have_count(1, timeout=60_000)
        page.screenshot(path=str(ARTIFACTS / "page-run-from-failure.png"))


def test_a_backfill_is_started_and_ends(week: Server) -> None:
    """Choose the partitions on the page; the daemon makes each, and the strip turns green."""
    with browser_page(week) as page:
        go(page, week, "backfills")
        page.get_by_label("From").select_option("tue")
        page.get_by_role("button", name="Make 2 partitions").click()
        page.locator("[data-backfill]").first.wait_for()
        page.locator("[data-backfill] .cm-part-materialized").nth(1).wait_for(timeout=150_000)
        page.screenshot(path=str(ARTIFACTS / "page-backfills.png"))
        page.get_by_role("treeitem", name="daily").click()
        page.get_by_role("group", name="3 partitions").wait_for()
        page.screenshot(path=str(ARTIFACTS / "page-asset-partitions.png"))


def test_a_sensor_is_switched_on_and_starts_a_run(week: Server) -> None:
    """The switch turns it on; its strip of ticks leads to the run that it asked for."""
    with browser_page(week) as page:
        go(page, week, "automation")
        item = page.locator('[data-name="watcher"]')
        item.get_by_role("switch").click()
        item.locator('[aria-checked="true"]').wait_for()
        item.locator(".cm-tick-success:enabled").first.wait_for(timeout=60_000)
        page.screenshot(path=str(ARTIFACTS / "page-automation.png"))
        item.locator(".cm-tick-success:enabled").first.click()
        item.locator(".cm-tick-details .cm-jump", has_text="run ").first.click()
        wait_for_run(page)


def test_everything_is_reached_by_keyboard(week: Server) -> None:
    """From the tree to an asset's page, to the lineage and along it, without a mouse."""
    with browser_page(week, color_scheme="dark") as page:
        go(page, week, "runs")
        tree = page.get_by_role("tree")
        tree.get_by_role("treeitem").first.focus()
        page.keyboard.press("ArrowLeft")
        expect(tree.get_by_role("treeitem").first).to_have_attribute("aria-expanded", "false", timeout=60_000)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        page.wait_for_function("() => document.activeElement.dataset.key === 'broken'")
        page.keyboard.press("Enter")
        page.wait_for_url("**#/asset/broken")
        page.get_by_role("heading", name="broken", level=1).wait_for()
        page.get_by_role("button", name="Show in the lineage").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**#/lineage/broken")
        page.locator(".cm-side h2", has_text="broken").wait_for()
        page.locator(".cm-canvas[data-painted]").focus()
        page.keyboard.press("ArrowLeft")
        page.locator(".cm-side h2", has_text="numbers").wait_for()
        page.screenshot(path=str(ARTIFACTS / "page-keyboard-dark.png"))
        page.keyboard.press("Enter")
        page.wait_for_url("**#/asset/numbers")
