"""What a hook is told about the step it runs after."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import Any

from cellmill.definitions.composition import Pending
from cellmill.definitions.dependency import Node
from cellmill.definitions.inference import FunctionShape
from cellmill.definitions.resource import wrap_resources_for_execution
from cellmill.definitions.resource_scope import build_resources
from cellmill.errors import InvalidDefinitionError, InvalidInvocationError, InvariantViolationError
from cellmill.execution.step import user_exception


class HookContext:
    """What a hook is told: the step, its error or outputs, resources and the log.

    Made by cellmill; tests use `build_hook_context`.

    Args:
        hook: The hook.
        step: The step that it runs after.
        services: What the run offers its steps.
        log: The log of the run.
        error: What the step failed with, or None.
        outputs: The values of the step's outputs, by name.
    """

    __is_context__ = True

    def __init__(self, hook: Any, step: Any, services: Any, log: Any, error: Any, outputs: Mapping[str, Any]) -> None:
        self._hook = hook
        self._step = step
        self._services = services
        self._log = log
        self._error = error
        self._outputs = outputs

    @property
    def job_name(self) -> str:
        """The job's name."""
        return str(self._services.job_name)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self._services.run_id)

    @property
    def hook_def(self) -> Any:
        """The hook."""
        return self._hook

    @property
    def instance(self) -> Any:
        """The instance."""
        return self._services.instance

    @property
    def op(self) -> Any:
        """The node that the hook runs after."""
        return Node(self._step.node_name, self._step.op, self._step.tags)

    @property
    def step_key(self) -> str:
        """The step's key."""
        return str(self._step.key)

    @property
    def required_resource_keys(self) -> frozenset[str]:
        """The resources that the hook requires."""
        keys: frozenset[str] = self._hook.required_resource_keys
        return keys

    @property
    def resources(self) -> Any:
        """The resources that the hook requires, as attributes."""
        return self._services.resources(self.required_resource_keys)

    @property
    def op_config(self) -> Any:
        """The op's config."""
        return self._services.config.ops[self._step.handle].config

    @property
    def log(self) -> Any:
        """The run's log."""
        return self._log

    @property
    def op_exception(self) -> BaseException | None:
        """What the op raised, or None."""
        return None if self._error is None else user_exception(self._error)

    @property
    def op_output_values(self) -> Mapping[str, Any]:
        """The values of the step's outputs by name."""
        return dict(self._outputs)

    @property
    def op_output_metadata(self) -> Mapping[str, Any]:
        """The metadata of the step's outputs by name."""
        found: dict[str, Any] = {}
        for (key, name, mapping_key), context in self._services.output_contexts.items():
            if key == self._step.key:
                if mapping_key is None:
                    found[name] = context.output_metadata
                else:
                    found.setdefault(name, {})[mapping_key] = context.output_metadata
        return found


class UnboundHookContext(HookContext):
    """What a hook is told when a test calls it."""

    def __init__(
        self,
        resources: Mapping[str, Any],
        op: Any,
        run_id: str | None,
        job_name: str | None,
        op_exception: BaseException | None,
        instance: Any,
    ) -> None:
        wrapped = wrap_resources_for_execution(resources)
        self._generators = any(inspect.isgeneratorfunction(inspect.unwrap(one.resource_fn)) for one in wrapped.values())
        self._open = False
        self._manager = build_resources(resources, instance=instance)
        self._resources = self._manager.__enter__()
        self.given_resources = frozenset(resources)
        self._op = op
        self._run_id = run_id
        self._job_name = job_name
        self._given_error = op_exception
        self._given_instance = instance
        self._log = logging.getLogger("cellmill")
        self._hook = None

    def bound_to(self, hook: Any) -> UnboundHookContext:
        """Return this context for one call of a hook."""
        made = object.__new__(UnboundHookContext)
        made.__dict__ = {**self.__dict__, "_hook": hook}
        return made

    def __enter__(self) -> UnboundHookContext:
        self._open = True
        return self

    def __exit__(self, *exc: object) -> None:
        self._open = False
        self._manager.__exit__(None, None, None)

    def _missing(self, name: str) -> InvariantViolationError:
        return InvariantViolationError(
            f"Tried to access the HookContext {name}, but no {name} was provided to `build_hook_context`."
        )

    @property
    def job_name(self) -> str:
        """The job's name."""
        if self._job_name is None:
            raise self._missing("job_name")
        return self._job_name

    @property
    def run_id(self) -> str:
        """The run's id."""
        if self._run_id is None:
            raise self._missing("run_id")
        return self._run_id

    @property
    def instance(self) -> Any:
        """The instance given."""
        if self._given_instance is None:
            raise self._missing("instance")
        return self._given_instance

    @property
    def op(self) -> Any:
        """The node that the hook runs after."""
        if self._op is None:
            raise self._missing("op")
        if isinstance(self._op, Pending):
            return Node(self._op.name, self._op.definition, self._op.tags)
        return Node(self._op.name, self._op, self._op.tags)

    @property
    def step_key(self) -> str:
        """The step's key."""
        raise self._missing("step_key")

    @property
    def resources(self) -> Any:
        """The resources, as attributes."""
        if self._generators and not self._open:
            raise InvariantViolationError(
                "At least one provided resource is a generator, but attempting to access resources outside of context "
                "manager scope. You can use the following syntax to open a context manager: "
                "`with build_hook_context(...) as context:`"
            )
        return self._resources

    @property
    def op_config(self) -> Any:
        """The op's config."""
        raise self._missing("op_config")

    @property
    def op_exception(self) -> BaseException | None:
        """What the op raised, or None."""
        return self._given_error

    @property
    def op_output_values(self) -> Mapping[str, Any]:
        """The values of the step's outputs by name."""
        raise self._missing("op_output_values")


def build_hook_context(
    resources: Mapping[str, Any] | None = None,
    op: Any = None,
    run_id: str | None = None,
    job_name: str | None = None,
    op_exception: BaseException | None = None,
    instance: Any = None,
) -> UnboundHookContext:
    """Return a context to call a hook with in a test; reading what was not given raises `InvariantViolationError`.

    As a context manager it takes the resources down at the end.

    Args:
        resources: Resources by key: resource classes with their config, definitions, or any plain objects.
        op: What the hook finds in `context.op`: an op, or a use of one.
        run_id: What it finds in `context.run_id`.
        job_name: What it finds in `context.job_name`.
        op_exception: The error it finds in `context.op_exception`; None is a step that succeeded.
        instance: What it finds in `context.instance`.
    """
    return UnboundHookContext(resources or {}, op, run_id, job_name, op_exception, instance)


def invoke_hook(hook: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call a hook directly."""
    shape = FunctionShape(hook.hook_fn)
    given = _given(hook, shape, args, {name: one for name, one in kwargs.items() if name not in shape.resource_args})
    context = given[0]
    if context is None and hook.required_resource_keys:
        raise InvalidDefinitionError(
            f"resource with key '{min(hook.required_resource_keys)}' required by hook '{hook.name}'  was not provided. "
            "Provide a context built by build_hook_context(resources={...})."
        )
    if isinstance(context, UnboundHookContext):
        missing = [key for key in hook.required_resource_keys if key not in context.given_resources]
        if missing:
            raise InvalidDefinitionError(
                f"resource with key '{missing[0]}' required by hook '{hook.name}' was not provided to "
                "build_hook_context."
            )
        given[0] = context = context.bound_to(hook)
    resources = {name: getattr(context.resources, key) for name, key in shape.resource_args.items()}
    resources.update({name: value for name, value in kwargs.items() if name in shape.resource_args})
    return hook.hook_fn(*given, **resources)


def _given(hook: Any, shape: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
    """Return the context, and the events where the hook takes them, in the order of the function's parameters."""
    code = getattr(hook.hook_fn, "__code__", None)
    declared = code.co_varnames[0] if code is not None and code.co_argcount else "context"
    names = [declared, "event_list"] if hook.kind == "event_list" else [declared]
    count = len(args) + len(kwargs)
    if count != len(names):
        expected = "two parameters, context and event_list" if len(names) == 2 else f"one parameter, {declared}"
        raise InvalidInvocationError(
            f"Decorated function expects {expected}, but {count} were provided. It is the hook '{hook.name}'; "
            "a context is built by build_hook_context()."
        )
    found = list(args)
    for name in names[len(args) :]:
        if name not in kwargs:
            raise InvalidInvocationError(
                f"Could not find expected argument '{name}'. The hook '{hook.name}' got {sorted(kwargs)}."
            )
        found.append(kwargs[name])
    return found
