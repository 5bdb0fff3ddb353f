"""How a run comes into being: recorded, queued when a daemon is there, else launched at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.execution import launcher
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import RunAsk
from cellmill.planning.run import Run, RunStatus

#: The lease by which the queue's loop shows that it lives.
QUEUE_LEASE = "daemon:queue"


def run_for(
    ask: RunAsk,
    *,
    location: str = "",
    tags: Mapping[str, str] | None = None,
    default_job: str = "",
    status: RunStatus = RunStatus.QUEUED,
) -> Run:
    """The record of the run that is asked for."""
    selection = (
        None
        if ask.asset_selection is None
        else frozenset(AssetKey.from_escaped_user_string(key) for key in ask.asset_selection)
    )
    checks = ask.check_selection
    return Run(
        job_name=ask.job_name or default_job,
        run_config=dict(ask.run_config),
        tags=dict(ask.tags if tags is None else tags),
        asset_selection=selection,
        asset_check_selection=None
        if checks is None
        else frozenset(AssetCheckKey(AssetKey.from_escaped_user_string(key), name) for key, name in checks),
        location=location,
        status=status,
    )


def queue_is_live(instance: Instance) -> bool:
    """Whether a daemon takes runs from the queue."""
    lease = instance.leases.get(QUEUE_LEASE)
    return lease is not None and lease.expires_at > instance.db.now()


def submit_run(
    instance: Instance,
    *,
    job_name: str,
    location: str = "",
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    asset_selection: Sequence[Any] | None = None,
    op_selection: Sequence[str] | None = None,
    run_key: str | None = None,
    origin: str | None = None,
    queue: bool | None = None,
    cwd: str | None = None,
    arguments: Sequence[str] = (),
    **fields: Any,
) -> Run:
    """The run, recorded; queued where a daemon is live (or `queue` says so), else with a process of its own.

    `arguments` are more words for that process.
    """
    queued = queue_is_live(instance) if queue is None else queue
    selection = None if asset_selection is None else frozenset(AssetKey.from_coercible(key) for key in asset_selection)
    run = Run(
        job_name=job_name,
        run_config=dict(run_config or {}),
        tags={key: str(value) for key, value in (tags or {}).items()},
        asset_selection=selection,
        op_selection=op_selection,
        location=location,
        status=RunStatus.QUEUED if queued else RunStatus.NOT_STARTED,
        **fields,
    )
    instance.add_run(run, origin=origin, run_key=run_key)
    if not queued:
        launch(instance, run, cwd=cwd, arguments=arguments)
    return run


def launch(instance: Instance, run: Run, *, cwd: str | None = None, arguments: Sequence[str] = ()) -> Any:
    """Gives a recorded run its process."""
    return launcher.launch_run(run.run_id, home=str(instance.home), attempt=run.attempt, cwd=cwd, arguments=arguments)
