"""The instance and the daemons that work for it."""

from __future__ import annotations

import time

import strawberry

from cellmill.graphql.assets import Info
from cellmill.graphql.documented import documented, said


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
        now = time.time()
        return [
            DaemonStatus(
                id=name,
                daemon_type=name.removeprefix("daemon:").upper(),
                required=True,
                healthy=expires_at > now,
                last_heartbeat_time=renewed_at,
            )
            for name, expires_at, renewed_at in info.context.daemon_leases()
        ]


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
