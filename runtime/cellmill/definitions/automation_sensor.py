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

    Conditions of assets that no such sensor selects are evaluated together, location by location, in a switch of their
    own. An asset that several select belongs to the first of them.

    Args:
        name: Name, unique in its code location: letters, digits and underscores.
        target: The assets whose conditions it evaluates: a selection, a selection string, or a list of keys or assets.
        tags: Tags of the sensor itself.
        run_tags: Tags of the runs that it starts.
        default_status: Whether it is on before anybody switched it on or off.
        minimum_interval_seconds: Seconds from one evaluation to the next, at least; None means 30.
        description: Text shown with it.
        metadata: Metadata of the sensor itself, by name.
        emit_backfills: Whether all that one evaluation requests becomes one backfill where it is more than one
            partition of an asset; the backfill policies of the assets then count. Otherwise each partition is a run.
        use_user_code_server: Says that conditions may run code of the user; `default_condition` needs it.
        default_condition: The condition of selected assets that have none of their own.
        owners: Who answers for it: e-mail addresses, or "team:name".

    Raises:
        CheckError: for a `default_condition` without `use_user_code_server`.
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
