"""Checks of assets, and how they went."""

from __future__ import annotations

from typing import Any

import strawberry

from cellmill.definitions.asset_key import AssetCheckKey
from cellmill.definitions.asset_key import AssetKey as Key
from cellmill.graphql.context import Context
from cellmill.graphql.documented import LimitArg, documented, page_size, said
from cellmill.graphql.metadata import AssetKey, MetadataEntry, metadata_entries
from cellmill.planning.event import Event
from cellmill.workspace.manifest import CheckEntry


@strawberry.type(description="One evaluation of a check.")
class AssetCheckEvaluation:
    """One evaluation of a check."""

    success: bool = said("Whether it passed.")
    severity: str = said("How serious it is where it did not: `WARN` or `ERROR`.")
    timestamp: float = said("When, in seconds since the epoch.")
    run_id: str = said("The run that evaluated it.")
    partition: str | None = said("The partition that it looked at.")
    description: str | None = said("What it found, in words.")
    metadata_entries: list[MetadataEntry] = said("Labelled values.")

    @classmethod
    def of(cls, event: Event) -> AssetCheckEvaluation:
        """The API's form of a recorded evaluation."""
        found: Any = event.asset_check_evaluation
        return cls(
            success=found.passed,
            severity=found.severity.value,
            timestamp=event.timestamp,
            run_id=event.run_id,
            partition=found.partition,
            description=found.description,
            metadata_entries=metadata_entries(found.metadata),
        )


@strawberry.type(description="A check of an asset.")
class AssetCheck:
    """A check of an asset."""

    entry: strawberry.Private[CheckEntry]

    @documented
    def name(self) -> str:
        """The check's name."""
        return self.entry.name

    @documented
    def asset_key(self) -> AssetKey:
        """The asset it checks."""
        return AssetKey(path=list(self.entry.asset))

    @documented
    def description(self) -> str | None:
        """What it checks."""
        return self.entry.description

    @documented
    def blocking(self) -> bool:
        """Whether a failure keeps what is downstream from being made."""
        return self.entry.blocking

    @documented
    def evaluations(self, info: strawberry.Info[Context, None], limit: LimitArg = None) -> list[AssetCheckEvaluation]:
        """How it went, newest first."""
        key = AssetCheckKey(Key(self.entry.asset), self.entry.name)
        found = info.context.instance.get_asset_check_evaluations(key, limit=page_size(limit))
        return [AssetCheckEvaluation.of(record.event_log_entry) for record in found]
