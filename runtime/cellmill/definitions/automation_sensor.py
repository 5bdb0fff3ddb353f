"""A sensor that evaluates automation conditions of the assets that it selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.definitions.run_request import DefaultSensorStatus, SkipReason
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.sensor import SensorDefinition, SensorType
from cellmill.definitions.tags import checked_tags
from cellmill.errors import CheckError


def _says_where(context: Any) -> SkipReason:
    return SkipReason("Automation conditions are evaluated by the daemon.")


class AutomationConditionSensorDefinition(SensorDefinition):
    """Says which assets' conditions are evaluated together, how often, and with which tags their runs start.

    Raises: CheckError where arguments contradict each other.
    """

    sensor_type = SensorType.AUTOMATION

    def __init__(
        self,
        name: str,
        *,
        target: Any,
        tags: Mapping[str, str] | None = None,
        run_tags: Mapping[str, Any] | None = None,
        default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
        minimum_interval_seconds: int | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        emit_backfills: bool = True,
        use_user_code_server: bool = False,
        default_condition: AutomationCondition | None = None,
        owners: Sequence[str] | None = None,
    ) -> None:
        if default_condition is not None and not use_user_code_server:
            raise CheckError("Setting a `default_condition` needs `use_user_code_server=True`.")
        super().__init__(
            name,
            evaluation_fn=_says_where,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description or "",
            default_status=default_status,
            asset_selection=AssetSelection.from_coercible(target),
            tags=tags,
            metadata=metadata,
            owners=owners,
        )
        self.description = description
        self.run_tags = checked_tags(run_tags, f"runs of the sensor {name!r}")
        self.emit_backfills = emit_backfills
        self.default_condition = default_condition
        self.use_user_code_server = use_user_code_server
