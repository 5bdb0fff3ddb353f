"""JupyterLab in a real Chromium: a server on a copy of the worked example, and what a person does with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, sync_playwright
from playwright.sync_api import TimeoutError as PageTimeoutError

from tests.labextension.server import TOKEN, Server, running

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "test-artifacts"
PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
OPTIONS = ("--LabApp.expose_app_in_browser=True", "--ServerApp.jpserver_extensions={'cellmill_lab': True}")
#: No question about news: it would ask another host.
QUIET = '{"fetchNews": "false", "checkForUpdates": false}'


@contextmanager
def lab_server(root: Path, example: str = "flights.ipynb") -> Iterator[Server]:
    """A JupyterLab whose folder holds a copy of the worked example."""
    (root / "notebooks").mkdir(exist_ok=True)
    settings = root / ".settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "notification.jupyterlab-settings").write_text(QUIET)
    shutil.copy(ROOT / "notebooks" / example, root / "notebooks" / example)
    with running(root, *OPTIONS, module="jupyterlab", notebook=False) as server:
        yield server


def watch_hosts(context: BrowserContext, server: Server) -> list[str]:
    """The addresses of other hosts that any page or frame of a browser asks from now on; it should stay empty.

    What the page's own policy (CSP) held back was not asked.
    """
    own = (f"{server.url}/", f"{server.url.replace('http', 'ws')}/", "data:", "blob:", "about:")
    foreign: list[str] = []

    def look(url: str) -> None:
        if not url.startswith(own):
            foreign.append(url)

    def take_back(request: Request) -> None:
        if request.failure == "csp" and request.url in foreign:
            foreign.remove(request.url)

    context.on("request", lambda request: look(request.url))
    context.on("requestfailed", take_back)
    context.on("page", lambda page: page.on("websocket", lambda socket: look(socket.url)))
    return foreign


def tell(page: Page) -> None:
    """Print the address of a page and what stands on it: pytest shows it beside a failure."""
    print(page.url, page.locator("body").inner_text()[:3000], sep="\n")


def _keep(page: Page) -> None:
    """Keep what was on the screen when a test failed, and tell what the page said of itself."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"failed-{time.time_ns()}.png")
    tell(page)


class Chromium:
    """One Chromium for all tests of this room: each has a profile of its own in it, that knows nothing of the others'."""

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    def profile(self, **options: Any) -> BrowserContext:
        """A new profile, in a new Chromium where there is none or the last one is gone."""
        if self._playwright is None:
            self._playwright = sync_playwright().start()
        if self._browser is None or not self._browser.is_connected():
            self._browser = self._playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        return self._browser.new_context(**options)

    def close(self) -> None:
        """End it; the next profile starts another one."""
        if self._browser is not None:
            self._browser.close()
        if self._playwright is not None:
            self._playwright.stop()
        self._playwright = self._browser = None


CHROMIUM = Chromium()


@contextmanager
def browser_page(server: Server, **options: Any) -> Iterator[Page]:
    """A page in a fresh profile of Chromium, which must have asked no other host than the server by its end."""
    context = CHROMIUM.profile(viewport={"width": 1500, "height": 950}, **options)
    foreign = watch_hosts(context, server)
    page = context.new_page()
    page.set_default_timeout(60_000)
    try:
        yield page
    except BaseException:
        _keep(page)
        raise
    finally:
        context.close()
    assert foreign == [], f"hosts other than {server.url} were asked: {foreign[:5]}"


@contextmanager
def daemon(root: Path) -> Iterator[None]:
    """A daemon of the workspace, stopped at the end."""
    with (root / "daemon.log").open("w") as log:
        command = [sys.executable, "-m", "cellmill", "daemon"]
        process = subprocess.Popen(command, cwd=root, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def until(page: Page, act: Callable[[], object], sign: Callable[[], object], timeout_s: float = 60) -> None:
    """Do something with the pointer, again while its sign stays away: what it points at may still have moved.

    Args:
        page: Where.
        act: Looks where the thing is now, and points at it.
        sign: Waits for what should come of it, for a few seconds, and raises Playwright's `TimeoutError` without it.
        timeout_s: Seconds until the sign's own error is told.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        act()
        try:
            sign()
            return
        except PageTimeoutError:
            if time.monotonic() > deadline:
                raise
        page.wait_for_timeout(100)


def wait_for_run(page: Page, status: str = "success") -> None:
    """Wait until the page shows a run, the one that its address names, and that has ended in this way."""
    page.wait_for_url("**#/run/*")
    run_id = page.url.rsplit("/", 1)[1]
    page.locator(f'article[data-run="{run_id}"] > header .cm-status-{status}').wait_for(timeout=120_000)


def materialize(server: Server, *keys: str) -> str:
    """Start a run that makes assets; returns the run's id."""
    params = {"selector": {"assetSelection": [{"path": key.split("/")} for key in keys]}}
    launch = "mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { ... on LaunchRunSuccess { run { runId } } } }"
    run_id: str = server.data(launch, params=params)["launchRun"]["run"]["runId"]
    return run_id


AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"


def axe(page: Page, within: str) -> list[str]:
    """The serious findings of axe-core in the elements that a CSS selector means, in words."""
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate(
        "within => axe.run({include: [within]}, {resultTypes: ['violations']})", within
    )
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]}: {one['nodes'][0]['failureSummary'][:300]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


class Lab:
    """What a person does in JupyterLab."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server

    def open(self, path: str) -> None:
        """Open a notebook and wait until its kernel can be used: Lab says idle before it is connected.

        By a command once Lab stands: a notebook that the address names comes to the front again some time later.
        """
        self.page.goto(f"{self.server.url}/lab?reset&token={TOKEN}")
        self.page.wait_for_function("() => window.jupyterapp")
        self.page.evaluate("async () => { await window.jupyterapp.restored }")
        self.command("docmanager:open", json.dumps({"path": path}))
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Wait until the notebook's kernel is connected and idle."""
        self.page.wait_for_function(
            """() => {
              const widget = window.jupyterapp?.shell.currentWidget;
              const kernel = widget?.sessionContext?.session?.kernel;
              return kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
            }"""
        )

    def command(self, name: str, args: str = "{}") -> None:
        """Execute a command of JupyterLab and wait for it; what it gives, a panel maybe, stays in the browser."""
        self.page.evaluate(f"async () => {{ await window.jupyterapp.commands.execute({name!r}, {args}) }}")

    def run_all(self, timeout_s: float = 120) -> None:
        """Run the notebook from top to bottom."""
        self.command("notebook:run-all-cells")
        self.wait_for_kernel_within(timeout_s)

    def wait_for_kernel_within(self, timeout_s: float) -> None:
        """Wait until nothing is executed or waits for execution."""
        self.page.wait_for_function(
            """() => {
              const widget = window.jupyterapp.shell.currentWidget;
              const busy = widget.content.widgets.some(cell => cell.promptNode?.textContent.includes('*'));
              return !busy && widget.sessionContext.session.kernel.status === 'idle';
            }""",
            timeout=timeout_s * 1000,
        )

    def cell(self, cell_id: str) -> str:
        """The outputs of a cell, as their JSON; also of one that is not on the screen."""
        text: str = self.page.evaluate(
            """id => {
              const cells = window.jupyterapp.shell.currentWidget.content.widgets;
              const cell = cells.find(one => one.model.id === id);
              return JSON.stringify(cell.model.outputs.toJSON());
            }""",
            cell_id,
        )
        return text

    def run_code(self, source: str, timeout_s: float = 60) -> str:
        """Run code in a new cell below the active one, and return its outputs as JSON."""
        self.command("notebook:insert-cell-below")
        self.page.evaluate(
            """text => {
              const cell = window.jupyterapp.shell.currentWidget.content.activeCell;
              cell.model.sharedModel.setSource(text);
            }""",
            source,
        )
        self.run_active(timeout_s)
        text: str = self.page.evaluate(
            "() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.activeCell.model.outputs.toJSON())"
        )
        return text

    def widget(self, expression: str) -> Any:
        """The value of an expression over `cy`, the graph of the lineage widget that is on the screen."""
        return self.page.evaluate(
            """expression => {
              for (const element of document.querySelectorAll('.jp-OutputArea *')) {
                if (element._cyreg?.cy) {
                  return Function('cy', 'box', `return ${expression}`)(
                    element._cyreg.cy, element.getBoundingClientRect());
                }
              }
              return null;
            }""",
            expression,
        )

    def wait_for_widget(self, expression: str, timeout_s: float = 60) -> None:
        """Wait until an expression over `cy` holds."""
        deadline = time.monotonic() + timeout_s
        while not self.widget(expression):
            assert time.monotonic() < deadline, f"{expression} did not become true"
            self.page.wait_for_timeout(100)

    def wait_until_kept(self, tab: str) -> None:
        """Wait until the server has a layout with this tab in front: JupyterLab saves it some time after a change.

        Asked again and again from here: a function that answers with a promise is not waited for in the page.
        """
        front = """async () => {
          const kept = await window.jupyterapp.serviceManager.workspaces.fetch('default').catch(() => null);
          return kept?.data['layout-restorer:data']?.main?.current ?? '';
        }"""
        deadline = time.monotonic() + 60
        while (kept := self.page.evaluate(front)) != tab:
            assert time.monotonic() < deadline, f"the layout on the server has {kept!r} in front, not {tab!r}"
            self.page.wait_for_timeout(100)

    def show_catalogue(self) -> None:
        """Open the sidebar with the assets."""
        self.page.evaluate("() => window.jupyterapp.shell.activateById('cellmill-catalogue')")
        self.page.wait_for_selector(".cm-asset")

    def wait_for_state(self, key: str, state: str, timeout_s: float = 60) -> None:
        """Wait until the catalogue shows an asset in this state."""
        self.page.wait_for_selector(f'.cm-asset[data-key="{key}"][data-state="{state}"]', timeout=timeout_s * 1000)

    def edit(self, cell_id: str, old: str, new: str) -> None:
        """Replace text in a cell and make it the active one."""
        self.page.evaluate(
            """([id, before, after]) => {
              const notebook = window.jupyterapp.shell.currentWidget.content;
              const index = notebook.widgets.findIndex(one => one.model.id === id);
              const model = notebook.widgets[index].model.sharedModel;
              if (!model.source.includes(before)) throw new Error(model.source);
              model.setSource(model.source.replace(before, after));
              notebook.activeCellIndex = index;
            }""",
            [cell_id, old, new],
        )

    def activate(self, cell_id: str) -> None:
        """Make a cell the active one and scroll to it."""
        self.page.evaluate(
            """async id => {
              const notebook = window.jupyterapp.shell.currentWidget.content;
              const index = notebook.widgets.findIndex(one => one.model.id === id);
              notebook.activeCellIndex = index;
              await notebook.scrollToItem(index, 'start');
            }""",
            cell_id,
        )

    def run_active(self, timeout_s: float = 60) -> None:
        """Run the active cell."""
        self.command("notebook:run-cell")
        self.wait_for_kernel_within(timeout_s)

    def shoot(self, name: str) -> Path:
        """Keep what is on the screen as an artifact."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        self.page.screenshot(path=str(path))
        return path
