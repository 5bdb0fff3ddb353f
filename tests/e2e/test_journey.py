"""The whole way of a data scientist through the worked example, in a real browser."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.e2e.lab import Lab, browser_page, materialize, until
from tests.labextension.server import TOKEN, Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

# fmt: off
EDGES = {
    ("flights", "departed"), ("airlines", "departed"), ("airports", "departed"), ("flights", "cancelled"),
    ("departed", "daily_delays"), ("departed", "carriers"), ("cancelled", "carriers"), ("departed", "delays_by_weather"),
    ("weather", "delays_by_weather"), ("departed", "fleet_age"), ("planes", "fleet_age"), ("daily_delays", "delay_figure"),
}
# fmt: on


def test_explore_stale_restart_load_materialize(lab: Lab) -> None:
    """Run the example, read its lineage, change a cell, see what turns stale, restart, load, materialize."""
    lab.open("notebooks/flights.ipynb")
    lab.run_all()
    assert '"output_type":"error"' not in "".join(lab.cell(name) for name in ("flights", "departed", "delay-figure"))
    assert "336,776" in lab.cell("flights") or "336776" in lab.cell("flights")

    lab.activate("lineage")
    lab.wait_for_widget(
        f"cy.edges().length === {len(EDGES)} && cy.nodes().every(node => node.data('state') === 'fresh')"
    )
    edges = lab.widget("cy.edges().map(edge => [edge.source().id(), edge.target().id()])")
    assert {tuple(edge) for edge in edges} == EDGES
    lab.show_catalogue()
    lab.wait_for_state("daily_delays", "FRESH")
    lab.shoot("lineage-widget")

    def click() -> None:
        x, y = lab.widget(
            "(p => [box.x + p.x, box.y + p.y])(cy.nodes().filter(n => n.id() === 'departed')[0].renderedPosition())"
        )
        lab.page.mouse.click(x, y)

    said = lab.page.get_by_text("Flights that did depart").first
    until(lab.page, click, lambda: said.wait_for(timeout=10_000))
    lab.shoot("lineage-widget-clicked")

    lab.edit("cancelled", ".isna()]", ".isna()].drop(columns='air_time')")
    lab.run_active()
    lab.activate("lineage")
    lab.wait_for_widget("cy.nodes().filter(n => n.data('state') === 'stale').map(n => n.id()).join() === 'carriers'")
    lab.edit("helper", "LATE = 15", "LATE = 30")
    lab.run_active()
    lab.activate("lineage")
    lab.wait_for_widget("cy.nodes().some(n => n.id() === 'daily_delays' && n.data('state') === 'stale')")
    lab.edit("helper", "LATE = 30", "LATE = 15")
    lab.run_active()
    lab.activate("lineage")
    lab.wait_for_widget("cy.nodes().some(n => n.id() === 'daily_delays' && n.data('state') === 'fresh')")
    lab.command("docmanager:save")
    lab.wait_for_state("carriers", "STALE")
    lab.shoot("stale")

    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    lab.wait_for_kernel()
    lab.activate("load")
    lab.run_active()
    loaded = lab.run_code("%load_asset carriers\nprint('rows:', len(carriers))")
    assert "rows: 16" in loaded, loaded

    lab.page.get_by_role("button", name="Materialize carriers").click()
    lab.wait_for_state("carriers", "FRESH", timeout_s=120)
    lab.shoot("materialized")


def test_the_panels_show_runs_and_lineage(lab: Lab) -> None:
    """Lineage, an asset's page, the runs, a run with its log, and the switch of a schedule."""
    materialize(lab.server, "airlines")
    lab.open("notebooks/flights.ipynb")
    lab.command("cellmill:open-lineage")
    lab.page.wait_for_selector('.cm-canvas[data-painted="12"]')
    lab.shoot("panel-lineage")
    lab.command("cellmill:open-screen", json.dumps({"screen": "asset", "what": "carriers"}))
    lab.page.get_by_role("heading", name="History").wait_for()
    lab.shoot("panel-asset")
    lab.command("cellmill:open-runs")
    lab.page.locator("tr[data-run]").first.wait_for()
    lab.shoot("panel-runs")
    lab.page.locator("tr[data-run] .cm-jump").first.click()
    lab.page.locator(".cm-log li").first.wait_for()
    lab.shoot("panel-run")
    lab.command("cellmill:open-automation")
    switch = lab.page.get_by_role("switch").first
    switch.wait_for()
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    lab.page.locator('[role="switch"][aria-checked="true"]').first.wait_for()
    lab.shoot("panel-automation")
    lab.page.locator('[role="switch"][aria-checked="true"]').first.click()
    lab.page.locator('[role="switch"][aria-checked="false"]').first.wait_for()


def test_the_same_screens_are_a_page_of_their_own(server: Server) -> None:
    """At `/cellmill` the catalogue, the lineage and a run work without JupyterLab, by keyboard too."""
    with browser_page(server, color_scheme="dark") as page:
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{server.url}/cellmill?token={TOKEN}")
        page.wait_for_selector('.cm-asset[data-key="flights"]')
        page.wait_for_selector('.cm-canvas[data-painted="12"]')
        page.locator(".cm-canvas").focus()
        page.keyboard.press("ArrowRight")
        page.locator(".cm-side h2").wait_for()
        page.screenshot(path="test-artifacts/page-lineage-dark.png")
        page.keyboard.press("Enter")
        page.wait_for_url("**/cellmill*#/asset/*")
        page.get_by_role("heading", level=1).nth(1).wait_for()
        page.get_by_role("searchbox", name="Search assets").fill("group:raw")
        expect(page.locator(".cm-asset")).to_have_count(5, timeout=60_000)
        assert problems == []
