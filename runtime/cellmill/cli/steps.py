"""A run's steps as its events tell them: state, times, and what each made."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.tree import Tree

from cellmill.cli.render import cell_text, duration_text, time_text
from cellmill.planning.event import Event, EventType, planned_steps

#: Event type -> the state that a step is in after it.
_STATE_AFTER = {
    EventType.STEP_START: "running",
    EventType.STEP_RESTARTED: "running",
    EventType.STEP_UP_FOR_RETRY: "waiting to retry",
    EventType.STEP_SUCCESS: "success",
    EventType.STEP_FAILURE: "failure",
    EventType.STEP_SKIPPED: "skipped",
}

#: Width of the bar of a run, in characters.
_BAR = 30

#: The modules before an exception's name: of no use to who reads the message.
_MODULE = re.compile(r"^(?:\w+\.)+(?=\w+: )")


@dataclass(slots=True)
class StepView:
    """One step of a run as it stands."""

    key: str
    state: str = "waiting"
    started_at: float | None = None
    ended_at: float | None = None
    attempts: int = 0
    made: list[str] = field(default_factory=list)
    error: str = ""

    def seconds(self, now: float) -> float | None:
        """Return how long it took, or has been running."""
        return None if self.started_at is None else (self.ended_at or now) - self.started_at


def step_views(events: Iterable[Event]) -> dict[str, StepView]:
    """Return the steps of a run, in the order in which they started, from its events so far."""
    steps: dict[str, StepView] = {}
    for event in events:
        apply_event(steps, event)
    return steps


def apply_event(steps: dict[str, StepView], event: Event) -> None:
    """Change `steps` as `event` says."""
    for key in planned_steps(event):
        steps.setdefault(key, StepView(key))
    if not event.step_key:
        return
    step = steps.get(event.step_key)
    if step is None:
        step = steps[event.step_key] = StepView(event.step_key)
    kind = event.type
    step.state = _STATE_AFTER.get(kind, step.state)
    if kind in (EventType.STEP_START, EventType.STEP_RESTARTED):
        step.attempts += 1
        step.started_at = step.started_at or event.timestamp
        step.ended_at = None
    elif kind in (EventType.STEP_SUCCESS, EventType.STEP_FAILURE, EventType.STEP_SKIPPED):
        step.ended_at = event.timestamp
        step.error = _error_text(event) if kind is EventType.STEP_FAILURE else ""
    elif kind is EventType.ASSET_MATERIALIZATION and event.asset_key is not None:
        partition = f" [{event.partition}]" if event.partition else ""
        step.made.append(event.asset_key.to_user_string() + partition)


def _error_text(event: Event) -> str:
    data: Any = event.data
    error = getattr(data, "error", None)
    if error is None:
        return event.message or ""
    while getattr(error, "cause", None) is not None:
        error = error.cause
    return _MODULE.sub("", str(error.message).strip())


def steps_tree(title: str, steps: Iterable[StepView], now: float) -> Tree:
    """Return the tree that `runs show` draws."""
    tree = Tree(title)
    for step in steps:
        took = duration_text(step.seconds(now))
        retried = f", attempt {step.attempts}" if step.attempts > 1 else ""
        branch = tree.add(f"{step.key.replace('[', chr(92) + '[')}  {cell_text(step.state)}  [dim]{took}{retried}[/]")
        for made in step.made:
            if made != step.key:
                branch.add(f"[dim]made {made.replace('[', chr(92) + '[')}[/]")
        if step.error:
            branch.add(f"[red]{step.error.replace('[', chr(92) + '[')}[/]")
    return tree


def steps_bar(steps: Collection[StepView], took: float | None) -> Table:
    """Return the bar that stands below the tree of a run that goes on: steps that have ended of those known of."""
    done = sum(step.ended_at is not None for step in steps)
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(len(steps), 1), completed=done, width=_BAR),
        f"{done}/{len(steps)} steps",
        f"[dim]{duration_text(took)}[/]" if took is not None else "",
    )
    return bar


def event_line(event: Event) -> str:
    """Return one event as a line of a log."""
    kind = event.type.value if event.type is not EventType.LOG else ""
    where = f" {event.step_key}" if event.step_key else ""
    return f"{time_text(event.timestamp)} {kind or 'LOG'}{where} {event.message or ''}".rstrip()
