"""What users' code writes reaches the browser as text: no script of it runs, no question of it is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cellmill import AssetKey, Instance, MetadataValue
from cellmill.definitions.events import AssetMaterialization
from cellmill.planning.event import ErrorInfo, EventType, StepFailureData, StepMaterializationData
from playwright.sync_api import Page

from tests.e2e.lab import browser_page
from tests.instance.log import event
from tests.labextension.server import TOKEN, Server, running

pytestmark = [pytest.mark.browser, pytest.mark.security, pytest.mark.timeout(400)]

#: Each would ask a question (a dialog), and leave a mark on the page, if any of it ran.
DO = "alert(1);top.document.title='taken'"
HOSTILE = [
    f"<script>{DO}</script>",
    f'<img src=x onerror="{DO}">',
    f'<svg onload="{DO}"></svg>',
    f"<iframe srcdoc=\"<script>{DO}</script>\"></iframe>",
    f'[click](javascript:{DO}) <a href="javascript:{DO}">x</a>',
    f'"><body onload="{DO}"><details open ontoggle="{DO}">',
    '<button data-commandlinker-command="terminal:create-new" data-commandlinker-args="{}">x</button>',
    f"<style>@import '//evil.example'</style><base href='//evil.example'><form action='javascript:{DO}'><input autofocus onfocus=\"{DO}\">",
]  # fmt: skip
KEY = AssetKey([HOSTILE[1]])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server whose store holds hostile texts wherever users may write some, and a run that failed with them."""
    root = tmp_path_factory.mktemp("hostile")
    metadata = {
        f"{kind.__name__}-{number} {text}": kind(text)
        for number, text in enumerate(HOSTILE)
        for kind in (MetadataValue.text, MetadataValue.md, MetadataValue.url, MetadataValue.path)
    } | {f"json-{number}": MetadataValue.json({text: [text]}) for number, text in enumerate(HOSTILE)}
    with running(root) as server:
        with Instance.get(root / ".cellmill") as instance:
            run = instance.create_run(job_name=HOSTILE[0], tags={HOSTILE[1]: HOSTILE[2]})
            made = [
                event(
                    EventType.ASSET_MATERIALIZATION, run.run_id, step_key=HOSTILE[1], asset_key=key,
                    data=StepMaterializationData(AssetMaterialization(key, metadata=metadata, description=HOSTILE[0])),
                )
                for key in (AssetKey("raw"), KEY)
            ]  # fmt: skip
            logged = [event(EventType.LOG, run.run_id, message=text) for text in HOSTILE]
            failed = event(
                EventType.STEP_FAILURE, run.run_id, step_key=HOSTILE[1], message=HOSTILE[0], level=40,
                data=StepFailureData(ErrorInfo(HOSTILE[2], tuple(HOSTILE), HOSTILE[0])),
            )  # fmt: skip
            started = event(EventType.RUN_START, run.run_id)
            ended = event(EventType.RUN_FAILURE, run.run_id, message="\n".join(HOSTILE))
            instance.run_writer(run.run_id).append([started, *made, *logged, failed, ended])
        _executed(root / ".cellmill" / "runs" / run.run_id)
        yield server, run.run_id


def _executed(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": {kind: text, "text/plain": text}}
        for text in HOSTILE
        for kind in ("text/html", "text/markdown", "image/svg+xml", "application/javascript")
    ]
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": 1, "source": HOSTILE[0]}
    words = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "\n\n".join(HOSTILE)}
    document = {"cells": [{**cell, "outputs": outputs}, words], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "a.ipynb").write_text(json.dumps(document))


def _quiet(page: Page) -> list[str]:
    """Note every question that a page asks from now on, and every window that it opens."""
    seen: list[str] = []

    def refuse(dialog: object) -> None:
        seen.append(f"a dialog: {dialog}")
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", refuse)
    page.on("popup", lambda other: seen.append(f"a window: {other.url}"))
    return seen


def test_no_text_of_a_user_runs_on_any_screen(hostile: tuple[Server, str]) -> None:
    """Metadata, names, tags, logs, errors and outputs are looked at, also with the pointer over them: nothing happens."""
    server, run_id = hostile
    with browser_page(server) as page:
        seen = _quiet(page)
        for screen in ("asset/raw", f"run/{run_id}", "runs", "lineage"):
            page.goto(f"{server.url}/cellmill?token={TOKEN}#/{screen}")
            page.wait_for_selector(".cm-asset")
            page.locator("main .cm-page, main .cm-canvas").first.wait_for()
            if screen.startswith(("asset", "run/")):
                page.get_by_text("onerror").first.wait_for()
            page.mouse.move(700, 400)
            page.keyboard.press("Tab")
            page.wait_for_timeout(500)
            assert page.title() != "taken"
            ours = page.locator(
                "main script, main base, main [onerror], main [onload], main [data-commandlinker-command]"
            )
            assert ours.count() == 0, ours.first.evaluate("node => node.outerHTML")
            assert page.locator('main a[href^="javascript"]').count() == 0
        assert seen == []


def test_the_executed_notebook_asks_nothing_in_a_tab_of_its_own(hostile: tuple[Server, str]) -> None:
    """Its origin is opaque: scripts in outputs see no cookie, reach no other page, and may ask no question."""
    server, run_id = hostile
    with browser_page(server) as page:
        seen = _quiet(page)
        page.goto(f"{server.url}/cellmill?token={TOKEN}")
        page.wait_for_selector(".cm-asset")
        answer = page.goto(f"{server.url}/cellmill/runs/{run_id}/notebook/a.ipynb")
        assert answer is not None and answer.status == 200
        page.wait_for_timeout(1000)
        assert page.evaluate("() => { try { return document.cookie } catch (e) { return e.name } }") == "SecurityError"
        assert page.evaluate("() => self.origin") == "null"
        assert seen == []
