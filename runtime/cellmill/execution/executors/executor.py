"""What every executor is: something that carries out a run that the instance knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cellmill.definitions.executor import ExecutorDefinition, multi_or_in_process_executor
from cellmill.errors import InvalidDefinitionError
from cellmill.planning.plan import Plan
from cellmill.planning.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class InitExecutorContext:
    """What an executor is made from.

    Args:
        job_def: The job that is to be run.
        executor_def: The definition that makes the executor.
        executor_config: Its config, from `execution` of the run config.
        instance: The instance that keeps the run.
    """

    job_def: Any
    executor_def: ExecutorDefinition
    executor_config: Mapping[str, Any] = field(default_factory=dict)
    instance: Any = None

    def with_config(self, config: Mapping[str, Any] | None) -> InitExecutorContext:
        """Return the context with another configuration.

        Args:
            config: The new config; None is empty.
        """
        return replace(self, executor_config=config or {})


class Executor(Protocol):
    """Carries out runs."""

    def execute(self, job: Any, plan: Plan, run: Run, instance: Any, config: Any, **options: Any) -> Any:
        """Carry out a run that the instance knows, to its recorded end, and return its result.

        Args:
            job: The job.
            plan: Its steps.
            run: The run.
            instance: The instance that keeps the run.
            config: The resolved run config.
            options: `raise_on_error`, `previous` (what an earlier run made of steps) and more, as the caller needs
                them.
        """


def make_executor(job: Any, instance: Any, config: Mapping[str, Any] | None = None) -> Executor:
    """Return the executor that the job declares, made from `config` (the `execution` part of the run config)."""
    definition = getattr(job, "given_executor_def", None) or multi_or_in_process_executor
    given = config if config is not None else {}
    context = InitExecutorContext(job_def=job, executor_def=definition, executor_config=given, instance=instance)
    if definition.executor_creation_fn is None:
        raise InvalidDefinitionError(f"Executor {definition.name!r} has no function that makes it.")
    made: Executor = definition.executor_creation_fn(context)
    return made


def carry_out_run(job: Any, plan: Plan, run: Run, instance: Any, config: Any, **options: Any) -> Any:
    """Carry out a run with the executor that its job declares and its run config configures; return its result."""
    return make_executor(job, instance, getattr(config, "execution", None)).execute(
        job, plan, run, instance, config, **options
    )
