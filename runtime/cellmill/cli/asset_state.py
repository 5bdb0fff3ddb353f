"""What the command line shows of an asset's stored state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMaterialization:
    """The latest materialization of an asset."""

    run_id: str
    timestamp: float
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    stored_at: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetState:
    """Whether an asset is fresh, stale or missing, why, and when it was made."""

    state: str
    reasons: tuple[str, ...] = ()
    last: LastMaterialization | None = None
