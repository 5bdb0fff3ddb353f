"""Retry policies: how often, and after how long, a failed step is run again."""

from __future__ import annotations

import random
from enum import Enum

from cellmill.errors import InvalidDefinitionError


class Backoff(Enum):
    """How the delay grows with each attempt."""

    LINEAR = "LINEAR"
    EXPONENTIAL = "EXPONENTIAL"


class Jitter(Enum):
    """How chance changes the delay."""

    FULL = "FULL"
    PLUS_MINUS = "PLUS_MINUS"


class RetryPolicy:
    """How often, and after how many seconds, a failed step is run again."""

    __slots__ = ("backoff", "delay", "jitter", "max_retries")

    def __init__(
        self,
        max_retries: int = 1,
        delay: float | None = None,
        backoff: Backoff | None = None,
        jitter: Jitter | None = None,
    ) -> None:
        if isinstance(max_retries, bool) or not isinstance(max_retries, int):
            raise InvalidDefinitionError(f"max_retries of a RetryPolicy is an int; got {max_retries!r}.")
        if backoff is not None and delay is None:
            raise InvalidDefinitionError("Can not set jitter or backoff on RetryPolicy without also setting delay")
        if jitter is not None and delay is None:
            raise InvalidDefinitionError("Can not set jitter or backoff on RetryPolicy without also setting delay")
        self.max_retries = max_retries
        self.delay = delay
        self.backoff = backoff
        self.jitter = jitter

    def calculate_delay(self, attempt_num: int) -> float:
        """Return the seconds to wait before attempt `attempt_num` (the first retry is 1)."""
        delay = self.delay or 0
        if self.backoff is Backoff.EXPONENTIAL:
            delay = (2**attempt_num - 1) * delay
        elif self.backoff is Backoff.LINEAR:
            delay = attempt_num * delay
        if self.jitter is Jitter.FULL:
            delay = random.random() * delay
        elif self.jitter is Jitter.PLUS_MINUS:
            delay += ((2 * random.random()) - 1) * (self.delay or 0)
        return max(delay, 0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RetryPolicy) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.max_retries, self.delay, self.backoff, self.jitter))

    def __repr__(self) -> str:
        return f"RetryPolicy(max_retries={self.max_retries}, delay={self.delay})"
