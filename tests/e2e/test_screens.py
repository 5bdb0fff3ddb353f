"""The launchpad and runs on the page of their own, and what every screen owes to everybody who looks at it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import ARTIFACTS, axe, browser_page, wait_for_run
from tests.labextension.server import TOKEN, Server, running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

JOBS = '''
from cellmill import Config, job, op


class Limit(Config):
    rows: int


@op
def count_rows(config: Limit) -> int:
    """As many rows as it is told."""
    print("<b>counting</b>", config.rows)
    return config.rows


@job
def counting():
    """Counts."""
    count_rows()
'''


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without JupyterLab on a small notebook and a module with a job."""
    root = tmp_path_factory.mktemp("small")
    (root / "jobs.py").write_text(JOBS)
    (root / "cellmill.toml").write_text('[[location]]\nmodule = "jobs"\n\n[[location]]\nnotebooks = ["*.ipynb"]\n')
    with running(root) as server:
        yield server


def _page(page: Page, server: Server, screen: str) -> None:
    page.goto(f"{server.url}/cellmill?token={TOKEN}#/{screen}")
    page.wait_for_selector(".cm-asset")


def _press(page: Page, name: str) -> None:
    """Press a button by keyboard once it can be pressed: a button that waits for the server takes no focus."""
    button = page.get_by_role("button", name=name)
    expect(button).to_be_enabled(timeout=60_000)
    button.focus()
    expect(button).to_be_focused(timeout=60_000)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_shuts_anybody_out(small: Server, scheme: Any) -> None:
    """axe-core finds nothing serious on any screen, in the light and in the dark theme."""
    found: dict[str, list[str]] = {}
    with browser_page(small, color_scheme=scheme) as page:
        for screen in ("lineage", "asset/raw", "runs", "automation", "launchpad", "backfills", "deployment"):
            _page(page, small, screen)
            page.locator("main .cm-page, main .cm-canvas").first.wait_for()
            page.wait_for_timeout(300)
            page.screenshot(path=str(ARTIFACTS / f"page-{screen.replace('/', '-')}-{scheme}.png"))
            problems = axe(page, ".cm-shell")
            if problems:
                found[screen] = problems
            page.goto("about:blank")
    assert found == {}, json.dumps(found, indent=1)


def test_without_a_login_the_page_asks_for_one(small: Server) -> None:
    """A person without a cookie comes to the login page, and from there to the screens."""
    with browser_page(small) as page:
        page.goto(f"{small.url}/cellmill")
        page.wait_for_url("**/login?next=*")
        page.locator("#password_input").fill(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector(".cm-asset")


def test_the_launchpad_shows_what_would_run_and_launches_it_by_keyboard(small: Server) -> None:
    """A dry run lists cells with reasons; the run starts with Enter and ends well."""
    with browser_page(small) as page:
        _page(page, small, "launchpad")
        page.get_by_label("Selection").fill("*doubled")
        page.locator("main .cm-hint", has_text="2 assets").wait_for()
        _press(page, "Show what would run, and why")
        page.get_by_role("heading", name="cells would run").wait_for()
        page.locator("main .cm-table", has_text="never made").wait_for()
        page.screenshot(path=str(ARTIFACTS / "page-launchpad-plan.png"))
        _press(page, "Start the run")
        wait_for_run(page)
        page.screenshot(path=str(ARTIFACTS / "page-run.png"))


def test_the_launchpad_refuses_wrong_configuration_at_its_line(small: Server) -> None:
    """A name that the job has not is told with the line of the text on which it stands."""
    with browser_page(small) as page:
        _page(page, small, "launchpad")
        page.get_by_role("combobox", name="What").select_option(label="Job counting (jobs)")
        page.get_by_role("textbox", name="Configuration").fill("ops:\n  count_rows:\n    config:\n      rows: many\n")
        page.locator('.cm-mistakes li[data-line="4"]').wait_for()
        expect(page.get_by_role("button", name="Start the run")).to_be_disabled(timeout=60_000)
        page.screenshot(path=str(ARTIFACTS / "page-launchpad-mistake.png"))
        page.get_by_role("textbox", name="Configuration").fill("ops:\n  count_rows:\n    config:\n      rows: 3\n")
        page.locator(".cm-mistakes li").first.wait_for(state="detached")


def test_what_a_step_printed_is_read_and_runs_are_deleted_together(small: Server) -> None:
    """A step opens to its output as text; chosen runs are run again, and deleted after a second question."""
    with browser_page(small) as page:
        _page(page, small, "launchpad")
        page.get_by_role("combobox", name="What").select_option(label="Job counting (jobs)")
        page.get_by_role("textbox", name="Configuration").fill("ops:\n  count_rows:\n    config:\n      rows: 3\n")
        page.get_by_role("button", name="Start the run").click()
        wait_for_run(page)
        made = page.url.rsplit("/", 1)[1]
        page.get_by_role("button", name="count_rows").click()
        page.locator(".cm-printed pre", has_text="<b>counting</b> 3").wait_for()
        assert axe(page, "main") == []
        page.screenshot(path=str(ARTIFACTS / "page-run-printed.png"))

        _page(page, small, "runs")
        page.locator(f'[data-run="{made}"]').get_by_role("checkbox").check()
        before = page.locator("tr[data-run]").count()
        page.get_by_role("button", name="Run again").click()
        page.wait_for_function("n => document.querySelectorAll('tr[data-run]').length === n", arg=before + 1)
        page.locator(f'[data-run="{made}"]').get_by_role("checkbox").check()
        page.get_by_role("button", name="Delete…").click()
        assert axe(page, "main") == []
        page.screenshot(path=str(ARTIFACTS / "page-runs-chosen.png"))
        page.get_by_role("button", name="Delete 1 run for good").click()
        page.locator(f'[data-run="{made}"]').wait_for(state="detached")
    assert small.data("query($id: ID!) { runOrError(runId: $id) { __typename } }", id=made) == {
        "runOrError": {"__typename": "RunNotFoundError"}
    }
