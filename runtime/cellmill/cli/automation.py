"""`cellmill schedules` and `cellmill sensors`: list, start, stop, look ahead, evaluate."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import click

from cellmill.automation.evaluator import answer_of
from cellmill.automation.sensors import sensor_question
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.complete import complete_schedule, complete_sensor
from cellmill.cli.render import show_json, show_rows, time_text
from cellmill.instance.automation import InstigatorState
from cellmill.planning.instigator import Answer, Question, ScheduleSpec, SensorSpec
from cellmill.workspace.pins import changes_since, notebook_of, pin_of, pin_schedule, unpin_schedule
from cellmill.workspace.source import WorkspaceSource

Spec = ScheduleSpec | SensorSpec


def _source(app: App) -> AutomatedWorkspace:
    return AutomatedWorkspace(WorkspaceSource(app.workspace), app.instance)


def _specs(app: App, kind: str) -> list[Spec]:
    source = _source(app)
    return list(source.schedules() if kind == "schedule" else source.sensors())


def _find(app: App, kind: str, name: str) -> Spec:
    specs = _specs(app, kind)
    found = [spec for spec in specs if name in (spec.name, f"{spec.location}:{spec.name}")]
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(f"{spec.location}:{spec.name}" for spec in found)
        raise click.UsageError(f"Several {kind}s are named {name!r}; write one of {places}.")
    known = ", ".join(spec.name for spec in specs) or "none"
    raise click.UsageError(f"There is no {kind} {name!r}. Known: {known}.")


def _status(spec: Spec, states: dict[str, InstigatorState]) -> str:
    state = states.get(spec.id)
    if state is not None:
        return state.status
    return "RUNNING" if spec.running_by_default else "STOPPED"


def _states(app: App, kind: str) -> dict[str, InstigatorState]:
    return {state.id: state for state in app.instance.automation.instigators(kind)}


def _set_status(app: App, kind: str, names: tuple[str, ...], status: str) -> None:
    for name in names:
        spec = _find(app, kind, name)
        app.instance.automation.switch(
            InstigatorState(id=spec.id, kind=kind, name=spec.name, location=spec.location, status=status)
        )
        app.console.print(f"{kind} {spec.name}: {status.lower()}")
        if status == "RUNNING" and not any(lease.name.startswith("daemon:") for lease in app.instance.leases.all()):
            app.console.print("No daemon has run here yet; start one with 'cellmill daemon'.", style="yellow")


def _last_tick(app: App, spec: Spec) -> dict[str, Any]:
    ticks = app.instance.automation.ticks(spec.id, limit=1)
    return {"last_tick": time_text(ticks[0].at), "last_result": ticks[0].status} if ticks else {}


# -- schedules -------------------------------------------------------------------------------------------------


@click.group()
def schedules() -> None:
    """List, show, start, stop, pin and preview schedules."""


@schedules.command("list")
@json_option
@pass_app
def list_schedules(app: App, as_json: bool) -> None:
    """List schedules with when each is due next."""
    app.warn_problems()
    states = _states(app, "schedule")
    rows = []
    for spec in _source(app).schedules():
        upcoming = _upcoming(spec, 1)
        rows.append(
            {
                "name": spec.name,
                "status": _status(spec, states),
                "cron": list(spec.crons),
                "timezone": spec.timezone,
                "runs": ", ".join(spec.asset_selection) if spec.asset_selection else spec.job_name,
                "next": time_text(upcoming[0]) if upcoming else None,
                "location": spec.location,
                **_last_tick(app, spec),
            }
        )
    columns = ("name", "status", "cron", "timezone", "runs", "next", "last_tick", "last_result")
    show_rows(app.console, rows, columns, as_json=as_json, empty="No schedules. Write '%schedule \"0 6 * * *\" ASSET'.")


def _upcoming(spec: ScheduleSpec, count: int, after: float | None = None) -> list[int]:
    return list(islice(spec.ticks_after(time.time() if after is None else after), count))


@schedules.command("preview")
@click.argument("name", shell_complete=complete_schedule)
@click.argument("count", type=click.IntRange(1, 1000), default=5)
@json_option
@pass_app
def preview_schedule(app: App, name: str, count: int, as_json: bool) -> None:
    """Say the next COUNT times at which NAME is due, in its zone and in UTC."""
    spec = _find(app, "schedule", name)
    assert isinstance(spec, ScheduleSpec)
    zone = ZoneInfo(spec.timezone)
    rows = []
    for instant in _upcoming(spec, count):
        moment = datetime.fromtimestamp(instant, UTC)
        rows.append({"local": moment.astimezone(zone).isoformat(" "), "utc": moment.strftime("%Y-%m-%d %H:%M:%S")})
    show_rows(app.console, rows, ("local", "utc"), as_json=as_json, empty="It is never due.")


@schedules.command("start")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_schedule)
@pass_app
def start_schedules(app: App, names: tuple[str, ...]) -> None:
    """Switch schedules on."""
    _set_status(app, "schedule", names, "RUNNING")


@schedules.command("stop")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_schedule)
@pass_app
def stop_schedules(app: App, names: tuple[str, ...]) -> None:
    """Switch schedules off."""
    _set_status(app, "schedule", names, "STOPPED")


@schedules.command("show")
@click.argument("name", shell_complete=complete_schedule)
@json_option
@pass_app
def show_schedule(app: App, name: str, as_json: bool) -> None:
    """Show NAME: when it is due, what it runs, and which cells changed where its notebook is pinned."""
    spec = _find(app, "schedule", name)
    assert isinstance(spec, ScheduleSpec)
    states = _states(app, "schedule")
    pin = pin_of(states.get(spec.id))
    changes = changes_since(app.instance, app.config.root, pin) if pin is not None else ()
    upcoming = _upcoming(spec, 1)
    facts: dict[str, Any] = {
        "name": spec.name,
        "status": _status(spec, states),
        "cron": list(spec.crons),
        "timezone": spec.timezone,
        "runs": ", ".join(spec.asset_selection or ()) or notebook_of(spec) or spec.job_name,
        "next": time_text(upcoming[0]) if upcoming else None,
        **_last_tick(app, spec),
        "version": "live" if pin is None else f"pinned {time_text(pin.pinned_at)} ({pin.snapshot[:12]})",
        "changed_cells": [asdict(change) for change in changes],
    }
    if as_json:
        show_json(facts)
        return
    for label, value in facts.items():
        if label != "changed_cells" and value is not None:
            shown = ", ".join(value) if isinstance(value, list) else value
            app.console.print(f"{label + ':':<12} {shown}", highlight=False, markup=False)
    for change in changes:
        first = (change.now or change.before).strip().splitlines()[:1]
        app.console.print(
            f"  {change.notebook} cell {change.cell} {change.kind}: {''.join(first)}", highlight=False, markup=False
        )
    if changes:
        app.console.print(
            f"The notebook has moved on from the pin. To run it as it is: cellmill schedules promote {spec.name}"
        )


@schedules.command("pin")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_schedule)
@pass_app
def pin_schedules(app: App, names: tuple[str, ...]) -> None:
    """Let schedules run their notebook as it is now, whatever is saved later."""
    _pin(app, names, "pinned to")


@schedules.command("promote")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_schedule)
@pass_app
def promote_schedules(app: App, names: tuple[str, ...]) -> None:
    """Let pinned schedules run their notebook as it is now."""
    for name in names:
        spec = _find(app, "schedule", name)
        if pin_of(_states(app, "schedule").get(spec.id)) is None:
            raise click.UsageError(
                f"The schedule {name!r} is not pinned: it runs its notebook as it is at each launch."
            )
    _pin(app, names, "promoted to")


def _pin(app: App, names: tuple[str, ...], word: str) -> None:
    for name in names:
        spec = _find(app, "schedule", name)
        assert isinstance(spec, ScheduleSpec)
        pin = pin_schedule(app.instance, app.workspace, spec)
        app.console.print(f"schedule {spec.name}: {word} {', '.join(pin.notebooks)} as of now ({pin.snapshot[:12]})")


@schedules.command("unpin")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_schedule)
@pass_app
def unpin_schedules(app: App, names: tuple[str, ...]) -> None:
    """Let schedules run their notebook as it is at each launch."""
    for name in names:
        spec = _find(app, "schedule", name)
        assert isinstance(spec, ScheduleSpec)
        unpin_schedule(app.instance, spec)
        app.console.print(f"schedule {spec.name}: live")


@schedules.command("tick")
@click.argument("name", shell_complete=complete_schedule)
@click.option("--at", help="As of this instant, ISO 8601 [now].")
@json_option
@pass_app
def tick_schedule(app: App, name: str, at: str | None, as_json: bool) -> None:
    """Evaluate NAME once, and say what it would run; nothing is started."""
    spec = _find(app, "schedule", name)
    assert isinstance(spec, ScheduleSpec)
    instant = int(_instant(at))
    answer = answer_of(_source(app), Question(spec=spec, at=instant)) if spec.evaluated else spec.plain_answer()
    _show_answer(app, answer, as_json)


def _instant(text: str | None) -> float:
    if text is None:
        return time.time()
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise click.UsageError(f"--at {text!r} is no ISO 8601 time, such as 2026-01-31T06:00+01:00.") from None


def _show_answer(app: App, answer: Answer, as_json: bool) -> None:
    if as_json:
        data = answer.to_json()
        for run in data["runs"]:
            run["run_config"] = app.workspace.shown_config(run["run_config"])
        show_json(data)
        return
    if not answer.runs:
        app.console.print(f"It would run nothing: {answer.skip_reason or 'it asked for no run'}.")
    for ask in answer.runs:
        what = ", ".join(ask.asset_selection) if ask.asset_selection else ask.job_name
        app.console.print(f"It would run {what}" + (f" (run key {ask.run_key})" if ask.run_key else ""))
    if answer.cursor is not None:
        app.console.print(f"Its cursor would be {answer.cursor!r}.")


# -- sensors ---------------------------------------------------------------------------------------------------


@click.group()
def sensors() -> None:
    """List, start, stop and preview sensors."""


@sensors.command("list")
@json_option
@pass_app
def list_sensors(app: App, as_json: bool) -> None:
    """List sensors."""
    app.warn_problems()
    states = _states(app, "sensor")
    rows = [
        {
            "name": spec.name,
            "status": _status(spec, states),
            "every": f"{spec.minimum_interval_s:g} s",
            "jobs": list(spec.jobs),
            "location": spec.location,
            "cursor": states[spec.id].cursor if spec.id in states else None,
            **_last_tick(app, spec),
        }
        for spec in _source(app).sensors()
    ]
    columns = ("name", "status", "every", "jobs", "last_tick", "last_result", "cursor")
    show_rows(app.console, rows, columns, as_json=as_json, empty="No sensors. Write '%%sensor NAME' above a cell.")


@sensors.command("start")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_sensor)
@pass_app
def start_sensors(app: App, names: tuple[str, ...]) -> None:
    """Switch sensors on."""
    _set_status(app, "sensor", names, "RUNNING")


@sensors.command("stop")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_sensor)
@pass_app
def stop_sensors(app: App, names: tuple[str, ...]) -> None:
    """Switch sensors off."""
    _set_status(app, "sensor", names, "STOPPED")


def _preview(app: App, name: str, cursor: str | None, as_json: bool) -> None:
    spec = _find(app, "sensor", name)
    assert isinstance(spec, SensorSpec)
    state = _states(app, "sensor").get(spec.id)
    _show_answer(app, answer_of(_source(app), sensor_question(spec, state, cursor)), as_json)


@sensors.command("preview")
@click.argument("name", shell_complete=complete_sensor)
@click.option("--cursor", help="Instead of the stored cursor.")
@json_option
@pass_app
def preview_sensor(app: App, name: str, cursor: str | None, as_json: bool) -> None:
    """Evaluate NAME once in its host, and say what it would run; nothing is started or stored."""
    _preview(app, name, cursor, as_json)


@sensors.command("tick")
@click.argument("name", shell_complete=complete_sensor)
@click.option("--cursor", help="Instead of the stored cursor.")
@json_option
@pass_app
def tick_sensor(app: App, name: str, cursor: str | None, as_json: bool) -> None:
    """The same as preview."""
    _preview(app, name, cursor, as_json)
