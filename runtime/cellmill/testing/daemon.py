"""A daemon that does nothing until it is told to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cellmill.automation.clock import ManualClock
from cellmill.automation.daemon import make_loops
from cellmill.automation.source import Source
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.execution.run_ledger import launch_recorded_run
from cellmill.instance.instance import Instance
from cellmill.planning.run import Run
from cellmill.testing.workspace import TemporaryWorkspace
from cellmill.workspace.source import WorkspaceSource

#: Seconds that a run may take before the daemon gives up waiting for it.
RUN_TIMEOUT_S = 100.0
#: The order of one pass: what asks for runs, then what launches them.
_ORDER = ("scheduler", "sensors", "automation", "backfills", "queue", "monitor")


class StepDaemon:
    """The daemon's loops, one pass a `tick`; a run that is launched is over when `tick` returns.

    Schedules count from the first pass, so that nothing runs for the time before. Made by `StepDaemon.of(workspace,
    clock)`.

    Args:
        instance: The instance that it works on.
        source: Where it learns what is declared.
        clock: The time, which the test moves.
        launcher: Function of the instance and a run that launches it; None starts a process and waits for its end.
    """

    def __init__(
        self,
        instance: Instance,
        source: Source,
        clock: ManualClock,
        *,
        launcher: Callable[[Instance, Run], Any] | None = None,
    ) -> None:
        self.instance = instance
        self.clock = clock
        self._loops = make_loops(instance, source, clock, "test", launcher=launcher or _launch_and_wait)

    @classmethod
    def of(cls, workspace: TemporaryWorkspace, clock: ManualClock) -> StepDaemon:
        """Return the daemon of a workspace.

        Args:
            workspace: The workspace, with its instance.
            clock: The time, which the test moves.
        """
        source = WorkspaceSource(workspace.workspace, workspace.workspace.refresh)

        def launch(instance: Instance, run: Run) -> Any:
            return _launch_and_wait(instance, run, str(workspace.root))

        return cls(workspace.instance, AutomatedWorkspace(source, workspace.instance), clock, launcher=launch)

    def tick(self, *loops: str) -> list[Run]:
        """Make one pass and return the runs that it brought, oldest first.

        Args:
            loops: Names of the loops that make a pass, in order; without any: all of them.
        """
        before = {run.run_id for run in self.instance.get_runs()}
        for name in loops or _ORDER:
            self._loops[name]()
        return [run for run in reversed(self.instance.get_runs()) if run.run_id not in before]

    def advance(self, time: timedelta | float) -> list[Run]:
        """Move the clock forward, make one pass, and return the runs that it brought.

        Args:
            time: By how much: seconds, or a timedelta.
        """
        self.clock.advance(time.total_seconds() if isinstance(time, timedelta) else time)
        return self.tick()


def _launch_and_wait(instance: Instance, run: Run, root: str | None = None) -> Any:
    arguments = ["--workspace", root] if root else []
    launched = launch_recorded_run(instance, run.run_id, cwd=root, arguments=arguments)
    if launched.wait(RUN_TIMEOUT_S) is None and launched.process is not None:
        raise TimeoutError(f"The run {run.run_id} goes on after {RUN_TIMEOUT_S:g} seconds.")
    return launched
