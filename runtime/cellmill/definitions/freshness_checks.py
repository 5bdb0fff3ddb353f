"""Asset checks that look at when assets were last updated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cellmill.definitions.asset_check import AssetChecksDefinition, AssetCheckSpec, multi_asset_check
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.cron import parse_cron
from cellmill.definitions.events import AssetCheckResult, AssetCheckSeverity
from cellmill.definitions.local_time import load_zone
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.run_request import DefaultSensorStatus, RunRequest, SkipReason
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.sensor import SensorDefinition
from cellmill.definitions.sensor_context import SensorEvaluationContext
from cellmill.errors import CheckError, InvalidDefinitionError

CHECK_NAME = "freshness_check"


def build_last_update_freshness_checks(
    *,
    assets: Sequence[Any],
    lower_bound_delta: timedelta,
    deadline_cron: str | None = None,
    timezone: str = "UTC",
    severity: AssetCheckSeverity = AssetCheckSeverity.WARN,
    blocking: bool = False,
) -> Sequence[AssetChecksDefinition]:
    """Checks that each asset was materialized or observed lately.

    Each asset gets a check named `freshness_check`, whose metadata says when it was updated last.

    Args:
        assets: The assets: definitions, specs, keys or their texts.
        lower_bound_delta: How long ago the last update may be, counted back from now or from the deadline.
        deadline_cron: Cron expression of deadlines: the update has to be within `lower_bound_delta` before the last
            one, or since; None counts from now.
        timezone: IANA name of the zone whose wall-clock time the expression means.
        severity: How much it matters that an asset is late.
        blocking: Whether a late asset stops what is downstream in the same run (with severity `ERROR`).

    Raises:
        CheckError: for no assets, or one that comes twice.
        InvalidCronError: for an expression that is none.
    """
    keys = _keys(assets)
    zone = load_zone(timezone)
    cron = None if deadline_cron is None else parse_cron(deadline_cron)
    if not isinstance(lower_bound_delta, timedelta):
        raise CheckError(f"lower_bound_delta is a timedelta, not {lower_bound_delta!r}")

    def judge(context: Any, key: AssetKey) -> AssetCheckResult:
        now = time.time()
        deadline = now if cron is None else float(cron.previous(now, zone))
        earliest = deadline - lower_bound_delta.total_seconds()
        updated = _last_update(context.instance, key)
        passed = updated is not None and updated >= earliest
        metadata: dict[str, Any] = {"lower_bound": _text(earliest)}
        if updated is not None:
            metadata["last_updated"] = _text(updated)
        what = "is fresh" if passed else "is overdue for an update"
        return AssetCheckResult(
            passed=passed,
            asset_key=key,
            check_name=CHECK_NAME,
            severity=severity,
            description=f"Asset {key.to_user_string()} {what}.",
            metadata=metadata,
        )

    facts = {
        "lower_bound_delta": lower_bound_delta.total_seconds(),
        "deadline_cron": deadline_cron,
        "timezone": timezone,
    }
    return [_checks(keys, judge, blocking, facts)]


def build_time_partition_freshness_checks(
    *,
    assets: Sequence[Any],
    deadline_cron: str,
    timezone: str = "UTC",
    severity: AssetCheckSeverity = AssetCheckSeverity.WARN,
    blocking: bool = False,
) -> Sequence[AssetChecksDefinition]:
    """Checks that, at the last tick of the cron expression, the last partition that had ended was materialized.

    Each asset gets a check named `freshness_check`, whose metadata says which partition it looked for.

    Args:
        assets: Definitions or specs of assets that are partitioned by time.
        deadline_cron: Cron expression of the deadlines.
        timezone: IANA name of the zone whose wall-clock time the expression means.
        severity: How much it matters that an asset is late.
        blocking: Whether a late asset stops what is downstream in the same run (with severity `ERROR`).

    Raises:
        CheckError: for no assets, or one that comes twice.
        InvalidCronError: for an expression that is none.
    """
    keys = _keys(assets)
    cron, zone = parse_cron(deadline_cron), load_zone(timezone)
    definitions = {key: item for item in assets for key in _keys([item])}

    def judge(context: Any, key: AssetKey) -> AssetCheckResult:
        deadline = cron.previous(time.time(), zone)
        windows = getattr(definitions[key], "partitions_def", None)
        if not isinstance(windows, TimeWindowPartitionsDefinition):
            raise InvalidDefinitionError(f"The asset {key.to_user_string()} is not partitioned by time")
        wanted = windows.get_last_partition_key(datetime.fromtimestamp(deadline, UTC))
        passed = wanted is None or wanted in context.instance.get_materialized_partitions(key)
        return AssetCheckResult(
            passed=passed,
            asset_key=key,
            check_name=CHECK_NAME,
            severity=severity,
            description=f"Partition {wanted} is {'fresh' if passed else 'overdue'}.",
            metadata={"partition": str(wanted), "deadline": _text(deadline)},
        )

    return [_checks(keys, judge, blocking, {"deadline_cron": deadline_cron, "timezone": timezone})]


def build_sensor_for_freshness_checks(
    *,
    freshness_checks: Sequence[AssetChecksDefinition],
    minimum_interval_seconds: int | None = None,
    name: str = "freshness_checks_sensor",
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    tags: Any = None,
) -> SensorDefinition:
    """A sensor that runs the checks again at each of its evaluations.

    Args:
        freshness_checks: What `build_last_update_freshness_checks` and its like returned.
        minimum_interval_seconds: Seconds from one evaluation to the next, at least; None means 30.
        name: Name of the sensor.
        default_status: Whether it is on before anybody switched it on or off.
        tags: Tags of the sensor and of the runs that it starts.

    Raises:
        CheckError: where there are no checks.
    """
    keys = [key for checks in freshness_checks for key in checks.check_keys]
    if not keys:
        raise CheckError("There are no freshness checks to run: pass what build_last_update_freshness_checks returned")

    def evaluate(context: SensorEvaluationContext) -> Any:
        if not keys:
            return SkipReason("No freshness checks to evaluate.")
        return RunRequest(asset_check_keys=keys, run_key=None)

    return SensorDefinition(
        name,
        evaluation_fn=evaluate,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        tags=tags,
        asset_selection=AssetSelection.checks(*keys),
    )


def _keys(assets: Iterable[Any]) -> list[AssetKey]:
    found: list[AssetKey] = []
    for item in assets:
        keys = getattr(item, "keys", None)
        found += list(keys) if keys is not None and not isinstance(item, str) else [AssetKey.from_coercible(item)]
    if not found:
        raise CheckError("There are no assets to check: pass assets=[…]")
    twice = sorted({key.to_user_string() for key in found if found.count(key) > 1})
    if twice:
        raise CheckError(f"Found duplicate assets in the provided list: {twice}")
    return found


def _checks(
    keys: Sequence[AssetKey], judge: Callable[[Any, AssetKey], AssetCheckResult], blocking: bool, facts: dict[str, Any]
) -> AssetChecksDefinition:
    digest = sha256("|".join(sorted(key.to_user_string() for key in keys)).encode()).hexdigest()[:8]
    specs = [AssetCheckSpec(CHECK_NAME, asset=key, blocking=blocking, metadata=facts) for key in keys]

    @multi_asset_check(specs=specs, can_subset=True, name=f"freshness_check_{digest}")
    def check(context: Any) -> Any:
        selected = getattr(context, "selected_asset_check_keys", None)
        wanted = {one.asset_key for one in selected} if selected else set(keys)
        for key in keys:
            if key in wanted:
                yield judge(context, key)

    made: AssetChecksDefinition = check
    return made


def _last_update(instance: Any, key: AssetKey) -> float | None:
    state = instance.asset_states([key]).get(key)
    if state is None:
        return None
    times = [moment for moment in (state.timestamp, state.observed_at) if moment is not None]
    return max(times, default=None)


def _text(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="seconds")
