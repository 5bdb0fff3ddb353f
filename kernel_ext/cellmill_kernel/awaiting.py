"""Bodies that await: on the kernel's own event loop, while the step around them stays ordinary code.

The step runs in a greenlet of the same thread.  Where a body awaits, the greenlet hands what is awaited to the
coroutine that started it, and goes on when the loop has the result; so tasks, clients and locks that plain cells made
work in asset cells.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from greenlet import getcurrent, greenlet


class _Step(greenlet):
    """A step that may wait for the loop of the coroutine that started it."""


async def run_waiting(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of `function`, whose `wait_for` calls are awaited here."""
    here = getcurrent()
    step = _Step(function, here)
    step.gr_context = here.gr_context
    answer = step.switch(*arguments)
    while not step.dead:
        try:
            value = await answer
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            # the stop button cancels the task of the cell; to the body that is what it is in a plain cell
            stopped = task is not None and task.cancelling()
            answer = step.throw(KeyboardInterrupt()) if stopped else _thrown(step, error)
        except BaseException as error:
            answer = _thrown(step, error)
        else:
            answer = step.switch(value)
    return answer


def _thrown(step: greenlet, error: BaseException) -> Any:
    """Raise in the step what its awaiting raised, with the lines of the body in its traceback."""
    return step.throw(type(error), error, error.__traceback__)


def wait_for(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine: on the loop of the cell where it awaits, else on a loop of its own."""
    step = getcurrent()
    if isinstance(step, _Step) and step.parent is not None:
        return step.parent.switch(coroutine)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    return _in_thread(coroutine)


def _in_thread(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine where this thread's loop runs and cannot be waited for, as in `%materialize`."""
    outcome: list[tuple[bool, Any]] = []
    context = contextvars.copy_context()

    def work() -> None:
        try:
            outcome.append((True, context.run(asyncio.run, coroutine)))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=work, name="cellmill-await")
    thread.start()
    thread.join()
    good, value = outcome[0]
    if good:
        return value
    raise value
