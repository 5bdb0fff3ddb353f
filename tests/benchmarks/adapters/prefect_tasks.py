"""Module-level tasks, so that worker processes can import them."""

from __future__ import annotations

from harness import workloads as W
from prefect import task


@task(persist_result=True)
def step(name, inputs):
    return W.compute(inputs)


@task
def leaf(kind):
    return W.LEAVES[kind](W.B4_SECONDS)
