"""What is wrong with a workspace as a whole: cycles, missing upstreams, schedules and jobs that point nowhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from cellmill.definitions.cron import is_valid_cron
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.selection_graph import SelectionGraph
from cellmill.errors import DefinitionError
from cellmill.notebooks.problem import AssetCycleError
from cellmill.workspace.manifest import AssetEntry, JobEntry, Manifest, ProblemEntry, ScheduleEntry, SensorEntry

Path = tuple[str, ...]


def validate_manifest(manifest: Manifest) -> list[ProblemEntry]:
    """Return all problems of a manifest: its own, and those that show only between its entries."""
    by_key = {entry.key: entry for entry in manifest.assets}
    told = {(p.notebook, p.cell) for p in manifest.problems if p.kind == AssetCycleError.__name__}
    found = [*manifest.problems, *_cycles(by_key, told), *_unknown_upstreams(by_key), *_checks(manifest, by_key)]
    return list(_without_repeats([*found, *_jobs(manifest, by_key), *_automation(manifest, by_key)]))


def _without_repeats(problems: Iterable[ProblemEntry]) -> Iterator[ProblemEntry]:
    seen: set[tuple[Any, ...]] = set()
    for problem in problems:
        identity = (problem.message, problem.notebook, problem.cell, problem.file, problem.line)
        if identity not in seen:
            seen.add(identity)
            yield problem


def _place(entry: Any) -> dict[str, Any]:
    names = ("notebook", "cell_id", "cell", "file", "line", "location")
    return {name: getattr(entry, name, None) for name in names if getattr(entry, name, None) is not None}


# -- assets ----------------------------------------------------------------------------------------------------


def _cycles(
    by_key: Mapping[Path, AssetEntry], told: Collection[tuple[str | None, int | None]]
) -> Iterator[ProblemEntry]:
    """Yield one problem for each knot of assets that need each other, but for those with a cell among `told`."""
    for knot in _knots(by_key):
        if not any((by_key[key].notebook, by_key[key].cell) in told for key in knot):
            yield _cycle(_shortest_cycle(knot, by_key), by_key)


def _cycle(cycle: Sequence[Path], by_key: Mapping[Path, AssetEntry]) -> ProblemEntry:
    names = " → ".join("/".join(key) for key in [*cycle[::-1], cycle[-1]])
    places = ", ".join(f"{'/'.join(key)} in {by_key[key].place}" for key in cycle)
    return ProblemEntry(
        message=f"assets need each other in a circle: {names}",
        kind="cycle",
        remedy=f"Break the circle at one of: {places}.",
        **_place(by_key[cycle[0]]),
    )


def first_cycle(chosen: Iterable[AssetEntry], manifest: Manifest) -> ProblemEntry | None:
    """Return the problem of a circle that one of the chosen assets is part of, or None."""
    by_key = {entry.key: entry for entry in manifest.assets}
    keys = {entry.key for entry in chosen}
    knot = next((knot for knot in _knots(by_key) if knot & keys), None)
    return None if knot is None else _cycle(_shortest_cycle(knot, by_key), by_key)


def _knots(by_key: Mapping[Path, AssetEntry]) -> list[set[Path]]:
    """Return the strongly connected components that hold a cycle (Tarjan's algorithm, without recursion)."""
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    on_stack: set[Path] = set()
    knots = []
    for root in by_key:
        if root in index:
            continue
        work = [(root, iter(by_key[root].upstream))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            key, ups = work[-1]
            for up in ups:
                if up not in by_key:
                    continue
                if up not in index:
                    index[up] = low[up] = len(index)
                    stack.append(up)
                    on_stack.add(up)
                    work.append((up, iter(by_key[up].upstream)))
                    break
                if up in on_stack:
                    low[key] = min(low[key], index[up])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[key])
                if low[key] == index[key]:
                    knot = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        knot.add(member)
                        if member == key:
                            break
                    if len(knot) > 1:
                        knots.append(knot)
    return knots


def _shortest_cycle(knot: set[Path], by_key: Mapping[Path, AssetEntry]) -> list[Path]:
    best: list[Path] = []
    for start in sorted(knot):
        before: dict[Path, Path] = {}
        todo = deque([start])
        while todo and (not best or len(before) <= len(knot)):
            key = todo.popleft()
            for up in by_key[key].upstream:
                if up == start:
                    cycle = [key]
                    while cycle[-1] != start:
                        cycle.append(before[cycle[-1]])
                    cycle.reverse()
                    if not best or len(cycle) < len(best):
                        best = cycle
                    todo.clear()
                    break
                if up in knot and up not in before and up != start:
                    before[up] = key
                    todo.append(up)
        if len(best) == 2:
            break
    return best


def _unknown_upstreams(by_key: Mapping[Path, AssetEntry]) -> Iterator[ProblemEntry]:
    names = ["/".join(key) for key in by_key]
    for entry in by_key.values():
        for up in entry.upstream:
            if up not in by_key:
                name = "/".join(up)
                close = get_close_matches(name, names, n=1)
                yield ProblemEntry(
                    message=f"asset {entry.name!r} needs {name!r}, which no location defines",
                    # In a module, and by a name alone, this declares an asset that is made elsewhere.
                    severity="error" if entry.notebook and up not in entry.named else "warning",
                    kind="missing-upstream",
                    remedy=f"Did you mean {close[0]!r}?" if close else "Define it, or declare it as an AssetSpec.",
                    **_place(entry),
                )


def _checks(manifest: Manifest, by_key: Mapping[Path, AssetEntry]) -> Iterator[ProblemEntry]:
    for check in manifest.checks:
        if check.asset not in by_key:
            name = "/".join(check.asset)
            close = get_close_matches(name, ["/".join(key) for key in by_key], n=1)
            yield ProblemEntry(
                message=f"check {check.name!r} is on asset {name!r}, which no location defines",
                severity="warning",
                kind="missing-upstream",
                remedy=f"Did you mean {close[0]!r}?" if close else "Define the asset.",
                **_place(check),
            )


# -- jobs, schedules, sensors ----------------------------------------------------------------------------------


def _jobs(manifest: Manifest, by_key: Mapping[Path, AssetEntry]) -> Iterator[ProblemEntry]:
    selecting: Iterable[JobEntry | ScheduleEntry | SensorEntry] = (
        *manifest.jobs,
        *manifest.schedules,
        *manifest.sensors,
    )
    # most workspaces select nothing by text, and the graph of thousands of assets takes its time
    graphed = by_key.values() if any(entry.selection for entry in selecting) else ()
    graph = SelectionGraph(entry.facts() for entry in graphed)
    for job in manifest.jobs:
        unknown = ["/".join(path) for path in job.assets if path not in by_key]
        if unknown:
            yield ProblemEntry(
                message=f"job {job.name!r} makes {', '.join(map(repr, unknown))}, which no location defines",
                kind="missing-asset",
                remedy="Correct the job's selection.",
                **_place(job),
            )
        elif job.selection:
            yield from _selection(f"job {job.name!r}", job.selection, graph, job)
    for schedule in manifest.schedules:
        if schedule.selection:
            yield from _selection(f"schedule {schedule.name!r}", schedule.selection, graph, schedule)
    for sensor in manifest.sensors:
        if sensor.selection:
            yield from _selection(f"sensor {sensor.name!r}", sensor.selection, graph, sensor)


def _selection(what: str, selection: str, graph: SelectionGraph, entry: Any) -> Iterator[ProblemEntry]:
    try:
        found: Any = AssetSelection.from_string(selection).resolve(graph)
        message = "" if found else f"{what} selects no asset with {selection!r}"
    except DefinitionError as error:
        message = f"{what}: {error}"
    if message:
        yield ProblemEntry(message=message, kind="selection", remedy="Correct the selection.", **_place(entry))


def _automation(manifest: Manifest, by_key: Mapping[Path, AssetEntry]) -> Iterator[ProblemEntry]:
    jobs: dict[str, set[str]] = {}
    for job in manifest.jobs:
        jobs.setdefault(job.location, set()).add(job.name)
    for schedule in manifest.schedules:
        for cron in schedule.cron:
            if not is_valid_cron(cron):
                yield ProblemEntry(
                    message=f"schedule {schedule.name!r} has the cron expression {cron!r}, which is not valid",
                    kind="cron",
                    remedy="Five fields: minute hour day month weekday, such as '0 6 * * *', or '@daily'.",
                    **_place(schedule),
                )
        wanted = (schedule.job,) if schedule.job else ()
        yield from _missing_jobs("schedule", schedule, wanted, jobs)
    for sensor in manifest.sensors:
        yield from _missing_jobs("sensor", sensor, sensor.jobs, jobs)


def _missing_jobs(what: str, entry: Any, wanted: Iterable[str], jobs: Mapping[str, set[str]]) -> Iterator[ProblemEntry]:
    known = jobs.get(entry.location, set())
    for name in wanted:
        if name not in known and not name.startswith("__"):
            close = get_close_matches(name, list(known), n=1)
            yield ProblemEntry(
                message=f"{what} {entry.name!r} runs job {name!r}, which does not exist",
                kind="missing-job",
                remedy=f"Did you mean {close[0]!r}?" if close else "Define the job, or name another.",
                **_place(entry),
            )
