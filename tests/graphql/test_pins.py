"""Pinned schedules over the API."""

from __future__ import annotations

import json

from cellmill.graphql.context import Context

from tests.graphql.conftest import Ask
from tests.graphql.test_answers import SELECTOR

PINNED = """query($s: RepositorySelector!) { schedulesOrError(repositorySelector: $s) { ... on Schedules { results {
  name pinnedVersion { notebooks changedCells { notebook kind cell before now } } } } } }"""
PIN = """mutation($s: ScheduleSelector!, $p: Boolean!) { pinSchedule(scheduleSelector: $s, pinned: $p) {
  __typename ... on Error { message } } }"""


def test_a_schedule_of_assets_is_pinned_compared_and_promoted(ask: Ask, context: Context) -> None:
    """The cells that changed since are named until the schedule is promoted; unpinned it has no version."""
    schedule = ask(PINNED, s=SELECTOR)["schedulesOrError"]["results"][0]
    assert schedule["pinnedVersion"] is None
    chosen = {**SELECTOR, "scheduleName": schedule["name"]}

    def version() -> dict[str, object] | None:
        found: dict[str, object] | None = ask(PINNED, s=SELECTOR)["schedulesOrError"]["results"][0]["pinnedVersion"]
        return found

    assert "ScheduleStateResult" == ask(PIN, s=chosen, p=True)["pinSchedule"]["__typename"]
    assert {"notebooks": ["example.ipynb"], "changedCells": []} == version()
    path = context.workspace.config.root / "example.ipynb"
    notebook = json.loads(path.read_text())
    last = len(notebook["cells"])
    notebook["cells"].append({**notebook["cells"][0], "id": "new", "source": "added = 1"})
    path.write_text(json.dumps(notebook))
    change = {"notebook": "example.ipynb", "kind": "added", "cell": last, "before": "", "now": "added = 1"}
    assert {"notebooks": ["example.ipynb"], "changedCells": [change]} == version()
    ask(PIN, s=chosen, p=True)
    assert {"notebooks": ["example.ipynb"], "changedCells": []} == version()
    ask(PIN, s=chosen, p=False)
    assert version() is None
