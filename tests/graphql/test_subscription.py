"""What those who follow are told: of code locations, of the daemon, of the steps of a run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetMaterialization
from cellmill.graphql.context import Context
from cellmill.graphql.schema import subscribe
from cellmill.planning.event import Event, EventType

from tests.workspace.notebooks import write_notebook

#: Does something, after which those who follow look again.
Act = Callable[[], object]


class Script:
    """News that come after each of some acts; the end of the acts is the end of the news."""

    def __init__(self, *acts: Act) -> None:
        self._acts = acts

    async def changes(self) -> AsyncIterator[None]:
        """Yield at once, and after each act."""
        yield None
        for act in self._acts:
            await asyncio.to_thread(act)
            yield None


def follow(context: Context, query: str, *acts: Act) -> list[Any]:
    """Everything that a subscription tells while the acts happen."""

    async def told() -> list[Any]:
        return [answer async for answer in subscribe(query, {}, None, context, Script(*acts))]

    answers = asyncio.run(told())
    assert all("errors" not in answer for answer in answers), answers
    return [next(iter(answer["data"].values())) for answer in answers]


LOCATIONS = "subscription { locationStateChangeEvents { event { eventType message locationName serverId } } }"


def test_changes_of_locations_are_told(context: Context, tmp_path: Path) -> None:
    """An edit is told once, with the location; what is the same is not told."""

    def edit() -> None:
        write_notebook(tmp_path / "example.ipynb", "%load_ext cellmill", "%%asset other\n1")
        context.workspace.refresh()

    def look_again() -> None:
        context.workspace.refresh()

    told = [one["event"] for one in follow(context, LOCATIONS, look_again, edit, look_again)]
    assert [(one["eventType"], one["locationName"]) for one in told] == [("LOCATION_UPDATED", "notebooks")]
    assert "notebooks" in told[0]["message"]


def test_the_daemon_is_followed(context: Context) -> None:
    """Its loops are told at once, and again when one starts or falls silent."""
    leases = context.instance.leases
    query = "subscription { daemonStatuses { id healthy } }"
    told = follow(
        context,
        query,
        lambda: leases.acquire("daemon:schedules", "me", 60),
        lambda: leases.acquire("daemon:schedules", "me", 60),
        lambda: leases.release(leases.all()[0]),
    )
    assert told[0] == [] and told[1] == [{"id": "daemon:schedules", "healthy": True}]
    assert len(told) == 3 and not any(one["healthy"] for one in told[2])


def test_the_steps_of_a_run_are_followed(context: Context) -> None:
    """Each change once, with how many steps there are and have ended; the run's end is the end."""
    run = context.instance.create_run(job_name="j")
    writer = context.instance.run_writer(run.run_id)

    def happens(kind: EventType, step: str | None = None) -> Act:
        return lambda: writer.append([Event(kind, run.run_id, time.time(), step_key=step)])

    query = f'subscription {{ stepProgress(runId: "{run.run_id}") {{ planned done steps {{ stepKey status }} }} }}'
    told = follow(
        context,
        query,
        happens(EventType.RUN_START),
        happens(EventType.STEP_START, "a"),
        happens(EventType.LOG, "a"),
        happens(EventType.STEP_SUCCESS, "a"),
        happens(EventType.STEP_START, "b"),
        happens(EventType.STEP_FAILURE, "b"),
        happens(EventType.RUN_FAILURE),
        happens(EventType.STEP_START, "never looked at"),
    )
    assert [(one["planned"], one["done"]) for one in told] == [(1, 0), (1, 1), (2, 1), (2, 2)]
    assert [one["steps"][0]["status"] for one in told] == ["IN_PROGRESS", "SUCCESS", "IN_PROGRESS", "FAILURE"]


@pytest.mark.parametrize("others", [2, 200])
def test_a_change_of_state_is_a_small_message(context: Context, tmp_path: Path, others: int) -> None:
    """What one materialization sends grows with the assets whose state it changes, not with those of the workspace."""
    cells = [f"%%asset asset_{number}\n{number}" for number in range(others)]
    write_notebook(tmp_path / "example.ipynb", "%load_ext cellmill", *cells)
    context.workspace.refresh()
    made = AssetMaterialization(AssetKey("asset_1"))

    told = follow(
        context,
        "subscription { assetStateChanges { structureChanged keys states reasons materializedAt } }",
        lambda: context.instance.report_runless_asset_event(made),
    )
    assert not told[-1]["structureChanged"] and told[-1]["keys"] == ["asset_1"]
    assert len(json.dumps(told[-1])) < 300
