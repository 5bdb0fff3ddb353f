"""The resources of a run: configured by its run config, made for the steps that need them, taken down at its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from cellmill.definitions.init_resource_context import Resources
from cellmill.definitions.resource_scope import (
    ResourceScope,
    build_init_resource_context,
    build_resources,
)
from cellmill.execution.sink import EventSink
from cellmill.planning.event import EngineEventData, ErrorInfo, Event, EventType

__all__ = [
    "ResourceScope",
    "Resources",
    "build_init_resource_context",
    "build_resources",
    "make_resources",
    "required_resources",
    "resource_scope",
    "tell_teardown_errors",
]


def tell_teardown_errors(sink: EventSink, run: Any) -> Callable[[str, BaseException], None]:
    """Return what makes an event of an error in taking a resource down; such an error fails no run."""

    def tell(key: str, error: BaseException) -> None:
        sink.emit(
            Event(
                EventType.ENGINE_EVENT,
                run.run_id,
                time.time(),
                message=f"Teardown of resources ['{key}'] failed. {type(error).__name__}: {error}",
                level=logging.ERROR,
                data=EngineEventData(error=ErrorInfo.of(error)),
                job_name=run.job_name,
            )
        )
        sink.flush()

    return tell


@contextmanager
def resource_scope(
    defs: Mapping[str, Any],
    configs: Mapping[str, Any],
    keys: Iterable[str] = (),
    *,
    instance: Any = None,
    run: Any = None,
    log: Any = None,
    event_loop: Any = None,
    on_teardown_error: Callable[[str, BaseException], None] | None = None,
) -> Generator[ResourceScope, None, None]:
    """A scope with these resources made, the others when a step asks for them; all are taken down at the end."""
    scope = ResourceScope(
        defs,
        configs,
        instance=instance,
        run=run,
        log=log,
        event_loop=event_loop,
        on_teardown_error=on_teardown_error,
    )
    with scope:
        scope.resources(keys)
        yield scope


def required_resources(steps: Iterable[Any], given: Mapping[str, Any]) -> list[str]:
    """Return the keys of the resources that steps need, whether they read them or not: their own, those of their
    hooks, and the IO managers of their outputs as far as the job has its own.
    """
    keys: set[str] = set()
    for step in steps:
        keys |= step.resource_keys
        for hook in step.hooks:
            keys |= hook.required_resource_keys
        keys.update(one.io_manager_key for one in step.outputs if not one.is_nothing and one.io_manager_key in given)
    return sorted(keys)


def make_resources(scope: ResourceScope, keys: Iterable[str], tell: Callable[..., None]) -> None:
    """Make these resources, as far as they are not made, and tell how that goes by events.

    Args:
        scope: Where they are made.
        keys: Their keys.
        tell: Takes an event's type, message, data and level.

    Raises: ResourceFunctionError where one cannot be made.
    """
    made = frozenset(scope.keys)
    wanted = [key for key in keys if key not in made]
    if not wanted:
        return
    names = ", ".join(wanted)
    tell(
        EventType.RESOURCE_INIT_STARTED,
        f"Starting initialization of resources [{names}].",
        EngineEventData({}, None, "resources", None),
        logging.DEBUG,
    )
    try:
        scope.resources(wanted)
    except Exception as error:
        tell(
            EventType.RESOURCE_INIT_FAILURE,
            f"Initialization of resources [{names}] failed.",
            EngineEventData({}, ErrorInfo.of(error), None, "resources"),
            logging.ERROR,
        )
        raise
    tell(
        EventType.RESOURCE_INIT_SUCCESS,
        f"Finished initialization of resources [{names}].",
        EngineEventData({}, None, None, "resources"),
        logging.DEBUG,
    )
