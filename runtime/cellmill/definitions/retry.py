"""Retry policies: how often, and after how long, a failed step is run again."""

from __future__ import annotations

import random
from enum import Enum

from cellmill.errors import InvalidDefinitionError


class Backoff(Enum):
    """How the delay of a `RetryPolicy` grows with each attempt.

    `LINEAR` waits 1, 2, 3 … times the delay; `EXPONENTIAL` waits 1, 3, 7 … times (2ⁿ - 1) the delay.
    """

    LINEAR = "LINEAR"
    EXPONENTIAL = "EXPONENTIAL"


class Jitter(Enum):
    """How chance changes the delay of a `RetryPolicy`, so that steps that failed together come back apart.

    `FULL` waits any time from nothing to the delay; `PLUS_MINUS` adds or takes off up to the policy's first delay.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    FULL = "FULL"
    PLUS_MINUS = "PLUS_MINUS"


class RetryPolicy:
    """How often, and after how many seconds, a failed step is run again.

    >>> RetryPolicy(max_retries=3, delay=2, backoff=Backoff.EXPONENTIAL).calculate_delay(2)
    6

    Args:
        max_retries: Times that a step is run again after its first failure; 0 is never.
        delay: Seconds before the first retry; None starts it at once.
        backoff: How the delay grows with each retry; None keeps it. Needs a `delay`.
        jitter: How chance changes the delay; None leaves it. Needs a `delay`.

    Raises:
        InvalidDefinitionError: where `max_retries` is no int, or there is backoff or jitter without a delay.
    """

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
        """Return the seconds to wait before a retry.

        Args:
            attempt_num: Which retry it is; the first is 1.
        """
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
