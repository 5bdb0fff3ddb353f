"""Asset cells that await: on the kernel's own loop, with the traceback and the stop button of a plain cell."""

from __future__ import annotations

import asyncio

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill_kernel.awaiting import run_waiting, wait_for

from .conftest import Notebook

A = AssetKey("a")


def test_a_body_awaits_on_the_loop_of_plain_cells(nb: Notebook) -> None:
    """Tasks, queues and locks that plain cells made can be awaited in asset cells."""
    nb.ok(
        "import asyncio\nqueue = asyncio.Queue()\nawait queue.put(5)\nloop = asyncio.get_running_loop()\n"
        "task = asyncio.ensure_future(asyncio.sleep(0, result=7))"
    )
    result = nb.ok("%%asset a --group g\n[await queue.get(), await task, asyncio.get_running_loop() is loop]")

    assert result.value == [5, 7, True]
    assert nb.session.load_value(A) == [5, 7, True]
    assert "✓ a · list of 3" in result.printed


@pytest.mark.parametrize("header", ["%%asset a", "#| asset a --group g\n#| --tags x=y"])
@pytest.mark.parametrize(
    "body",
    [
        "import asyncio\nawait asyncio.sleep(0, result=3)",
        "async with manager() as found:\n    a = found\na",
        "async for n in numbers():\n    a = n\na",
        "[n async for n in numbers()][-1]",
    ],
)
def test_all_forms_of_awaiting(nb: Notebook, header: str, body: str) -> None:
    """await, async with, async for and asynchronous comprehensions work, below either form of header."""
    nb.ok(
        "import contextlib\n@contextlib.asynccontextmanager\nasync def manager():\n    yield 3\n"
        "async def numbers():\n    for n in range(4):\n        yield n"
    )

    assert nb.ok(f"{header}\n{body}").value == 3


def test_a_check_may_await(nb: Notebook) -> None:
    """A check awaits like an asset."""
    nb.ok("%%asset a\n1")

    assert "passed" in nb.ok("%%check good --asset a\nimport asyncio\nawait asyncio.sleep(0, result=True)").printed


def test_materialize_of_a_body_that_awaits(nb: Notebook) -> None:
    """A line magic cannot be awaited: the body then has a loop of its own."""
    nb.ok("%%asset a\nimport asyncio\nawait asyncio.sleep(0, result=3)", "one")
    nb.ok("%materialize a")

    assert nb.names["a"] == 3


def test_traceback_of_an_awaiting_body(nb: Notebook) -> None:
    """A failing body that awaits shows its own lines and none of ours; the run failed."""
    result = nb.run("%%asset a\nimport asyncio\nawait asyncio.sleep(0)\n1 / 0")

    assert "----> 4 1 / 0" in result.printed and "awaiting" not in result.printed
    assert [record.dagster_run.status.value for record in nb.session.instance.get_run_records()] == ["FAILURE"]


@pytest.mark.parametrize("ending", ["raise asyncio.CancelledError()", "import sys\nsys.exit(3)", "raise GeneratorExit"])
def test_a_body_that_leaves_ends_its_run(nb: Notebook, ending: str) -> None:
    """What is no ordinary exception ends the step all the same: no run is left behind as running."""
    nb.run(f"%%asset a\nimport asyncio\n{ending}")

    assert [record.dagster_run.status.value for record in nb.session.instance.get_run_records()] == ["FAILURE"]


def test_the_stop_button_is_an_interrupt() -> None:
    """A cell's task that is cancelled interrupts the body, as in a plain cell."""
    seen: list[str] = []

    def step() -> None:
        try:
            wait_for(asyncio.sleep(60))
        except KeyboardInterrupt:
            seen.append("interrupted")

    async def cell() -> None:
        task = asyncio.ensure_future(run_waiting(step))
        await asyncio.sleep(0)
        task.cancel()
        await task

    asyncio.run(cell())

    assert seen == ["interrupted"]


def test_waiting_without_a_loop() -> None:
    """Code outside a kernel waits on a loop of its own."""
    assert wait_for(asyncio.sleep(0, result=4)) == 4
