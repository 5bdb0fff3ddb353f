"""How the steps of a run are drawn."""

from __future__ import annotations

import io

from cellmill.cli.steps import step_views, steps_bar
from cellmill.planning.event import Event, EventType
from rich.console import Console


def test_the_bar_tells_how_far_a_run_has_come() -> None:
    """Steps that have ended, well or not, of those that are planned, and the time so far."""
    kinds = [
        (EventType.ASSET_MATERIALIZATION_PLANNED, "a"),
        (EventType.ASSET_MATERIALIZATION_PLANNED, "b"),
        (EventType.ASSET_MATERIALIZATION_PLANNED, "c"),
        (EventType.STEP_START, "a"),
        (EventType.STEP_SUCCESS, "a"),
        (EventType.STEP_START, "b"),
        (EventType.STEP_FAILURE, "b"),
    ]
    steps = step_views(Event(kind, "run", 100.0 + at, step_key=step) for at, (kind, step) in enumerate(kinds))
    drawn = io.StringIO()
    Console(file=drawn, width=80, force_terminal=True, color_system=None).print(steps_bar(steps.values(), 7.0))
    line = drawn.getvalue().splitlines()[0]
    assert "2/3 steps" in line and "7" in line.partition("steps")[2]
    assert line.count("━") > 15
