"""Schedules that run a pinned version of their notebook, over the API."""

from __future__ import annotations

from pathlib import Path

from cellmill.graphql.context import Context

from tests.workspace.notebooks import write_notebook

from .conftest import Ask
from .test_answers import SELECTOR

LOAD = "%load_ext cellmill"

PIN = """mutation($s: ScheduleSelector!, $pinned: Boolean!) { pinSchedule(scheduleSelector: $s, pinned: $pinned) {
  __typename ... on PythonError { message } ... on ScheduleNotFoundError { message } } }"""
LOOK = """query($s: RepositorySelector!) { schedulesOrError(repositorySelector: $s) { ... on Schedules { results {
  name pinnedVersion { notebook snapshot changedCells { kind cell before now } } } } } }"""


METADATA = {"cellmill": {"schedules": [{"cron": "@daily", "name": "nightly"}]}}


def test_a_schedule_is_pinned_promoted_and_let_go(ask: Ask, context: Context, tmp_path: Path) -> None:
    """The cells that changed since are told; promoting makes the version of now the pinned one."""
    plain = tmp_path / "plain.ipynb"
    write_notebook(plain, LOAD, "1", metadata=METADATA)
    context.workspace.refresh()

    def version(**answers: bool) -> dict[str, object] | None:
        for pinned in answers.values():
            done = ask(PIN, s={**SELECTOR, "scheduleName": "nightly"}, pinned=pinned)["pinSchedule"]
            assert done == {"__typename": "ScheduleStateResult"}
        results = ask(LOOK, s=SELECTOR)["schedulesOrError"]["results"]
        found: dict[str, object] | None = next(one for one in results if one["name"] == "nightly")["pinnedVersion"]
        return found

    assert version() is None
    first = version(pin=True)
    assert first is not None and first["changedCells"] == []
    write_notebook(plain, LOAD, "2", metadata=METADATA)
    changed = {"kind": "changed", "cell": 1, "before": "1", "now": "2"}
    assert version() == {**first, "changedCells": [changed]}
    promoted = version(pin=True)
    assert promoted is not None and promoted["changedCells"] == [] and promoted["snapshot"] != first["snapshot"]
    assert version(pin=False) is None


def test_a_schedule_of_assets_is_refused(ask: Ask, context: Context) -> None:
    """What cannot be pinned says why; a schedule that is not there is said to be gone."""
    name = context.workspace.manifest.schedules[0].name
    refused = ask(PIN, s={**SELECTOR, "scheduleName": name}, pinned=True)["pinSchedule"]
    assert refused["__typename"] == "PythonError" and "whole notebook" in refused["message"]
    assert (
        ask(PIN, s={**SELECTOR, "scheduleName": "no"}, pinned=True)["pinSchedule"]["__typename"]
        == "ScheduleNotFoundError"
    )
