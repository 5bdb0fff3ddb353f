"""The process of one run: what a launch starts, or a spare process becomes. It supervises the worker that it forks."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from cellmill import port
from cellmill.execution.launcher import LEASE_S, LEASE_VARIABLE, OWNER_VARIABLE, Ledger, make_owner, supervise
from cellmill.execution.process_group import INTERRUPT_GRACE_S, RUN_ID_VARIABLE
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.execution import run_ledger
else:
    run_ledger = on_first_use("cellmill.execution.run_ledger")


class Worker(Protocol):
    """The port to the module that works on a run in the forked process."""

    def main(self, argv: Sequence[str]) -> int | None:
        """Work on the run that ``[run_id, "--home", home, "--attempt", attempt, …]`` names; return an exit status."""
        ...


def worker() -> Worker:
    """Return the worker of runs; a spare process loads it before it knows its run."""
    return cast(Worker, port("execution.run_process.Worker"))


def main(argv: Sequence[str]) -> int:
    """Supervise one run (the command that `launch_run` starts)."""
    run_id, home, attempt, function, *arguments = argv
    owner = make_owner()
    os.environ[OWNER_VARIABLE] = owner
    os.environ[RUN_ID_VARIABLE] = run_id

    def work() -> int | None:
        module, _, name = function.partition(":")
        result = getattr(import_module(module), name)([run_id, "--home", home, "--attempt", attempt, *arguments])
        return int(result) if result is not None else None

    def ledger() -> Ledger:
        return run_ledger.InstanceLedger.open(home, run_id, owner, int(attempt))

    grace_s = float(os.environ.get("CELLMILL_INTERRUPT_GRACE_S", INTERRUPT_GRACE_S))
    lease_s = float(os.environ.get(LEASE_VARIABLE, LEASE_S))
    return supervise(run_id, work, ledger, lease_s=lease_s, interrupt_grace_s=grace_s)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.exit(status if status >= 0 else 128 - status)
