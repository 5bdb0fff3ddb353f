"""How many steps of a run may go on at once: in all, by tag, and in pools that runs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellmill.errors import InvalidConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLimit:
    """At most so many steps with a tag work at the same time.

    Args:
        key: The tag.
        limit: How many steps.
        value: The tag's value; None means any.
        each_value: Whether the limit holds for each value by itself.
    """

    key: str
    limit: int
    value: str | None = None
    each_value: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TagLimit:
        """Return the limit that one entry of `tag_concurrency_limits` describes.

        Args:
            config: A dict with `key`, `limit`, and maybe `value`.

        Raises:
            InvalidConfigError: where the entry lacks one of them.
        """
        value = config.get("value")
        each = isinstance(value, Mapping) and bool(value.get("applyLimitPerUniqueValue"))
        if not isinstance(config.get("limit"), int):
            raise InvalidConfigError(
                f"An entry of tag_concurrency_limits needs 'key' and 'limit'; got {dict(config)!r}."
            )
        return cls(
            key=str(config["key"]),
            limit=int(config["limit"]),
            value=None if value is None or each else str(value),
            each_value=each,
        )

    def group(self, tags: Mapping[str, str]) -> str | None:
        """Return the name of the group in which a step with these tags counts; None where the limit is not about it."""
        found = tags.get(self.key)
        if found is None or (self.value is not None and found != self.value):
            return None
        return f"{self.key}={found}" if self.each_value else self.key


class StepLimits:
    """Says which steps may start now, and keeps count."""

    def __init__(self, most: int, tag_limits: Sequence[TagLimit] = (), *, leases: Any = None, run_id: str = "") -> None:
        self.most = most
        self._tag_limits = tuple(tag_limits)
        self._leases = leases
        self._run_id = run_id
        self._running: dict[str, Mapping[str, str]] = {}
        self._pooled: set[str] = set()

    def take(self, key: str, step: Any) -> bool:
        """Return True and count the step when nothing forbids that it starts now."""
        if len(self._running) >= self.most:
            return False
        tags = step.tags or {}
        for limit in self._tag_limits:
            group = limit.group(tags)
            if (
                group is not None
                and sum(limit.group(other) == group for other in self._running.values()) >= limit.limit
            ):
                return False
        pools = pools_of(step)
        if pools and self._leases is not None:
            if not self._leases.claim_slots(pools, self._run_id, key):
                return False
            self._pooled.add(key)
        self._running[key] = tags
        return True

    def give_back(self, key: str) -> None:
        """Note that the step has ended."""
        self._running.pop(key, None)
        if key in self._pooled:
            self._pooled.discard(key)
            self._leases.free_slots(self._run_id, key)


def pools_of(step: Any) -> list[str]:
    """Return the pools in which a step takes a slot."""
    pool = getattr(step.op, "pool", None)
    if not pool:
        return []
    return [pool] if isinstance(pool, str) else sorted(pool)
