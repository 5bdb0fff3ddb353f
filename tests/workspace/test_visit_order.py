"""The order of a run's visits: notebooks side by side, modules one by one where signals come to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cellmill.workspace.notebook_visit import VisitEnd
from cellmill.workspace.run_plan import Visit
from cellmill.workspace.visit_order import VisitOrder

from tests.waiting import PATIENCE_S

GOOD, BAD = VisitEnd(succeeded=True, message=""), VisitEnd(succeeded=False, message="bad")
SKIPPED = VisitEnd(succeeded=False, message="skipped")


def notebook(name: str, *after: int) -> Visit:
    """Return a visit to a notebook."""
    return Visit(key=name, location="", assets=(), after=after, notebook=Path(name))


def module(name: str, *after: int) -> Visit:
    """Return a visit to a module."""
    return Visit(key=name, location=name, assets=(), after=after)


class Made:
    """Visits that were made, each with its thread."""

    def __init__(self, bodies: dict[str, Callable[[], VisitEnd]] | None = None) -> None:
        self.threads: dict[str, threading.Thread] = {}
        self.bodies = bodies or {}
        self.stopped = False

    def visit(self, one: Visit) -> VisitEnd:
        """Make one visit."""
        self.threads[one.key] = threading.current_thread()
        return self.bodies.get(one.key, lambda: GOOD)()

    def make(self, visits: list[Visit], most: int = 2) -> list[VisitEnd]:
        """Make them all."""
        return VisitOrder(
            visits, most, visit_notebook=self.visit, visit_module=self.visit, skip=lambda _: SKIPPED,
            is_stopped=lambda: self.stopped,
        ).make()  # fmt: skip


def met(barrier: threading.Barrier) -> VisitEnd:
    """Wait for the others, which must be going on at the same time."""
    barrier.wait(PATIENCE_S)
    return GOOD


def test_modules_are_visited_in_the_callers_thread_and_notebooks_in_others() -> None:
    """However many there are: a request to stop comes to the main thread."""
    made = Made()

    assert made.make([module("a"), notebook("n"), module("b"), module("c", 0, 1)]) == [GOOD] * 4
    here = threading.current_thread()
    assert {key for key, thread in made.threads.items() if thread is here} == {"a", "b", "c"}


def test_notebooks_go_on_beside_a_module_and_after_each_other() -> None:
    """While a module is visited, what notebooks free is begun."""
    together, later = threading.Barrier(2), threading.Event()
    made = Made(
        {
            "first": lambda: met(together),
            "slow": lambda: BAD if (met(together), later.wait(PATIENCE_S)) != (GOOD, True) else GOOD,
            "second": lambda: (later.set(), GOOD)[1],
        }
    )

    assert made.make([notebook("first"), module("slow"), notebook("second", 0)]) == [GOOD] * 3


def test_two_notebooks_at_the_same_time_but_no_more_than_asked_for() -> None:
    """A module's visit counts as one of them."""
    both = threading.Barrier(2)
    assert Made({"x": lambda: met(both), "y": lambda: met(both)}).make([notebook("x"), notebook("y")]) == [GOOD] * 2

    going: list[str] = []

    def alone(name: str) -> Callable[[], VisitEnd]:
        def body() -> VisitEnd:
            going.append(name)
            alone_now = len(going) == 1
            going.remove(name)
            return GOOD if alone_now else BAD

        return body

    visits = [notebook("n"), module("m"), notebook("o"), module("p")]
    assert Made({name: alone(name) for name in "nmop"}).make(visits, most=1) == [GOOD] * 4


def test_what_needs_a_failed_visit_is_skipped_with_all_behind_it() -> None:
    """Others are made."""
    made = Made({"a": lambda: BAD})

    assert made.make([module("a"), notebook("b", 0), module("c", 1), notebook("d")]) == [BAD, SKIPPED, SKIPPED, GOOD]
    assert set(made.threads) == {"a", "d"}


def test_nothing_is_begun_after_a_request_to_stop() -> None:
    """What was going on is waited for."""
    made = Made()

    def stops() -> VisitEnd:
        made.stopped = True
        return GOOD

    made.bodies["a"] = stops
    assert made.make([module("a"), notebook("b", 0), module("c", 0)]) == [GOOD]


@pytest.mark.parametrize("where", [notebook, module])
def test_an_error_of_a_visit_ends_the_run_by_it(where: Callable[..., Visit]) -> None:
    """What needs it is not begun."""

    def raises() -> VisitEnd:
        raise RuntimeError("no disk")

    made = Made({"a": raises})
    with pytest.raises(RuntimeError, match="no disk"):
        made.make([where("a"), module("b", 0)])
    assert set(made.threads) == {"a"}
