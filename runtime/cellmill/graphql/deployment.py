"""The instance and the daemons that work for it."""

from __future__ import annotations

import json
import time
from typing import Annotated

import strawberry

from cellmill.automation.daemon_process import start_daemon, stop_daemons
from cellmill.errors import CellmillError
from cellmill.graphql.assets import Info
from cellmill.graphql.automation import InstigationState, conditions_state
from cellmill.graphql.context import Context
from cellmill.graphql.documented import documented, said
from cellmill.graphql.problems import PythonError, UnauthorizedError


@strawberry.type(description="Whether one loop of the daemon lives.")
class DaemonStatus:
    """Whether one loop of the daemon lives."""

    id: str = said("The loop's name.")
    daemon_type: str = said("The loop's name.")
    required: bool = said("Whether anything waits for it.")
    healthy: bool | None = said("Whether it lives.")
    last_heartbeat_time: float | None = said("When it last said so, in seconds since the epoch.")


@strawberry.type(description="Whether the daemon lives.")
class DaemonHealth:
    """Whether the daemon lives."""

    @documented
    def id(self) -> str:
        """The id of the health report; there is only one."""
        return "daemonHealth"

    @documented
    def all_daemon_statuses(self, info: Info) -> list[DaemonStatus]:
        """Every loop of the daemon that ever ran."""
        return daemon_statuses(info.context)


def daemon_statuses(context: Context) -> list[DaemonStatus]:
    """Whether each loop of the daemon that ever ran lives now."""
    now = time.time()
    return [
        DaemonStatus(
            id=name,
            daemon_type=name.removeprefix("daemon:").upper(),
            required=True,
            healthy=expires_at > now,
            last_heartbeat_time=renewed_at,
        )
        for name, expires_at, renewed_at in context.daemon_leases()
    ]


DaemonMutationResult = Annotated[
    DaemonHealth | UnauthorizedError | PythonError,
    strawberry.union("DaemonMutationResult", description="The outcome of starting or stopping the daemon."),
]


@strawberry.type(description="A step that holds a slot of a pool.")
class ClaimedConcurrencySlot:
    """A step that holds a slot of a pool."""

    run_id: str = said("Its run.")
    step_key: str = said("The step.")


@strawberry.type(description="A pool, which limits how many steps run at once.")
class ConcurrencyKeyInfo:
    """A pool."""

    concurrency_key: str = said("The pool's name.")
    slot_count: int = said("How many steps may run at once.")
    active_slot_count: int = said("How many do.")

    @documented
    def claimed_slots(self, info: Info) -> list[ClaimedConcurrencySlot]:
        """The steps that do."""
        found = info.context.instance.leases.claims(self.concurrency_key)
        return [ClaimedConcurrencySlot(run_id=run_id, step_key=step) for run_id, step in found]


@strawberry.type(description="Where everything is stored, and what runs for it.")
class Instance:
    """Where everything is stored, and what runs for it."""

    @documented
    def id(self) -> str:
        """The instance's folder."""
        return "instance"

    @documented
    def info(self, info: Info) -> strawberry.scalars.JSON:
        """Its place, its schema, and how many rows and bytes it holds."""
        return strawberry.scalars.JSON(info.context.instance.info())

    @documented
    def has_info(self) -> bool:
        """True."""
        return True

    @documented
    def daemon_health(self) -> DaemonHealth:
        """Whether the daemon lives."""
        return DaemonHealth()

    @documented
    def concurrency_limits(self, info: Info) -> list[ConcurrencyKeyInfo]:
        """The pools that have a limit."""
        return [
            ConcurrencyKeyInfo(concurrency_key=name, slot_count=slots, active_slot_count=taken)
            for name, (slots, taken) in sorted(info.context.instance.leases.pools().items())
        ]

    @documented
    def configuration(self, info: Info) -> strawberry.scalars.JSON:
        """What the workspace's file sets, by table; what is not there has its default."""
        return strawberry.scalars.JSON(json.loads(json.dumps(info.context.workspace.config.settings, default=str)))

    @documented
    def configuration_path(self, info: Info) -> str | None:
        """The workspace's file; null where there is none."""
        path = info.context.workspace.config.path
        return str(path) if path is not None else None

    @documented
    def automation_conditions(self, info: Info) -> InstigationState | None:
        """Switch and ticks of the conditions of the assets that no sensor has; null where no asset has a condition."""
        return conditions_state(info.context)


def start(context: Context) -> DaemonHealth | PythonError:
    """Start a daemon for this workspace."""
    config = context.workspace.config
    try:
        start_daemon(context.instance, workspace=config.path or config.root, home=context.workspace.home)
    except CellmillError as problem:
        return PythonError.of(problem)
    return DaemonHealth()


def stop(context: Context) -> DaemonHealth | PythonError:
    """Stop the daemons of this machine."""
    try:
        stop_daemons(context.instance)
    except CellmillError as problem:
        return PythonError.of(problem)
    return DaemonHealth()
