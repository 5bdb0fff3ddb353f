"""Which of a run's visits are made when: notebooks side by side, modules one by one in the run's own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from cellmill.workspace.notebook_visit import VisitEnd
from cellmill.workspace.run_plan import Visit


class VisitOrder:
    """Makes visits as soon as what they need is made, and up to so many at the same time.

    A notebook has a process of its own, so a thread of a pool waits for it. A module's steps run in this process: its
    visit is made in the thread that calls `make`, so that a request to stop reaches what user code waits for.
    """

    def __init__(
        self,
        visits: Sequence[Visit],
        most: int,
        *,
        visit_notebook: Callable[[Visit], VisitEnd],
        visit_module: Callable[[Visit], VisitEnd],
        skip: Callable[[Visit], VisitEnd],
        is_stopped: Callable[[], bool],
    ) -> None:
        self._visits = visits
        self._most = max(1, most)
        self._visit_notebook = visit_notebook
        self._visit_module = visit_module
        self._skip = skip
        self._is_stopped = is_stopped
        self._left = list(range(len(visits)))
        self._going: set[int] = set()
        self._ends: dict[int, VisitEnd] = {}
        #: The module's visit whose turn it is.
        self._module: int | None = None
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._pool: ThreadPoolExecutor

    def make(self) -> list[VisitEnd]:
        """Make the visits and return how those that were begun or skipped ended, in the order of the plan."""
        with ThreadPoolExecutor(self._most, thread_name_prefix="visit") as self._pool:
            with self._changed:
                self._begin()
            while (number := self._next_module()) is not None:
                try:
                    end = self._visit_module(self._visits[number])
                except BaseException as error:
                    self._fail(error)
                    raise
                with self._changed:
                    self._module = None
                    self._ended(number, end)
        if self._error is not None:
            raise self._error
        return [self._ends[number] for number in sorted(self._ends)]

    def _next_module(self) -> int | None:
        """Wait for a module whose turn it is; None when nothing is going on any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._module is not None or not self._going)
            return self._module

    def _begin(self) -> None:
        """Begin what can begin; the lock is held."""
        for number in list(self._left):
            if self._is_stopped():
                self._left.clear()
            after = [self._ends.get(other) for other in self._visits[number].after]
            if number not in self._left or None in after:
                continue
            if any(end is not None and not end.succeeded for end in after):
                self._left.remove(number)
                self._ended(number, self._skip(self._visits[number]))
            elif len(self._going) < self._most:
                self._begin_one(number)

    def _begin_one(self, number: int) -> None:
        visit = self._visits[number]
        if visit.notebook is None:
            if self._module is not None:
                return
            self._module = number
        self._left.remove(number)
        self._going.add(number)
        if visit.notebook is not None:
            future = self._pool.submit(self._visit_notebook, visit)
            future.add_done_callback(lambda done: self._notebook_ended(number, done))

    def _notebook_ended(self, number: int, done: Future[VisitEnd]) -> None:
        error = done.exception()
        if error is not None:
            self._fail(error)
        with self._changed:
            if error is None:
                self._ended(number, done.result())
            else:
                self._going.discard(number)
                self._changed.notify_all()

    def _ended(self, number: int, end: VisitEnd) -> None:
        self._ends[number] = end
        self._going.discard(number)
        self._begin()
        self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        """Begin nothing more: the run ends by this error."""
        with self._changed:
            self._left.clear()
            self._error = self._error or error
