"""Badges and schedules in a notebook, the launchpad, and what every screen owes to everybody who looks at it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import ARTIFACTS, Lab, axe, browser_page, daemon, wait_for_run
from tests.labextension.server import NOTEBOOK, TOKEN, Server, running
from tests.workspace.notebooks import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

#: How many times slower the machine is now than when nothing else runs: short slices of work, all of them against the
#: quickest, which nobody interrupted. The limits below are for a quiet machine.
SLOWER = """() => {
  const slice = () => {
    const start = performance.now();
    let sum = 0;
    for (let i = 0; i < 1000000; i++) { sum = (Math.imul(sum, 31) + i) | 0; }
    return performance.now() - start + (sum === 1 ? 1 : 0);
  };
  for (let i = 0; i < 20; i++) slice();
  const took = Array.from({length: 150}, slice).map(one => Math.max(one, 0.1));
  return took.reduce((all, one) => all + one, 0) / (took.length * Math.min(...took));
}"""
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


#: The screens without a subject of their own.
SCREENS = tuple((screen, "") for screen in ("lineage", "runs", "launchpad", "backfills", "deployment"))


def materialize(server: Server, *keys: str) -> str:
    """Start a run that makes assets; returns the run's id."""
    params = {"selector": {"assetSelection": [{"path": key.split("/")} for key in keys]}}
    launch = "mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { ... on LaunchRunSuccess { run { runId } } } }"
    run_id: str = server.data(launch, params=params)["launchRun"]["run"]["runId"]
    return run_id


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


STARTED = """() => new Promise(done => {
  const look = () => window.jupyterapp ? window.jupyterapp.restored.then(() => setTimeout(done, 500)) : setTimeout(look, 5);
  look();
})"""
#: Starts with the extension, and as many without, in turn: other programs only ever add to what one takes, so on a
#: machine at work more of them are needed until the cheapest of each tell what they cost.
STARTS = range(2, 11)


def start_cost_s(page: Page, address: str) -> float:
    """Seconds of the processor that the page's main thread takes until JupyterLab stands: other programs do not count."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address)
    page.evaluate(STARTED)
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return float(metrics["TaskDuration"])


def test_the_lab_starts_hardly_slower_with_the_extension(server: Server) -> None:
    """Starts with and without, in turn: the cheapest with it takes hardly more of the processor than one without."""
    took: dict[bool, list[float]] = {True: [], False: []}

    def without(route: Any) -> None:
        answer = route.fetch()
        text = answer.text()
        config = json.loads(text.split('type="application/json">')[1].split("</script>")[0])
        kept = [one for one in config["federated_extensions"] if one["name"] != "cellmill-lab"]
        assert len(kept) == len(config["federated_extensions"]) - 1
        config["federated_extensions"] = kept
        head, rest = text.split('type="application/json">', 1)
        route.fulfill(
            response=answer,
            body=head + 'type="application/json">' + json.dumps(config) + rest[rest.index("</script>") :],
        )

    address = f"{server.url}/lab?token={TOKEN}&reset"
    with browser_page(server) as page:
        page.set_default_timeout(120_000)
        page.goto(address)
        page.evaluate(STARTED)
        for turn in range(1, STARTS.stop):
            for extended in (True, False):
                if not extended:
                    page.route("**/lab?*", without)
                page.goto("about:blank")
                took[extended].append(start_cost_s(page, address))
                page.unroute_all()
            if turn >= STARTS.start and min(took[True]) < 1.2 * min(took[False]):
                break
        page.goto("about:blank")
    print(f"processor seconds with {sorted(took[True])}, without {sorted(took[False])}")
    assert min(took[True]) < 1.35 * min(took[False])


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


def write_assets(root: Path, assets: int, in_each: int = 100) -> None:
    """Notebooks with `assets` assets: groups of ten layers of 25, each asset made from two of the layer above."""
    (root / "cellmill.toml").write_text('[[location]]\nnotebooks = ["*.ipynb"]\n')
    for start in range(0, assets, in_each):
        cells: list[dict[str, Any]] = []
        for n in range(start, min(start + in_each, assets)):
            group, layer, place = n // 250, n % 250 // 25, n % 25
            first = n - 25 - place
            above = {first + place, first + (place * 7 + 3) % 25} if layer else set()
            if group % 4 and not layer and not place:
                above = {n - 150}
            source = f"%%asset a{n} --group g{group}\n" + (" + ".join(f"a{m}" for m in sorted(above)) or "1")
            cells.append({"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [], "source": source})
            cells[-1]["execution_count"] = None
        body = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (root / f"n{start:05}.ipynb").write_text(json.dumps(body))


FRAMES = """async () => {
  const canvas = document.querySelector('.cm-canvas');
  const {x, y, width, height} = canvas.getBoundingClientRect();
  const at = (type, moved) => canvas.dispatchEvent(new PointerEvent(type, {
    clientX: x + width / 2 + moved, clientY: y + height / 2, bubbles: true, pointerId: 1}));
  canvas.setPointerCapture = () => undefined;
  at('pointerdown', 0);
  const took = [];
  for (let i = 1; i <= 9; i++) {
    const start = performance.now();
    at('pointermove', i * 12);
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
    took.push(performance.now() - start);
  }
  at('pointerup', 120);
  return took.sort((a, b) => a - b)[4] / 1000;
}"""


#: From now on, what the page asks the server, and how long after each message of the server the screen shows it: the
#: message is told here before anybody else hears of it, and two frames later all that follows from it is painted.
LISTEN = """(() => {
  const own = WebSocket.prototype;
  const {set} = Object.getOwnPropertyDescriptor(own, 'onmessage');
  const canvas = () => document.querySelector('.cm-canvas');
  const look = () => canvas().getContext('2d').getImageData(0, 0, canvas().width, canvas().height).data;
  window.repaints = [];
  window.asked = [];
  const fetched = window.fetch;
  window.fetch = (url, options) => {
    window.asked.push(String(options?.body ?? url));
    return fetched(url, options);
  };
  const heard = handler => event => {
    if (JSON.parse(event.data).payload?.data?.assetStateChanges?.structureChanged !== false) {
      return handler(event);
    }
    const before = look();
    const start = performance.now();
    handler(event);
    requestAnimationFrame(() => setTimeout(() => {
      const took = performance.now() - start;
      const after = look();
      window.repaints.push([took, after.some((value, i) => value !== before[i])]);
    }, 0));
  };
  Object.defineProperty(own, 'onmessage', {set(handler) { set.call(this, heard(handler)); }});
})()"""
REPORT = """mutation($params: ReportRunlessAssetEventsParams!) {
  reportRunlessAssetEvents(eventParams: $params) { __typename }
}"""


def repaint_s(page: Page, server: Server) -> float:
    """Seconds from a message that an asset is made to the picture that shows it; nothing is laid out anew."""
    page.evaluate("() => { window.repaints = []; window.asked = []; }")
    params = {"eventType": "ASSET_MATERIALIZATION", "assetKey": {"path": ["a0"]}}
    assert "Success" in str(server.data(REPORT, params=params))
    page.wait_for_function("() => window.repaints.some(([, differs]) => differs)")
    asked = [text for text in page.evaluate("() => window.asked") if "graphPlaces" in text or "assetGraph" in text]
    assert asked == [], "a change of state must not ask for the places of the assets"
    return float(page.evaluate("() => Math.max(...window.repaints.map(([took]) => took))")) / 1000


@pytest.mark.parametrize(("assets", "limit_s"), [(1000, 1.0), (10_000, 3.0)])
def test_large_lineages_are_painted_soon(tmp_path: Path, assets: int, limit_s: float) -> None:
    """The whole lineage is on the screen soon after the page is opened, and follows the hand that moves it."""
    write_assets(tmp_path, assets)
    with running(tmp_path, notebook=False) as server, browser_page(server) as page:
        server.data("{ assetGraph { keys } }")
        page.set_default_timeout(90_000)
        page.add_init_script(LISTEN)
        page.goto(f"{server.url}/cellmill?token={TOKEN}")
        page.wait_for_selector(f'.cm-canvas[data-painted="{assets}"]')
        page.goto("about:blank")
        slower = page.evaluate(SLOWER)
        page.goto(f"{server.url}/cellmill")
        page.wait_for_selector(f'.cm-canvas[data-painted="{assets}"]')
        painted = page.evaluate("() => Number(document.querySelector('.cm-canvas').dataset.paintedAt)") / 1000
        page.screenshot(path=str(ARTIFACTS / f"lineage-{assets}.png"))
        frame = page.evaluate(FRAMES)
        repaint = repaint_s(page, server)
        slower = max(slower, page.evaluate(SLOWER))
        print(
            f"{assets} assets: painted after {painted:.2f} s, {frame:.3f} s a frame, {repaint:.3f} s a state; the machine is {slower:.1f} times slower"
        )
        # three times what a quiet machine must do: others are slower even when nothing else runs
        assert painted < 3 * limit_s * slower
        assert frame < 3 * 0.15 * slower
        assert repaint < 3 * 0.1 * slower
