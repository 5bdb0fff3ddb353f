"""The executor that carries out steps one after the other in the run's own process."""

from __future__ import annotations

from typing import Any, Self

from cellmill.execution.in_process import run_job
from cellmill.planning.plan import Plan
from cellmill.planning.run import Run


class InProcessExecutor:
    """Carries out runs in this process."""

    def __init__(self, *, retries_enabled: bool = True) -> None:
        self._retries_enabled = retries_enabled

    @classmethod
    def from_context(cls, context: Any) -> Self:
        """Return the executor that a configuration describes."""
        return cls(retries_enabled=retries_enabled(context.executor_config))

    def execute(self, job: Any, plan: Plan, run: Run, instance: Any, config: Any, **options: Any) -> Any:
        """Carry out the run here."""
        return run_job(job, plan, run, instance, config, retries_enabled=self._retries_enabled, **options)


def retries_enabled(config: Any) -> bool:
    """Return whether an executor's configuration lets failed steps run again."""
    retries = (config or {}).get("retries") or {}
    return "disabled" not in retries if isinstance(retries, dict) else retries != "disabled"
