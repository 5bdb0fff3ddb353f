"""What is started, watched and read on the page: launchpad, asset page, automation, deployment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import ARTIFACTS, axe, browser_page, until, wait_for_run
from tests.e2e.test_journeys import go
from tests.labextension.server import Server, running
from tests.workspace.notebooks import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(500)]

MODULE = """
from pathlib import Path
from typing import Literal

from cellmill import Config, StaticPartitionsDefinition, job, op


class Limit(Config):
    \"\"\"How many rows are read, and how.\"\"\"

    rows: int
    mode: Literal["fast", "careful"] = "fast"


@op
def count_rows(config: Limit) -> int:
    \"\"\"As many rows as it is told.\"\"\"
    return config.rows


@op
def store(count_rows: int) -> None:
    \"\"\"Keeps them.\"\"\"


@job
def counting():
    store(count_rows())


@op
def pick_day(context) -> str:
    \"\"\"The day of the run.\"\"\"
    return context.partition_key


@op
def keep_day(pick_day: str) -> None:
    \"\"\"Keeps it.\"\"\"
    if Path(__file__).with_name("closed").exists():
        raise OSError("the place is closed")


@job(partitions_def=StaticPartitionsDefinition(["mon", "tue", "wed"]))
def by_day():
    keep_day(pick_day())
"""
LINEAGE = (
    "import cellmill as cm, pandas as pd\n"
    "made = cm.TableColumnLineage({'price': [cm.TableColumnDep(asset_key=cm.AssetKey('orders'), column_name='price')]})\n"
    "context.add_output_metadata({'columns': cm.MetadataValue.column_lineage(made)})\n"
    "orders.assign(vat=0.2)"
)
CELLS = (
    "%load_ext cellmill",
    "%%asset orders\nimport pandas as pd\npd.DataFrame({'price': [1.5, 2.5], 'customer': ['a', 'b']})",
    "%%asset totals --auto eager\n" + LINEAGE,
    "%%check some --asset totals\nlen(totals) == 2",
    "%%asset daily --partitions static:mon,tue,wed\ncontext.partition_key",
    "%%asset weekly --partitions static:mon,tue,wed --backfill-policy single_run\n{day: day for day in context.partition_keys}",
    '%schedule "0 6 * * *" totals --name morning',
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, without a daemon, on a module with a job and a notebook of tables, conditions and partitions."""
    root = tmp_path_factory.mktemp("shop")
    (root / "jobs.py").write_text(MODULE)
    (root / "cellmill.toml").write_text('[[location]]\nmodule = "jobs"\n\n[[location]]\nnotebooks = ["*.ipynb"]\n')
    write_notebook(root / "shop.ipynb", *CELLS)
    with running(root, notebook=False) as server:
        yield server


def looks_right(page: Page, name: str) -> None:
    """Keep a picture of the screen, on which nobody is shut out."""
    page.screenshot(path=str(ARTIFACTS / f"page-{name}.png"))
    problems = axe(page, ".cm-shell")
    assert problems == [], json.dumps(problems, indent=1)


def test_a_configuration_is_written_with_completion_and_with_the_form(shop: Server) -> None:
    """The schema completes the text; the form and the text change each other; the launched run has what was chosen."""
    with browser_page(shop) as page:
        go(page, shop, "launchpad")
        page.get_by_role("combobox", name="What").select_option(label="Job counting (jobs)")
        text = page.get_by_role("textbox", name="Configuration")
        page.locator(".cm-mistakes li").first.wait_for()
        text.click()
        page.keyboard.press("Control+Space")
        page.locator(".cm-tooltip-autocomplete li", has_text="ops").first.wait_for()
        page.keyboard.press("Escape")
        text.fill("ops:\n  count_rows:\n    config:\n      rows: many\n      mode: ")
        page.locator('.cm-mistakes li[data-line="4"]').wait_for()
        page.locator(".cm-lint-marker-error").first.wait_for()
        page.keyboard.press("Control+End")
        page.keyboard.press("Control+Space")
        page.locator(".cm-tooltip-autocomplete li", has_text="careful").wait_for()
        looks_right(page, "launchpad-completion")
        page.locator(".cm-tooltip-autocomplete li", has_text="careful").click()
        page.locator('[data-path="ops/count_rows/config/rows"] input').fill("3")
        page.locator(".cm-mistakes li").first.wait_for(state="detached")
        expect(text).to_contain_text("mode: careful", timeout=60_000)
        expect(text).to_contain_text("rows: 3", timeout=60_000)
        page.get_by_role("button", name="JSON").click()
        page.locator(".cm-config", has_text='"rows": 3').wait_for()
        page.get_by_role("button", name="Add tag").click()
        page.get_by_role("textbox", name="Value of tag 1").fill("me")
        page.get_by_label("Key of tag 1").fill("who")
        page.get_by_role("button", name="Show what would run, and why").click()
        page.get_by_role("heading", name="2 ops would run").wait_for()
        page.get_by_role("button", name="Start the run").click()
        wait_for_run(page)
        page.locator(".cm-mark", has_text="who: me").wait_for()
        page.locator(".cm-code", has_text="careful").wait_for()


def test_partitions_are_chosen_as_a_range(shop: Server) -> None:
    """On the strip or by name; several partitions are a backfill, and one is a run of its own.

    One run of all is offered where the code of the assets makes several at once, and otherwise it is said how to.
    """
    with browser_page(shop) as page:
        go(page, shop, "launchpad")
        page.get_by_label("Selection").fill("daily")
        page.get_by_role("combobox", name="From").select_option("mon")
        page.get_by_text("3 partitions", exact=True).wait_for()
        page.get_by_role("button", name="Start the run").filter(has_text="Launch backfill").wait_for()
        page.get_by_role("button", name="tue: missing").click()
        page.get_by_role("button", name="wed: missing").click()
        page.get_by_text("2 partitions", exact=True).wait_for()
        page.get_by_text("One run cannot make them all: daily (at most 1 a run)").wait_for()
        expect(page.get_by_role("checkbox", name="all of them in one run")).to_be_disabled(timeout=60_000)
        page.get_by_role("button", name="Show what would run, and why").click()
        page.get_by_text("A backfill makes the 2 partitions from tue to wed, with a run for each.").wait_for()
        looks_right(page, "launchpad-partitions")
        page.get_by_role("combobox", name="From").select_option("wed")
        page.get_by_text("1 partition", exact=True).wait_for()
        page.get_by_role("button", name="Start the run").click()
        wait_for_run(page)
        go(page, shop, "asset/daily")
        page.get_by_role("group", name="2 missing, 1 materialized").wait_for()


def test_a_range_is_made_in_one_run_where_the_code_can(shop: Server) -> None:
    """An asset with the policy `single_run` makes the chosen partitions at once."""
    with browser_page(shop) as page:
        go(page, shop, "launchpad")
        page.get_by_label("Selection").fill("weekly")
        page.get_by_role("combobox", name="From").select_option("tue")
        page.get_by_role("checkbox", name="all of them in one run").check()
        page.get_by_role("button", name="Show what would run, and why").click()
        page.get_by_text("One run makes the 2 partitions from tue to wed at once.").wait_for()
        page.get_by_role("button", name="Start the run").click()
        wait_for_run(page)
        go(page, shop, "asset/weekly")
        page.get_by_role("group", name="1 missing, 2 materialized").wait_for()


def test_a_job_of_ops_is_backfilled_and_some_of_its_ops_run_again(shop: Server) -> None:
    """A failed run goes on at the op that failed, and the chosen op alone runs again; a range becomes a backfill."""
    closed = shop.root / "closed"
    closed.touch()
    with browser_page(shop) as page:
        go(page, shop, "launchpad")
        page.get_by_role("combobox", name="What").select_option(label="Job by_day (jobs)")
        page.get_by_role("combobox", name="To").select_option("wed")
        page.get_by_role("button", name="Start the run").click()
        wait_for_run(page, "failure")
        whole = page.url
        closed.unlink()
        page.get_by_role("button", name="Run again from failure").click()
        page.wait_for_function("before => location.href !== before", arg=whole)
        wait_for_run(page)
        expect(page.locator(".cm-gantt li")).to_have_text(re.compile("keep_day"), timeout=60_000)

        page.goto(whole)
        wait_for_run(page, "failure")
        page.get_by_role("button", name="Run some again").click()
        page.get_by_role("checkbox", name="pick_day").uncheck()
        looks_right(page, "run-some-ops")
        page.get_by_role("button", name="Run 1 of 2").click()
        page.wait_for_function("before => location.href !== before", arg=whole)
        wait_for_run(page)
        expect(page.locator(".cm-gantt li")).to_have_count(1, timeout=60_000)
        page.locator(".cm-gantt li", has_text="keep_day").wait_for()

        go(page, shop, "launchpad")
        page.get_by_role("combobox", name="What").select_option(label="Job by_day (jobs)")
        page.get_by_role("combobox", name="From").select_option("tue")
        page.get_by_role("button", name="Start the run").filter(has_text="Launch backfill").click()
        page.wait_for_url("**#/backfills")
        page.locator("[data-backfill]").get_by_role("group", name="2 partitions: 2 missing").wait_for()


def test_an_assets_page_tells_what_changed(shop: Server) -> None:
    """Changed columns along the history, the code of two runs compared, checks, and where a column comes from."""
    with browser_page(shop) as page:
        go(page, shop, "launchpad")
        page.get_by_label("Selection").fill("*totals")
        page.get_by_role("button", name="Start the run").click()
        wait_for_run(page)
        changed = [cell.replace("vat=0.2", "vat=0.2, vip=True") for cell in CELLS]
        write_notebook(shop.root / "shop.ipynb", *changed)
        page.wait_for_selector('.cm-asset[data-key="totals"][data-state="STALE"]')
        go(page, shop, "asset/totals")
        page.locator("article").get_by_role("button", name="Materialize totals").click()
        page.locator('[data-change="added"]', has_text="vip").first.wait_for()
        page.locator(".cm-diff .cm-added", has_text="vip=True").wait_for()
        page.locator('[data-check="some"] .cm-status-passed').wait_for()
        page.get_by_role("combobox", name="Column").select_option("price")
        page.locator(".cm-trace", has_text="orders").wait_for()
        page.get_by_role("button", name="what the cell showed then").first.click()
        page.frame_locator("tfoot iframe").get_by_text("vip").first.wait_for()
        looks_right(page, "asset-history")
        go(page, shop, "lineage/totals")
        page.get_by_role("combobox", name="Column").select_option("price")
        page.locator(".cm-trace", has_text="orders").wait_for()
        page.screenshot(path=str(ARTIFACTS / "page-column-lineage.png"))
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save the picture as SVG").click()
        assert saved.value.suggested_filename == "lineage.svg" and "totals" in saved.value.path().read_text()
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save the picture as PNG").click()
        assert saved.value.path().read_bytes().startswith(b"\x89PNG")


def test_the_daemon_is_started_and_conditions_are_explained(shop: Server) -> None:
    """From the screen: the daemon, a dry run, the tree of a tick's conditions, a pool's limit, and the daemon's end."""
    with browser_page(shop) as page:
        go(page, shop, "automation")
        page.get_by_role("button", name="Start daemon").click()
        page.get_by_role("button", name="Stop daemon").wait_for()
        try:
            page.locator('[data-name="morning"]').get_by_role("button", name="Dry run").click()
            page.locator(".cm-dry-run", has_text="It would start 1 run").wait_for()
            tree = page.locator('[data-evaluation="totals"]')
            newest = page.locator('[data-name="conditions"] .cm-tick').last
            # a tick that has just begun has evaluated nothing, and a second click shuts it
            until(page, newest.click, lambda: tree.wait_for(timeout=5000))
            tree.evaluate("one => { one.open = true; }")
            tree.get_by_role("treeitem").nth(3).wait_for()
            looks_right(page, "automation-conditions")
            go(page, shop, "deployment")
            page.get_by_role("textbox", name="Pool").fill("database")
            page.get_by_role("button", name="Set limit").click()
            page.locator('[data-pool="database"]').wait_for()
            looks_right(page, "deployment-pools")
        finally:
            page.get_by_role("button", name="Stop daemon").click()
            page.get_by_role("button", name="Start daemon").wait_for()
