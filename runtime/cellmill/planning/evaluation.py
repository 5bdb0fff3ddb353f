"""What an evaluation of automation conditions found: for which partitions each was true, and what is requested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.planning.automation_view import EntityKey, Keys

#: Partitions that the explanation of a condition names.
MAX_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """For which partitions a condition was true, and the same of its parts."""

    condition: AutomationCondition
    true: Keys
    candidates: Keys
    #: The asset that the condition looked at.
    asset: AssetKey
    children: tuple[Evaluation, ...] = ()
    #: Since when it is true, for those partitions of which that is known.
    times: Mapping[str | None, float] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The condition in words."""
        return self.condition.label or self.condition.description

    @property
    def partitions(self) -> list[str]:
        """The partitions for which it was true, in order; none of an asset without partitions."""
        return sorted(key for key in self.true if key is not None)

    def explain(self, indent: int = 0) -> str:
        """The evaluation as lines of text, one for each condition."""
        sign = "✓" if self.true else "✗"
        keys = self.partitions
        which = f" [{', '.join(keys[:5])}{' …' if len(keys) > 5 else ''}]" if keys else ""
        line = f"{'  ' * indent}{sign} {self.shown} ({self.asset.to_user_string()}){which}"
        return "\n".join([line, *(child.explain(indent + 1) for child in self.children)])

    def rows(self, depth: int = 0) -> Iterator[dict[str, Any]]:
        """The evaluation as plain data: a row for each condition, those that it is made of right behind it."""
        keys = self.partitions
        yield {
            "depth": depth,
            "condition": self.shown,
            "asset": self.asset.to_user_string(),
            "true": bool(self.true),
            "count": len(keys),
            "partitions": keys[:MAX_SHOWN],
        }
        for child in self.children:
            yield from child.rows(depth + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionsResult:
    """What is requested, why, and the memory for the next evaluation.

    Args:
        requested: The partitions that are requested by asset or check; {None} of one without partitions.
        evaluations: The evaluation of each condition, by asset or check.
        cursor: What the next evaluation gets; plain data.
    """

    requested: Mapping[EntityKey, Keys]
    evaluations: Mapping[EntityKey, Evaluation]
    cursor: dict[str, Any]

    @property
    def total_requested(self) -> int:
        """How many partitions are requested, all assets together."""
        return sum(len(keys) for keys in self.requested.values())
