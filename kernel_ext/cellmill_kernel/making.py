"""`%materialize`: the selected assets are made in this kernel, upstreams first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.execution import materialize as engine_materialize
from cellmill.first_use import on_first_use
from cellmill.notebooks.problem import NotebookError

from . import current_run, step_of_run
from .asset_magic import execute_asset_cell, last_partition
from .displays import shape_text, size_text, text_table
from .outputs import kept
from .progress import Progress
from .session import Session
from .states import staleness_of
from .words import option, refuse_rest, select

if TYPE_CHECKING:
    from cellmill.automation import submit as submission
    from cellmill.notebooks.asset_cell import AssetCell
else:
    submission = on_first_use("cellmill.automation.submit")


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
            progress.start(number)
            try:
                _run_needed_cells(session, cell, progress)
                with kept(session, (cell_id, sources[cell_id]), progress.say):
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


def _run_needed_cells(session: Session, cell: AssetCell, progress: Progress) -> None:
    """Plain cells that an asset needs and that did not run in this kernel are run first."""
    document = session.registry.scan().notebook
    missing = [index for index in sorted(cell.cells) if document.cells[index].id not in session.live.ran]
    for number, index in enumerate(missing, start=1):
        needed = document.cells[index]
        # one of them may have run another
        if needed.id not in session.live.ran:
            progress.step(f"cell {index + 1} first, {number} of {len(missing)} that it needs")
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
        step_of_run.make_decorated(session, run, keys, partition)
    elif objects:
        engine_materialize.materialize(
            objects, instance=session.instance, resources=session.resources() or None, partition_key=partition,
            selection=[key for key in keys if key in here],
        )  # fmt: skip
        session.changed(list(here))
    if foreign:
        submit = submission.submit_run
        tags = {"dagster/partition": partition} if partition else {}
        started = submit(
            session.instance, job_name="__ASSET_JOB", asset_selection=list(foreign), tags=tags, cwd=str(session.root)
        )
        print(f"Started run {started.run_id} of {', '.join(key.to_user_string() for key in foreign)}; %runs shows it.")
