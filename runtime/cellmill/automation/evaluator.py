"""Asking users' functions, each location in a thread of its own: one that hangs holds up nobody but its own location.

Answers come back to the thread that asked, which alone writes to the instance.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from cellmill.automation.source import Source
from cellmill.planning.instigator import Answer, Question

T = TypeVar("T")


class Evaluator(Generic[T]):
    """Questions that are being answered; `T` is what the asker knows an answer by."""

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._name = name
        self._answers: queue.SimpleQueue[tuple[str, T, Answer | Exception]] = queue.SimpleQueue()
        #: Answers that are still to come, by location.
        self._open: Counter[str] = Counter()

    def is_busy(self, location: str) -> bool:
        """Whether a location still has questions to answer; it is asked nothing more until it has."""
        return self._open[location] > 0

    def ask(self, location: str, works: Sequence[tuple[T, Question]]) -> None:
        """Ask a location that is not busy, in order."""
        self._open[location] += len(works)
        thread = threading.Thread(
            target=self._ask, args=(location, works), name=f"cellmill-{self._name}-{location}", daemon=True
        )
        thread.start()

    def answers(self, patience_s: float | None = None) -> Iterator[tuple[T, Answer | Exception]]:
        """Yield answers as they come, until none is open or so many seconds have passed; the rest is kept."""
        end = None if patience_s is None else time.monotonic() + patience_s
        while self._open.total():
            try:
                location, work, answer = self._answers.get(
                    timeout=None if end is None else max(0.0, end - time.monotonic())
                )
            except queue.Empty:
                return
            self._open[location] -= 1
            yield work, answer

    def _ask(self, location: str, works: Sequence[tuple[T, Question]]) -> None:
        left = list(works)
        try:
            for answer in self._source.evaluate([question for _, question in works]):
                self._answers.put((location, left.pop(0)[0], answer))
        except Exception as error:  # the shell of a location: what it was not asked for that reason says so
            for work, _ in left:
                self._answers.put((location, work, error))
            left = []
        for work, question in left:
            self._answers.put((location, work, RuntimeError(f"The {question.who} was not evaluated")))


def answer_of(source: Source, question: Question) -> Answer:
    """What one function answers; raises whatever went wrong."""
    (answer,) = source.evaluate([question])
    if isinstance(answer, Exception):
        raise answer
    return answer
