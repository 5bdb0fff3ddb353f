"""Jobs that every executor must carry out alike."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from cellmill import (
    AssetMaterialization,
    DynamicOut,
    DynamicOutput,
    In,
    Nothing,
    Out,
    Output,
    RetryPolicy,
    RetryRequested,
    failure_hook,
    job,
    op,
    resource,
    success_hook,
)


@op
def one() -> int:
    """Give 1."""
    return 1


@op
def add(x: int) -> int:
    """Give one more."""
    return x + 1


@op(out=DynamicOut(int))
def several() -> Any:
    """Give 0, 1, 2 under the keys a, b, c."""
    for number, key in enumerate("abc"):
        yield DynamicOutput(number, mapping_key=key)


@op
def total(numbers: list[int]) -> int:
    """Give the sum."""
    return sum(numbers)


@op
def fail() -> int:
    """Raise."""
    raise ValueError("on purpose")


@op
def die() -> int:
    """End the process as by the out-of-memory killer."""
    os.kill(os.getpid(), 9)
    return 0


@op(out={"yes": Out(is_required=False), "no": Out(is_required=False)})
def choose() -> Any:
    """Give only `yes`."""
    yield Output(1, "yes")


@op(ins={"after": In(Nothing)})
def later() -> str:
    """Run behind something without its value."""
    return "done"


@op(config_schema={"file": str}, retry_policy=RetryPolicy(max_retries=2))
def third_time(context: Any) -> int:
    """Succeed at the third attempt."""
    tries = Path(context.op_config["file"])
    with tries.open("a") as file:
        file.write("x")
    if len(tries.read_text()) < 3:
        raise ValueError("not yet")
    return context.retry_number


@op(config_schema={"file": str})
def asks_for_retry(context: Any) -> int:
    """Ask for one retry."""
    if context.retry_number == 0:
        raise RetryRequested(max_retries=1)
    return 5


@op(config_schema={"file": str}, retry_policy=RetryPolicy(max_retries=1))
def dies_once(context: Any) -> int:
    """Kill its worker at the first attempt."""
    marker = Path(context.op_config["file"])
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), 9)
    return 7


@op
def logs_and_materializes(context: Any) -> int:
    """Report something while it works."""
    context.log.info("a message of the step")
    context.log_event(AssetMaterialization("reported", metadata={"rows": 3}))
    return 1


@op(required_resource_keys={"number"})
def uses_resource(context: Any) -> int:
    """Give what the resource is."""
    return context.resources.number


@resource(config_schema=int)
def number(context: Any) -> int:
    """A configured number."""
    return context.resource_config


@success_hook
def when_well(context: Any) -> None:
    """Note a success."""
    context.log.info(f"hook: {context.op.name} succeeded")


@failure_hook
def when_bad(context: Any) -> None:
    """Note a failure."""
    context.log.info(f"hook: {context.op.name} failed")


@op(tags={"dagster/priority": "-1"})
def unimportant() -> float:
    """Tell when it started."""
    return time.time()


@op(tags={"dagster/priority": "5"})
def important() -> float:
    """Tell when it started."""
    return time.time()


@op(tags={"cellmill/timeout": "0.5"})
def too_slow() -> None:
    """Take far longer than its limit."""
    time.sleep(60)


@op
def half_a_second() -> None:
    """Take its time."""
    time.sleep(0.5)


@op(tags={"kind": "narrow"})
def narrow() -> tuple[float, float]:
    """Tell when it began and ended."""
    began = time.time()
    time.sleep(0.1)
    return began, time.time()


@op(pool="printer")
def pooled() -> tuple[float, float]:
    """Use a shared thing for a while."""
    began = time.time()
    time.sleep(0.1)
    return began, time.time()


@job
def diamond() -> None:
    """A chain, a fan-out over a dynamic output and its collection."""
    start = add(one())
    add.alias("left")(start)
    add.alias("right")(start)
    total(several().map(add.alias("mapped")).collect())


@job
def partly_failing() -> None:
    """Two branches, of which one fails."""
    add.alias("never")(fail())
    add.alias("fine")(one())


@job
def optional() -> None:
    """A branch that is not chosen is skipped."""
    yes, no = choose()
    add.alias("chosen")(yes)
    add.alias("not_chosen")(no)


@job
def ordered() -> None:
    """Order without a value."""
    later(after=one())


@job
def retried() -> None:
    """Both ways to be run again."""
    third_time()
    asks_for_retry()


@job
def reporting() -> None:
    """Logs and events of user code."""
    logs_and_materializes()


@job(resource_defs={"number": number})
def resourceful() -> None:
    """A configured resource."""
    uses_resource()


@job(hooks={when_well, when_bad})
def hooked() -> None:
    """Hooks on success and failure."""
    one()
    fail()


@job
def urgent() -> None:
    """The important step goes first."""
    unimportant()
    important()


@job
def deadly() -> None:
    """A step that kills its worker beside one that is fine."""
    add.alias("below")(die())
    add.alias("fine")(one())


@job
def deadly_once() -> None:
    """A step that survives at its second attempt."""
    dies_once()


@job
def slow() -> None:
    """A step with a limit."""
    too_slow()
    one()


@job
def sleepers() -> None:
    """Eight sleeps of half a second."""
    for number_ in range(8):
        half_a_second.alias(f"sleep_{number_}")()


@job
def narrow_ones() -> None:
    """Four steps of one kind."""
    for number_ in range(4):
        narrow.alias(f"narrow_{number_}")()


@job
def printing() -> None:
    """Three steps of one pool."""
    for number_ in range(3):
        pooled.alias(f"print_{number_}")()


@op
def prints() -> None:
    """Write to both streams, from Python and from a child process."""
    import subprocess
    import sys

    print("from python")
    print("an error", file=sys.stderr)
    subprocess.run(["echo", "from a child"], check=True)


@op
def prints_too_much() -> None:
    """Write more than is kept."""
    for _ in range(7):
        print("x" * 1_000_000)


@job
def printers() -> None:
    """Steps that print."""
    prints()
    prints_too_much()
    one()


@op(tags={"dagster/priority": "-1"})
def late() -> float:
    """Say when it ran."""
    return time.time()


@op(tags={"dagster/priority": "5"})
def first_of_all() -> float:
    """Say when it ran."""
    return time.time()


@op
def usual() -> float:
    """Say when it ran."""
    return time.time()


@job
def hurried() -> None:
    """Steps of three priorities, the least urgent first in the text."""
    late()
    usual()
    first_of_all()


@op(tags={"database": "small"})
def ask_database() -> tuple[float, float]:
    """Say when it began and ended."""
    began = time.time()
    time.sleep(0.05)
    return began, time.time()


@job
def asking() -> None:
    """Three steps with one tag."""
    for number in range(3):
        ask_database.alias(f"ask_{number}")()


@op(tags={"cellmill/memory_limit": "600MB"})
def greedy() -> int:
    """Ask for more memory than the step may have."""
    return len(bytearray(2_000_000_000))


@job
def hungry() -> None:
    """A step that takes too much, and one that does not."""
    greedy()
    one()
