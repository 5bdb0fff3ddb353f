"""Module-level redun tasks, so that worker processes can import them."""

from __future__ import annotations

from harness import workloads as W
from redun import task

redun_namespace = "bench"


@task()
def step(name, inputs):
    return W.compute(inputs)


@task(executor="process")
def step_process(name, inputs):
    return W.compute(inputs)


@task(executor="process")
def leaf(kind, i):
    return W.LEAVES[kind](W.B4_SECONDS)


@task()
def part(key):
    return W.partition_value(key)
