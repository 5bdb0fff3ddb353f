"""Hooks: functions that run when a step succeeds or fails."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.composition import current
from cellmill.definitions.engine import engine
from cellmill.definitions.inference import FunctionShape, describe_place
from cellmill.definitions.tags import checked_name
from cellmill.errors import InvalidDefinitionError


class HookDefinition:
    """A function that runs after each step it is attached to; the hook decorators make it.

    As a decorator of a job or graph it is attached to all its steps.

    Args:
        name: The hook's name.
        hook_fn: Takes the `HookContext`, and the step's events where the kind is `event_list`.
        required_resource_keys: Keys of resources that the function reads from `context.resources`.
        decorated_fn: The function as the user wrote it, where `hook_fn` is another.
        kind: When it runs: on `success`, on `failure`, or always with the step's events (`event_list`).
    """

    def __init__(
        self,
        *,
        name: str,
        hook_fn: Callable[..., Any],
        required_resource_keys: AbstractSet[str] | None = None,
        decorated_fn: Callable[..., Any] | None = None,
        kind: str = "event_list",
    ) -> None:
        self.name = checked_name(name, "hook")
        self.hook_fn = hook_fn
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.decorated_fn = decorated_fn
        #: When the hook runs: on "success", on "failure", or always with the step's events ("event_list").
        self.kind = kind
        self.__wrapped__ = decorated_fn or hook_fn

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Decorating a job or a graph attaches the hook; anything else is a call of the hook itself, as tests do it.
        if current() is None and len(args) == 1 and not kwargs and hasattr(args[0], "with_hooks"):
            return args[0].with_hooks({self})
        return engine().invoke(self, args, kwargs)

    def __repr__(self) -> str:
        return f"HookDefinition({self.name!r})"


def _hook(fn: Callable[..., Any], kind: str, name: str | None, keys: AbstractSet[str] | None) -> HookDefinition:
    shape = FunctionShape(fn)
    count = 2 if kind == "event_list" else 1
    given = (["context"] if shape.has_context else []) + list(shape.positional)
    expected = ["context", "event_list"][:count]
    second = given[1] if len(given) > 1 else ""
    if not shape.has_context or (count == 2 and second != "event_list" and not second.startswith("_")):
        raise InvalidDefinitionError(
            f"@{kind}_hook '{fn.__name__}' ({describe_place(fn)}): the decorated function does not have required "
            f"positional parameters {expected}; it has {given}."
        )
    resources = frozenset(keys or ()) | frozenset(shape.resource_args.values())
    return HookDefinition(
        name=name or fn.__name__, hook_fn=fn, required_resource_keys=resources, decorated_fn=fn, kind=kind
    )


def success_hook(
    hook_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    required_resource_keys: AbstractSet[str] | None = None,
) -> Any:
    """Make the decorated function a hook that runs after each step that succeeds.

    An error in a hook is recorded and does not change what became of the step.

    Args:
        hook_fn: The function, where the decorator stands without parentheses; its parameter is `context`, a
            `HookContext`.
        name: The hook's name; None takes the function's.
        required_resource_keys: Keys of resources that the function reads from `context.resources`; those of annotated
            parameters come by themselves.

    Returns:
        The `HookDefinition`, or a decorator where it was called with arguments.

    Raises:
        InvalidDefinitionError: where the parameters are others.
    """

    def decorate(fn: Callable[..., Any]) -> HookDefinition:
        return _hook(fn, "success", name, required_resource_keys)

    return decorate if hook_fn is None else decorate(hook_fn)


def failure_hook(
    name: Any = None,
    required_resource_keys: AbstractSet[str] | None = None,
) -> Any:
    """Make the decorated function a hook that runs after each step that fails; `context.op_exception` is the error.

    An error in a hook is recorded and does not change what became of the step.

    >>> @failure_hook
    ... def tell(context):
    ...     print(f"{context.job_name} failed: {context.op_exception}")
    >>> tell(build_hook_context(job_name="nightly", op_exception=ValueError("no rows")))
    nightly failed: no rows

    Args:
        name: The hook's name; None takes the function's. The function itself, where the decorator stands without
            parentheses; its parameter is `context`, a `HookContext`.
        required_resource_keys: Keys of resources that the function reads from `context.resources`; those of annotated
            parameters come by themselves.

    Returns:
        The `HookDefinition`, or a decorator where it was called with arguments.

    Raises:
        InvalidDefinitionError: where the parameters are others.
    """
    if callable(name):
        return _hook(name, "failure", None, required_resource_keys)

    def decorate(fn: Callable[..., Any]) -> HookDefinition:
        return _hook(fn, "failure", name, required_resource_keys)

    return decorate


def event_list_hook(
    hook_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    required_resource_keys: AbstractSet[str] | None = None,
    decorated_fn: Callable[..., Any] | None = None,
) -> Any:
    """Make the decorated function a hook that runs after each step, however it ended, with the step's events.

    Args:
        hook_fn: The function, where the decorator stands without parentheses; its parameters are `context` and
            `event_list`.
        name: The hook's name; None takes the function's.
        required_resource_keys: Keys of resources that the function reads from `context.resources`; those of annotated
            parameters come by themselves.
        decorated_fn: Taken for the sake of older code and not used.

    Returns:
        The `HookDefinition`, or a decorator where it was called with arguments.

    Raises:
        InvalidDefinitionError: where the parameters are others.
    """

    def decorate(fn: Callable[..., Any]) -> HookDefinition:
        return _hook(fn, "event_list", name, required_resource_keys)

    return decorate if hook_fn is None else decorate(hook_fn)
