"""Executors as they are declared: which way the steps of a run are carried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from cellmill.definitions.engine import engine
from cellmill.errors import InvalidConfigError, InvalidDefinitionError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import executor_config as executor_schema
    from cellmill.definitions.config import field
    from cellmill.definitions.config import process as config_process
else:
    field = on_first_use("cellmill.definitions.config.field")
    config_process = on_first_use("cellmill.definitions.config.process")
    executor_schema = on_first_use("cellmill.definitions.executor_config")


class ExecutorRequirement(Enum):
    """What an executor asks of jobs and instances.

    `RECONSTRUCTABLE_JOB` (older: `RECONSTRUCTABLE_PIPELINE`): other processes can make the job again;
    `NON_EPHEMERAL_INSTANCE`: they can open the instance; `PERSISTENT_OUTPUTS`: they can load what steps stored.
    """

    RECONSTRUCTABLE_PIPELINE = "RECONSTRUCTABLE_PIPELINE"
    RECONSTRUCTABLE_JOB = "RECONSTRUCTABLE_JOB"
    NON_EPHEMERAL_INSTANCE = "NON_EPHEMERAL_INSTANCE"
    PERSISTENT_OUTPUTS = "PERSISTENT_OUTPUTS"


def multiple_process_executor_requirements() -> list[ExecutorRequirement]:
    """Return what an executor with several processes asks for."""
    return [
        ExecutorRequirement.RECONSTRUCTABLE_JOB,
        ExecutorRequirement.NON_EPHEMERAL_INSTANCE,
        ExecutorRequirement.PERSISTENT_OUTPUTS,
    ]


class ExecutorDefinition:
    """A way to carry out the steps of a run, with its config.

    Args:
        name: The executor's name, under which run config chooses it.
        config_schema: Schema of its config, in any form that `Field` takes; None takes none.
        requirements: What it asks of jobs and instances: `ExecutorRequirement`s, or a function of its config that
            returns them.
        executor_creation_fn: Takes the `InitExecutorContext` and returns an `Executor`.
        description: How it carries out steps.
    """

    def __init__(
        self,
        name: str,
        config_schema: Any = None,
        requirements: Any = None,
        executor_creation_fn: Callable[..., Any] | None = None,
        description: str | None = None,
    ) -> None:
        self.name = name
        self._config_schema = config_schema
        self._requirements = requirements
        self.executor_creation_fn = executor_creation_fn
        self.description = description
        self.configured_with: Any = None

    @property
    def config_field(self) -> Any:
        """The schema of the executor's config as a `Field`, or None."""
        if self._config_schema is None:
            return None
        return field.convert_to_field(self._config_schema)

    @property
    def config_schema(self) -> Any:
        """The schema of the executor's config, or None."""
        return self.config_field

    def get_requirements(self, executor_config: Any = None) -> Sequence[ExecutorRequirement]:
        """Return what the executor asks of jobs and instances.

        Args:
            executor_config: Its config, where the requirements depend on it.
        """
        if callable(self._requirements):
            found: Sequence[ExecutorRequirement] = self._requirements(executor_config)
            return found
        return list(self._requirements or ())

    def copy_with(self, **changed: Any) -> ExecutorDefinition:
        """Return a copy with some attributes changed."""
        made = object.__new__(ExecutorDefinition)
        made.__dict__.update(self.__dict__)
        made.__dict__.update(changed)
        return made

    def configured(
        self,
        config_or_config_fn: Any,
        name: str | None = None,
        config_schema: Any = None,
        description: str | None = None,
    ) -> ExecutorDefinition:
        """Return the executor with config given.

        Args:
            config_or_config_fn: The config, or a function from the new config to the executor's.
            name: Name of the new executor; None keeps this one's.
            config_schema: Schema of the new config, where a function is given.
            description: How it carries out steps; None keeps this one's.
        """
        if self.executor_creation_fn is None:
            raise InvalidDefinitionError(f"The executor {self.name!r} has no function that makes it.")
        process, make = config_process.process_config, self.executor_creation_fn
        mapped = config_or_config_fn if callable(config_or_config_fn) else None

        def config_of(given: Any) -> Any:
            inner = mapped(given) if mapped is not None else config_or_config_fn
            result = process(self.config_field, inner)
            if not result.success:
                raise InvalidConfigError(f"Config of the executor {self.name!r} is invalid.", result.errors)
            return result.value

        return ExecutorDefinition(
            name or self.name,
            config_schema if mapped is not None else field.Field({}, is_required=False),
            lambda given: self.get_requirements(config_of(given)),
            lambda context: make(context.with_config(config_of(context.executor_config))),
            description or self.description,
        )

    def __repr__(self) -> str:
        return f"ExecutorDefinition({self.name!r})"


def executor(
    name: Any = None,
    config_schema: Any = None,
    requirements: Any = None,
) -> Any:
    """Make the decorated function an executor: it gets the `InitExecutorContext` and returns an `Executor`.

    Args:
        name: The executor's name; None takes the function's. The function itself, where the decorator stands without
            parentheses.
        config_schema: Schema of its config, in any form that `Field` takes; None takes none.
        requirements: What it asks of jobs and instances: `ExecutorRequirement`s, or a function of its config that
            returns them.

    Returns:
        The `ExecutorDefinition`, or a decorator where it was called with arguments.
    """
    if callable(name):
        return ExecutorDefinition(name.__name__, None, requirements, name, name.__doc__)

    def decorate(fn: Callable[..., Any]) -> ExecutorDefinition:
        if not callable(fn):
            raise InvalidDefinitionError(f"@executor decorates a function; got {fn!r}.")
        return ExecutorDefinition(name or fn.__name__, config_schema, requirements, fn, fn.__doc__)

    return decorate


class RetryMode(Enum):
    """Whether failed steps are run again: by the executor itself, not at all, or by whoever gave it the steps."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DEFERRED = "deferred"


_RETRIES: dict[str, dict[str, Any]] = {"enabled": {}, "disabled": {}}


def _field(name: str) -> Any:
    return getattr(field, name)


def _in_process(context: Any) -> Any:
    return engine().in_process_executor(context)


def _multiprocess(context: Any) -> Any:
    return engine().multiprocess_executor(context)


def _multi_or_in_process(context: Any) -> Any:
    chosen = context.executor_config or {}
    if "in_process" in chosen:
        return _in_process(context.with_config(chosen["in_process"]))
    return _multiprocess(context.with_config(chosen.get("multiprocess", {})))


class _LazyExecutor(ExecutorDefinition):
    """An executor that comes with cellmill; its schema is made when somebody looks at it.

    Its config stands in run config under `execution` and `config`, or is given by `configured`. In several processes:
    `max_concurrent` (steps at a time; None is one for each CPU), `tag_concurrency_limits` (a list of dicts with `key`,
    maybe `value`, and `limit`), `start_method` (`spawn`, `forkserver` or `fork`). In one process and in several:
    `retries` (`enabled` or `disabled`). The one that does either takes `in_process` or `multiprocess` with that config.
    """

    @property
    def config_field(self) -> Any:
        """The schema of the executor's config as a `Field`."""
        return executor_schema.schema_of(self.name)


in_process_executor = _LazyExecutor(
    "in_process", None, None, _in_process, "Carries out the steps one after the other in the run's own process."
)
multiprocess_executor = _LazyExecutor(
    "multiprocess",
    None,
    multiple_process_executor_requirements,
    _multiprocess,
    "Carries out each step in one of several worker processes.",
)
multiprocess_executor._requirements = lambda _: multiple_process_executor_requirements()
multi_or_in_process_executor = _LazyExecutor(
    "multi_or_in_process_executor",
    None,
    lambda config: [] if "in_process" in (config or {}) else multiple_process_executor_requirements(),
    _multi_or_in_process,
    "Carries out steps in worker processes, or in the run's own process if its config says so.",
)
