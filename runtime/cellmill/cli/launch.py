"""How commands start runs and wait for them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from cellmill.automation import submit
from cellmill.cli.app import App
from cellmill.cli.follow import follow_run
from cellmill.definitions.asset_key import AssetKey
from cellmill.execution.run_ledger import launch_recorded_run, request_stop
from cellmill.planning.run import PARENT_RUN_TAG, RESUME_RETRY_TAG, ROOT_RUN_TAG, Run, RunStatus
from cellmill.workspace.run_names import EXECUTOR_TAG, LOCATIONS_TAG, PARALLEL_TAG
from cellmill.workspace.settings import EXECUTORS
from cellmill.workspace.unfinished import unfinished

#: Seconds that Ctrl-C waits for a run to end in order.
_STOP_WAIT_S = 15.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """A run to be started."""

    job_name: str
    assets: Sequence[AssetKey] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, Any] = field(default_factory=dict)
    location: str = ""
    op_selection: Sequence[str] | None = None
    parent: Run | None = None


def start_run(app: App, order: RunOrder, *, queue: bool | None = None) -> str:
    """Record a run, and queue it where a daemon is live (or `queue` says so), else give it a process; return its id."""
    run = _recorded(app, order, queue)
    _launch(app, run)
    return run.run_id


def _recorded(app: App, order: RunOrder, queue: bool | None = None) -> Run:
    queued = _queue_is_live(app) if queue is None else queue
    tags = dict(order.tags)
    if queued and app.chosen_locations:
        tags[LOCATIONS_TAG] = json.dumps(app.chosen_locations)
    root = parent = None
    if order.parent is not None:
        parent = order.parent.run_id
        root = order.parent.root_run_id or parent
        tags |= {PARENT_RUN_TAG: parent, ROOT_RUN_TAG: root}
    run = Run(
        job_name=order.job_name,
        run_config=dict(order.run_config),
        tags=tags,
        asset_selection=None if order.assets is None else frozenset(order.assets),
        op_selection=order.op_selection,
        location=order.location,
        root_run_id=root,
        parent_run_id=parent,
        status=RunStatus.QUEUED if queued else RunStatus.NOT_STARTED,
    )
    app.instance.add_run(run)
    return run


def _launch(app: App, run: Run) -> None:
    """Give a run that does not wait in the queue its process."""
    if run.status is not RunStatus.QUEUED:
        app.launched[run.run_id] = launch_recorded_run(
            app.instance, run.run_id, cwd=app.config.root, arguments=app.worker_arguments, spare=app.take_spare()
        )


def _queue_is_live(app: App) -> bool:
    if find_spec("cellmill.automation.submit") is None:
        return False
    live: bool = submit.queue_is_live(app.instance)
    return live


def start_and_follow(app: App, order: RunOrder, *, detach: bool = False) -> int:
    """Start a run, show it live until it ends, and return the exit code; Ctrl-C cancels the run."""
    if detach:
        click.echo(start_run(app, order))
        return 0
    run = _recorded(app, order)
    run_id = run.run_id
    try:
        _launch(app, run)
        code = follow_run(app, run_id)
        wait_for_process(app, run_id)
        return code
    except KeyboardInterrupt:
        app.errors.print("\nStopping the run; finished assets stay. Press Ctrl-C again to leave it to itself.")
        request_stop(app.instance, run_id, reason="Ctrl-C in the terminal.")
        _wait_for_end(app, run_id)
        wait_for_process(app, run_id)
        raise


def wait_for_process(app: App, run_id: str) -> None:
    """Wait until the process of a run that has ended is gone, kernels and all."""
    launched = app.launched.pop(run_id, None)
    if launched is not None:
        launched.wait(_STOP_WAIT_S)


def _wait_for_end(app: App, run_id: str) -> None:
    deadline = time.monotonic() + _STOP_WAIT_S
    while time.monotonic() < deadline:
        run = app.instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return
        time.sleep(_POLL_S)


def retry_run(app: App, run: Run, *, from_failure: bool) -> str:
    """Start a run again, behind what it finished unless all of it is wanted, and return the new run's id.

    Raises: click.UsageError where nothing is left to do, or the run still goes on.
    """
    if not run.is_finished:
        raise click.UsageError(f"Run {run.run_id[:8]} has not ended yet.")
    tags = {name: value for name, value in run.tags.items() if not name.startswith("dagster/tick")}
    tags.pop(RESUME_RETRY_TAG, None)
    assets = run.asset_selection
    job_name = run.job_name
    if from_failure and not run.is_success:
        rest = unfinished(app.instance, run)
        assets, job_name = rest.left, rest.job_name
        if rest.planned and not rest.left:
            raise click.UsageError(
                f"Run {run.run_id[:8]} made everything it planned; --from-start runs all of it again."
            )
        tags[RESUME_RETRY_TAG] = "true"
    order = RunOrder(
        job_name=job_name,
        assets=sorted(assets) if assets else None,
        tags=tags,
        run_config=run.run_config,
        location=run.location,
        op_selection=run.op_selection,
        parent=run,
    )
    return start_run(app, order)


def executor_tags(executor: str) -> dict[str, str]:
    """Return the tags by which a run uses an executor.

    Raises: click.UsageError for one that there is not.
    """
    name = executor.partition(":")[0]
    if name not in EXECUTORS or (":" in executor and name != "dask"):
        close = get_close_matches(name, EXECUTORS, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(EXECUTORS)} and dask:ADDRESS."
        raise click.UsageError(f"There is no executor {executor!r}. {hint}")
    # Each notebook has a kernel, so a process, of its own: in_process means one after the other.
    return {EXECUTOR_TAG: executor} | ({PARALLEL_TAG: "1"} if name == "in_process" else {})


def read_config_file(path: Path | None) -> dict[str, Any]:
    """Return the run configuration in a YAML, JSON or TOML file.

    Raises: click.UsageError where it cannot be read.
    """
    if path is None:
        return {}
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".json":
            data = json.loads(text)
        elif path.suffix == ".toml":
            data = import_module("tomllib").loads(text)
        else:
            data = import_module("yaml").safe_load(text)
    except Exception as error:  # each format has errors of its own
        raise click.UsageError(f"{path} cannot be read: {error}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise click.UsageError(f"{path} holds no mapping, but {type(data).__name__}.")
    return data


def parse_tags(words: tuple[str, ...]) -> dict[str, str]:
    """Return ``KEY=VALUE`` words as a mapping."""
    pairs = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise click.UsageError(f"A tag is written KEY=VALUE, not {word!r}.")
        pairs[key] = value
    return pairs
