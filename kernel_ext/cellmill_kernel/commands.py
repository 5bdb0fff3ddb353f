"""What the line magics do: make assets, load values, declare schedules and jobs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph
from cellmill.errors import InvalidDefinitionError
from cellmill.notebooks.magic import parse_declaration
from cellmill.notebooks.options import CELL_KINDS, help_text
from cellmill.notebooks.problem import NotebookError

from . import current_run
from .asset_magic import execute_asset_cell, last_partition
from .backfill import backfill, resources
from .displays import Details, Table, shape_text, size_text, text_table
from .outputs import kept
from .progress import Progress
from .session import Session
from .states import staleness_of
from .views import asset, assets, audit, diff, history, runs, stale, why

if TYPE_CHECKING:
    from cellmill.notebooks.asset_cell import AssetCell

__all__ = [
    "asset", "assets", "audit", "backfill", "cellmill", "diff", "history", "job", "lineage", "load_asset",
    "materialize", "resources", "runs", "schedule", "stale", "why",
]  # fmt: skip


def option(words: list[str], name: str, *, value: bool = False) -> str | None:
    """Take ``--name`` (and its value) out of `words`; None where it is not there."""
    flag = "--" + name
    for at, word in enumerate(words):
        if word == flag:
            if not value:
                del words[at]
                return ""
            if at + 1 >= len(words):
                raise NotebookError(f"{flag} needs a value", remedy=f"Write {flag} VALUE.")
            found = words[at + 1]
            del words[at : at + 2]
            return found
        if value and word.startswith(flag + "="):
            del words[at]
            return word.partition("=")[2]
    return None


def number_option(words: list[str], name: str, default: int) -> int:
    """Take ``--name N`` out of `words`; an error where N is no number above zero."""
    text = option(words, name, value=True)
    if text is None:
        return default
    if not text.isdigit() or not int(text):
        raise NotebookError(f"--{name} takes a number, not {text!r}", remedy=f"Write --{name} {default}.")
    return int(text)


def refuse_rest(words: list[str], magic: str, *, names: bool = True) -> None:
    """An unknown option is an error, not a selection; with `names` false, so is any word."""
    for word in words:
        if word.startswith("--"):
            raise NotebookError(f"%{magic} has no option {word}", remedy=f"%{magic}? shows its options.")
        if not names:
            raise NotebookError(f"%{magic} takes no {word!r}", remedy=f"%{magic}? shows what it takes.")


def select(session: Session, selection: str, *, upstream: bool = False) -> list[AssetKey]:
    """The selected assets, upstreams first; an error names the nearest asset."""
    session.refresh()
    graph = session.graph()
    facts = []
    for key, upstreams in graph.items():
        cell = session.registry.find(key)
        header = cell.header if cell is not None else None
        facts.append(
            AssetFacts(
                key=key,
                parents=frozenset(upstreams),
                group=(header.text("group_name") if header is not None else _entry(session, key, "group")) or "default",
            )
        )
    wanted = AssetSelection.from_coercible(selection)
    chosen = (wanted.upstream() if upstream else wanted).resolve(SelectionGraph(facts))
    order = {key: at for at, key in enumerate(topological(graph))}
    return sorted(chosen, key=lambda key: order.get(key, len(order)))


def _entry(session: Session, key: AssetKey, name: str) -> Any:
    entry = session.workspace.asset(key)
    return getattr(entry, name, None)


def topological(graph: Any) -> list[AssetKey]:
    """Keys with upstreams first."""
    done: dict[AssetKey, None] = {}
    path: set[AssetKey] = set()

    def visit(key: AssetKey) -> None:
        if key in done or key in path:
            return
        path.add(key)
        for upstream in graph.get(key, ()):
            visit(upstream)
        path.discard(key)
        done[key] = None

    for key in graph:
        visit(key)
    return list(done)


def materialize(session: Session, words: list[str], line: str) -> Any:
    """Make the selected assets of this notebook in this kernel, upstreams first."""
    __tracebackhide__ = True
    only_stale = option(words, "stale") is not None
    upstream = option(words, "upstream") is not None
    partition = option(words, "partition", value=True)
    refuse_rest(words, "materialize")
    if not words and not only_stale:
        raise NotebookError("which assets?", remedy="Write %materialize NAME, or %materialize * for all.")
    selection = " ".join(words) or "*"
    if len(words) == 1 and words[0].isidentifier():
        session.key_of(words[0])
    chosen = select(session, selection, upstream=upstream)
    portions = [(chosen, partition)] if chosen else []
    if only_stale:
        within = None if partition is None else [partition]
        portions = _portions(session, staleness_of(session).targets(chosen, within))
    if not portions:
        print("Nothing to do: everything selected is fresh." if only_stale else f"Nothing matches {selection!r}.")
        return None
    rows = [row for keys, key_of_partition in portions for row in _make(session, keys, key_of_partition)]
    return text_table(("asset", "value", "size", "seconds", "stored"), rows)


def _portions(
    session: Session, targets: Mapping[AssetKey, Sequence[str] | None]
) -> list[tuple[list[AssetKey], str | None]]:
    """What is made together, upstreams first: assets without partitions, else one partition of one cell's assets."""
    found: list[tuple[list[AssetKey], str | None]] = []
    done: set[AssetKey] = set()
    for key, partitions in targets.items():
        if key in done:
            continue
        if partitions is None:
            if found and found[-1][1] is None:
                found[-1][0].append(key)
            else:
                found.append(([key], None))
            continue
        cell = session.registry.find(key)
        together = [key] if cell is None else [one for one in cell.keys if one in targets]
        done.update(together)
        wanted = dict.fromkeys(partition for one in together for partition in targets[one] or ())
        found += [(together, partition) for partition in wanted]
    return found


def _make(session: Session, chosen: Sequence[AssetKey], partition: str | None) -> list[tuple[str, ...]]:
    """Make assets in this kernel; in a run as part of it, but for what the run has made already."""
    __tracebackhide__ = True
    cells: dict[str, AssetCell] = {}
    elsewhere: list[AssetKey] = []
    rows: list[tuple[str, ...]] = []
    document = session.registry.scan().notebook
    sources = {cell.id: cell.source for cell in document.cells}
    for key in chosen:
        cell = session.registry.find(key)
        done = _made_in_run(session, key, cell, partition)
        if done:
            rows.append(done)
        elif cell is None or cell.definition.form == "decorator":
            elsewhere.append(key)
        else:
            cells.setdefault(cell.origin.cell_id, cell)
    progress = Progress([", ".join(key.to_user_string() for key in cell.keys) for cell in cells.values()])
    with progress:
        if elsewhere:
            _make_elsewhere(session, elsewhere, partition)
        for number, (cell_id, cell) in enumerate(cells.items()):
            _run_needed_cells(session, cell)
            progress.start(number)
            try:
                with kept(session, (cell_id, sources[cell_id])):
                    run = execute_asset_cell(session, sources[cell_id], cell_id, partition)
            except BaseException:
                progress.fail(number)
                raise
            progress.finish(number, run.seconds)
            rows += _rows(session, run)
    return rows


def _made_in_run(
    session: Session, key: AssetKey, cell: AssetCell | None, partition: str | None
) -> tuple[str, ...] | None:
    """The row of what this kernel's run has made already: a run makes an asset, or a partition of it, once."""
    run = current_run.current()
    if run is None:
        return None
    wanted = partition or run.message.partition_key
    if wanted is None and cell is not None:
        wanted = last_partition(session, cell)
    if not run.has_made(key, wanted):
        return None
    ref = run.find_ref(key, wanted)
    return (key.to_user_string(), "made above in this run", size_text(ref.size if ref else None), "", _path(ref))


def _path(ref: Any) -> str:
    return ref.path if ref is not None else ""


def _rows(session: Session, run: Any) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, key in zip(run.cell.definition.names, run.cell.keys, strict=True):
        ref = session.values.find_ref(key, run.partition_key)
        shape = shape_text(run.values.get(name)) if name in run.values else "not made"
        size = size_text(ref.size if ref else None)
        rows.append((key.to_user_string(), shape, size, f"{run.seconds:.2f}", _path(ref)))
    return rows


def _run_needed_cells(session: Session, cell: AssetCell) -> None:
    """Plain cells that an asset needs and that did not run in this kernel are run first."""
    document = session.registry.scan().notebook
    for index in sorted(cell.cells):
        needed = document.cells[index]
        if needed.id not in session.live.ran:
            session.live.record(needed.id, needed.source)
            result = session.shell.run_cell(needed.source, store_history=False, silent=True)
            if not result.success:
                session.live.ran.pop(needed.id, None)
                raise result.error_in_exec or result.error_before_exec


def _make_elsewhere(session: Session, keys: Sequence[AssetKey], partition: str | None) -> None:
    """Assets of decorated functions run here; those of other notebooks in a run of their own."""
    run = current_run.current()
    objects = session.decorated(keys)
    here = {key for value in objects for key in value.keys}
    foreign = [key for key in keys if key not in here]
    if foreign and run is not None:
        names = ", ".join(key.to_user_string() for key in foreign)
        raise NotebookError(
            f"%materialize makes only this notebook's own assets in a run, not {names}", notebook=session.live.path,
            remedy="Read it by its name in an asset cell, and run: cellmill materialize NAME --upstream",
        )  # fmt: skip
    if objects and run is not None:
        import_module("cellmill_kernel.step_of_run").make_decorated(session, run, keys, partition)
    elif objects:
        import_module("cellmill.execution.materialize").materialize(
            objects, instance=session.instance, resources=session.resources() or None, partition_key=partition,
            selection=[key for key in keys if key in here],
        )  # fmt: skip
        session.changed(list(here))
    if foreign:
        submit = import_module("cellmill.automation.submit").submit_run
        tags = {"dagster/partition": partition} if partition else {}
        started = submit(
            session.instance, job_name="__ASSET_JOB", asset_selection=list(foreign), tags=tags, cwd=str(session.root)
        )
        print(f"Started run {started.run_id} of {', '.join(key.to_user_string() for key in foreign)}; %runs shows it.")


def load_asset(session: Session, words: list[str], line: str) -> Any:
    """Bind a stored value to its name, and show it."""
    __tracebackhide__ = True
    name = option(words, "as", value=True)
    partition = option(words, "partition", value=True)
    refuse_rest(words, "load_asset")
    if len(words) != 1:
        raise NotebookError("which asset?", remedy="Write %load_asset NAME.")
    key = session.key_of(words[0])
    value = session.values.load(key, partition)
    target = name or key.parts[-1]
    if partition is None:
        session.values.keep(key, target, value, session.values.versions([key]).get(key), bind=True)
    else:
        session.namespace[target] = value
    return value


def schedule(session: Session, words: list[str], line: str) -> Any:
    """Declare a schedule: the line itself is the declaration; the daemon reads it from the saved notebook."""
    if not words:
        return _declared(session, "schedule")
    header = parse_declaration(f"%schedule {line}", notebook=session.live.path)
    cron, selection = header.names
    times = import_module("cellmill.definitions.local_time")
    try:
        zone = times.load_zone(header.text("execution_timezone") or "UTC")
        rising = import_module("cellmill.definitions.cron").parse_cron(cron).ticks(time.time(), zone)
    except InvalidDefinitionError as error:
        raise NotebookError(str(error), notebook=session.live.path) from None
    ticks = [times.at_epoch(instant, zone) for instant in islice(rising, 3)]
    keys = select(session, selection)
    if not keys:
        raise NotebookError(f"nothing matches {selection!r}", notebook=session.live.path, remedy="%assets lists them.")
    shown = ", ".join(key.to_user_string() for key in keys[:5]) + (" …" if len(keys) > 5 else "")
    name = header.text("name") or "_".join("".join(c if c.isalnum() else " " for c in selection).split()) + "_schedule"
    return Details(
        f"schedule {name}",
        (
            ("cron", cron),
            ("assets", shown),
            ("next", ", ".join(tick.strftime("%Y-%m-%d %H:%M %Z") for tick in ticks)),
            ("runs by", "cellmill daemon, once this notebook is saved"),
        ),
    )


def job(session: Session, words: list[str], line: str) -> Any:
    """Declare a job: a named selection."""
    if not words:
        return _declared(session, "job")
    header = parse_declaration(f"%job {line}", notebook=session.live.path)
    name, selection = header.names
    keys = select(session, selection)
    if not keys:
        raise NotebookError(f"nothing matches {selection!r}", notebook=session.live.path, remedy="%assets lists them.")
    return Details(f"job {name}", (("assets", ", ".join(key.to_user_string() for key in keys)),))


def _declared(session: Session, kind: str) -> Table:
    session.refresh()
    rows = [
        (item.name, str(item.options.get("cron_schedule", "")), item.selection, f"cell {item.origin.cell_index + 1}")
        for item in session.registry.scan().declarations
        if item.kind == kind
    ]
    return text_table((kind, "cron", "selection", "where"), rows)


def lineage(session: Session, words: list[str], line: str) -> Any:
    """The graph of assets, live."""
    from .lineage import Lineage

    static = option(words, "static") is not None
    refuse_rest(words, "lineage")
    session.refresh(force=True)
    keys = select(session, " ".join(words)) if words else None
    view = Lineage(session, keys)
    if static:
        view.widget = False
    return view


def cellmill(session: Session, words: list[str], line: str) -> Any:
    """Status and settings of this session."""
    if words[:1] == ["help"]:
        from .magics import LINES

        cells = [(f"%%{kind}", help_text(kind).split("\n")[1]) for kind in CELL_KINDS]
        rows = [(f"%{name}", usage.split("\n")[1]) for name, (_, usage) in LINES.items()]
        note = "A magic with a question mark behind it, as in %%asset?, shows its options and examples."
        return text_table(("magic", "what it does"), [*cells, *rows], note=note)
    if words[:1] == ["verbose"]:
        session.settings.verbose = words[1:] != ["off"]
        print(f"Tracebacks show {'every line' if session.settings.verbose else 'your lines only'}.")
        return None
    if words and words[0] != "status":
        raise NotebookError(
            f"%cellmill knows no {words[0]!r}", remedy="Write %cellmill status, help or verbose on|off."
        )
    session.refresh(force=True)
    mine = session.registry.assets()
    return Details(
        "cellmill",
        (
            ("notebook", session.live.path or "(not saved)"),
            ("workspace", str(session.root)),
            ("instance", str(session.workspace.home)),
            ("assets here", str(len(mine))),
            ("assets in the workspace", str(len(session.all_keys()))),
            ("cells run", str(len(session.live.ran))),
            ("problems", "\n".join(str(problem) for problem in session.registry.whole().problems)),
        ),
    )
