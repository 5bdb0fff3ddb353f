"""Running hooks after a step."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.inference import FunctionShape
from cellmill.errors import HookExecutionError
from cellmill.execution.hook_context import HookContext
from cellmill.planning.event import ErrorInfo, Event, EventType, HookErroredData


def run_hooks(step: Any, services: Any, sink: Any, outcome: Any, events: Sequence[Event]) -> None:
    """Run the hooks of a step that ended; a hook that fails is recorded and changes nothing else."""
    for hook in sorted(step.hooks, key=lambda one: one.name):
        wanted = hook.kind == "event_list" or (hook.kind == "success") == outcome.success
        if not wanted:
            message = f'Skipped the execution of hook "{hook.name}". It did not meet its triggering condition.'
            _emit(sink, step, services, EventType.HOOK_SKIPPED, message)
            continue
        context = HookContext(
            hook, step, services, services.log_for(step.key, sink.emit), outcome.error, _outputs(step, services)
        )
        try:
            returned = _call(hook, context, events)
        except Exception as error:
            made = HookExecutionError(f'Error occurred during the execution of hook "{hook.name}".', error)
            made.__cause__ = error
            _emit(
                sink, step, services, EventType.HOOK_ERRORED,
                f'Error occurred during the execution of hook "{hook.name}" for "{step.op.name}".',
                HookErroredData(ErrorInfo.of(made)), 40,
            )  # fmt: skip
            continue
        skipped = getattr(returned, "is_skipped", False)
        kind, word = (EventType.HOOK_SKIPPED, "Skipped") if skipped else (EventType.HOOK_COMPLETED, "Finished")
        _emit(sink, step, services, kind, f'{word} the execution of hook "{hook.name}" triggered for "{step.op.name}".')
    sink.flush()


def _call(hook: Any, context: HookContext, events: Sequence[Event]) -> Any:
    shape = FunctionShape(hook.hook_fn)
    resources = {name: getattr(context.resources, key) for name, key in shape.resource_args.items()}
    if hook.kind == "event_list":
        return hook.hook_fn(context, events, **resources)
    return hook.hook_fn(context, **resources)


def _outputs(step: Any, services: Any) -> Mapping[str, Any]:
    if services.outputs is None:
        return {}
    return {name: value for (key, name), value in services.outputs.items() if key == step.key}


def _emit(
    sink: Any, step: Any, services: Any, kind: EventType, message: str, data: Any = None, level: int = 10
) -> None:
    sink.emit(
        Event(kind, services.run_id, time.time(), step.key, message, level, data=data, job_name=services.job_name)
    )
