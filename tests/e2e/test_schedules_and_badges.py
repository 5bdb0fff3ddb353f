"""What a notebook in JupyterLab tells of its assets, and the form that schedules it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.lab import Lab, axe, daemon, materialize
from tests.labextension.server import NOTEBOOK
from tests.workspace.notebooks import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

#: The screens without a subject of their own.
SCREENS = tuple((screen, "") for screen in ("lineage", "runs", "launchpad", "backfills", "deployment"))


def test_badges_tell_of_edits_and_a_form_writes_the_schedule(lab: Lab) -> None:
    """A badge per asset cell; an unsaved edit of a helper marks what uses it; the form writes a declaration."""
    lab.open("notebooks/flights.ipynb")
    lab.page.locator(".cm-badge").first.wait_for()
    lab.activate("daily-delays")
    mine = lab.page.locator(".jp-Cell.jp-mod-active .cm-badge")
    expect(mine).to_have_attribute("data-edited", "false", timeout=60_000)
    lab.edit("helper", "LATE = 15", "LATE = 30")
    lab.activate("daily-delays")
    lab.page.locator('.jp-Cell.jp-mod-active .cm-badge[data-edited="true"]').wait_for()
    lab.shoot("badges")
    mine.click()
    lab.page.get_by_role("menuitem", name="Materialize daily_delays").wait_for()
    lab.shoot("badge-menu")
    lab.page.keyboard.press("Escape")
    lab.edit("helper", "LATE = 30", "LATE = 15")
    lab.activate("daily-delays")
    lab.page.locator('.jp-Cell.jp-mod-active .cm-badge[data-edited="false"]').wait_for()


@pytest.fixture
def small_notebook(lab: Lab) -> Iterator[str]:
    """A notebook of two quick assets beside the example, for as long as the test."""
    path = lab.server.root / "small.ipynb"
    path.write_text(json.dumps(NOTEBOOK))
    yield path.name
    path.unlink()


def test_a_notebook_is_scheduled_with_the_form_and_runs(lab: Lab, small_notebook: str) -> None:
    """The form says in words when it will run, writes the declaration, and the daemon starts the run.

    While the minute passes, axe-core looks at every screen, in both themes.
    """
    with daemon(lab.server.root):
        lab.open(small_notebook)
        notebook = lab.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        notebook.get_by_role("button", name="Schedule this notebook").click()
        lab.page.get_by_role("textbox", name="Cron line").fill("30 7 * * 1-5")
        lab.page.get_by_text("Every weekday at 07:30").wait_for()
        expect(lab.page.locator(".cm-preview li")).to_have_count(5, timeout=60_000)
        lab.page.get_by_label("Name (optional)").fill("often")
        lab.shoot("schedule-form")
        lab.page.get_by_role("textbox", name="Cron line").fill("* * * * *")
        lab.page.get_by_text("Every minute").wait_for()
        lab.page.get_by_role("button", name="Add schedule").click()
        lab.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        source = "window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.source"
        lab.page.wait_for_function(f"() => {source}.startsWith('%schedule')")
        lab.command("cellmill:open-automation")
        item = lab.page.locator('[data-name="often"]')
        item.get_by_role("switch").click()
        item.locator('[aria-checked="true"]').wait_for()

        found: dict[str, list[str]] = {}
        lab.show_catalogue()
        lab.page.wait_for_selector('.cm-asset[data-key="raw"]')
        made = materialize(lab.server, "raw")
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            lab.command("apputils:change-theme", json.dumps({"theme": theme}))
            lab.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=theme)
            for screen, what in (*SCREENS, ("asset", "raw"), ("run", made), ("automation", "")):
                lab.command("cellmill:open-screen", json.dumps({"screen": screen, "what": what}))
                lab.page.locator(".cm-page:visible, .cm-canvas:visible").first.wait_for()
                problems = axe(lab.page, ".jp-MainAreaWidget:not(.lm-mod-hidden) .cm-root")
                if problems:
                    found[f"{screen} in {theme}"] = problems
                lab.shoot(f"lab-{screen}-{theme.split()[1].lower()}")
            problems = axe(lab.page, "#cellmill-catalogue")
            if problems:
                found[f"catalogue in {theme}"] = problems
        assert found == {}, json.dumps(found, indent=1)

        item.locator(".cm-tick-success:enabled").first.wait_for(timeout=90_000)
        item.get_by_role("switch").click()
        item.locator(".cm-tick-success:enabled").first.click()
        item.locator(".cm-tick-details .cm-jump", has_text="run ").first.click()
        lab.page.locator("article[data-run]:visible > header .cm-status-success").wait_for(timeout=120_000)
        lab.shoot("lab-run-scheduled")


PARAMETERS = "window.jupyterapp.shell.currentWidget.content.model.getMetadata('cellmill').schedules[0]"


def test_a_whole_notebook_is_scheduled_with_parameters(lab: Lab) -> None:
    """The form shows the notebook's parameters, refuses what is none, and the schedule carries those that were given."""
    path = lab.server.root / "report.ipynb"
    write_notebook(path, 'day = "2024-01-01"  # the day of the report', "print(day)")
    notebook = json.loads(path.read_text())
    notebook["cells"][0]["metadata"]["tags"] = ["parameters"]
    path.write_text(json.dumps(notebook))
    lab.open(path.name)
    try:
        bar = lab.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        bar.get_by_role("button", name="Schedule this notebook").click()
        form = lab.page.locator(".jp-Dialog")
        form.get_by_role("combobox", name="What to run").select_option(label="The whole notebook")
        given = form.get_by_role("textbox", name="Parameters")
        expect(given).to_have_attribute("placeholder", 'day: "2024-01-01"', timeout=60_000)
        given.fill("tomorrow")
        form.get_by_text("A line for each, as name: value, is needed.").wait_for()
        given.fill("day: 2024-02-03")
        form.get_by_role("combobox", name="How often").select_option(label="Every Monday at 06:00")
        form.get_by_text("Every Monday at 06:00, next:").wait_for()
        form.get_by_label("Name (optional)").fill("weekly_report")
        lab.shoot("schedule-parameters")
        form.get_by_role("button", name="Add schedule").click()
        lab.page.wait_for_function(f"() => {PARAMETERS}.parameters.day === '2024-02-03'")
        lab.command("cellmill:open-automation")
        item = lab.page.locator('[data-name="weekly_report"]')
        item.get_by_role("button", name="Dry run").click()
        item.locator(".cm-dry-run", has_text="2024-02-03").wait_for()
        lab.shoot("lab-dry-run-parameters")
    finally:
        path.unlink()


WAITING = """%%asset {name} --group steps
import pathlib, time
end = time.monotonic() + 200
while not pathlib.Path({sign!r}).exists() and time.monotonic() < end:
    time.sleep(0.05)
"""


def test_a_badge_tells_how_far_its_run_is(lab: Lab) -> None:
    """While a run makes two assets of a notebook, their badges say how many it has made; its menu leads to the run."""
    path, sign = lab.server.root / "steps.ipynb", lab.server.root / "go-on"
    write_notebook(
        path, "%load_ext cellmill", "%%asset step_one --group steps\n1", WAITING.format(name="step_two", sign=str(sign))
    )
    lab.open(path.name)
    try:
        badge = lab.page.locator(".jp-Cell:has-text('step_two') .cm-badge")
        expect(badge).to_have_attribute("data-state", "MISSING", timeout=60_000)
        run_id = materialize(lab.server, "step_one", "step_two")
        expect(badge).to_have_attribute("data-progress", "0.5", timeout=120_000)
        expect(badge).to_have_attribute("data-state", "RUNNING")
        expect(badge).to_have_text("1/2")
        expect(badge).to_have_attribute("aria-label", re.compile("1 of 2 assets of its run are made"))
        lab.shoot("badge-running")
        badge.click()
        lab.page.get_by_role("menuitem", name="Show Its Run").click()
        lab.page.locator(f'article[data-run="{run_id}"]').wait_for()
        lab.shoot("lab-run-running")
        sign.touch()
        lab.page.locator(f'article[data-run="{run_id}"] > header .cm-status-success').wait_for(timeout=120_000)
        lab.command("docmanager:open", json.dumps({"path": path.name}))
        expect(badge).to_have_attribute("data-state", "FRESH", timeout=60_000)
    finally:
        sign.touch()
        path.unlink()
