"""What a schedule does about times it missed, and about a run that is still going when the next is due."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cellmill.errors import InvalidDefinitionError

#: Seconds; a tick older than this is not run any more, only recorded as missed.
DEFAULT_WINDOW_S = 86_400
#: A tick that is at most this late is on time: it runs under every policy.
GRACE_S = 60


class CatchUpKind(StrEnum):
    """Which of the missed ticks run."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class OverlapPolicy(StrEnum):
    """What happens to a tick while a run of an earlier one is not finished.

    `SKIP` records it as skipped, `QUEUE_ONE` lets one more run wait behind the one that goes on, `ALLOW` starts it
    anyway.
    """

    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Which ticks run that were due while no daemon was there; those that do not are recorded as missed.

    A tick that is at most a minute late is on time and runs under every policy. Made by `CatchUp.skip()`,
    `CatchUp.latest()` (what schedules do by default) or `CatchUp.all(limit)`.

    Args:
        kind: Whether no late tick runs, the latest one, or the last `limit`.
        limit: How many late ticks run at most, where all are wanted.
        window_s: Seconds; a tick that is later than this never runs. A day by default.

    Raises:
        InvalidDefinitionError: for a limit or a window below 1.
    """

    kind: CatchUpKind = CatchUpKind.LATEST
    #: At most so many of the last missed ticks, where all are wanted.
    limit: int = 1
    window_s: int = DEFAULT_WINDOW_S

    def __post_init__(self) -> None:
        if self.limit < 1 or self.window_s < 1:
            raise InvalidDefinitionError("A catch-up policy needs a limit and a window of at least 1")

    @staticmethod
    def skip(window_s: int = DEFAULT_WINDOW_S) -> CatchUp:
        """No missed tick runs.

        Args:
            window_s: Seconds; a tick that is later than this is recorded as too late instead of as skipped by the
                policy.
        """
        return CatchUp(CatchUpKind.SKIP, 1, window_s)

    @staticmethod
    def latest(window_s: int = DEFAULT_WINDOW_S) -> CatchUp:
        """Only the last missed tick runs.

        Args:
            window_s: Seconds; a tick that is later than this never runs.
        """
        return CatchUp(CatchUpKind.LATEST, 1, window_s)

    @staticmethod
    def all(limit: int, window_s: int = DEFAULT_WINDOW_S) -> CatchUp:
        """The last `limit` missed ticks run, in order.

        Args:
            limit: How many of them run at most; older ones are recorded as missed.
            window_s: Seconds; a tick that is later than this never runs.
        """
        return CatchUp(CatchUpKind.ALL, limit, window_s)
