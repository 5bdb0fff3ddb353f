"""Asset checks that look at when assets were last updated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cellmill.definitions.asset_check import AssetChecksDefinition, AssetCheckSpec, multi_asset_check
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.cron import parse_cron
from cellmill.definitions.events import AssetCheckResult, AssetCheckSeverity
from cellmill.definitions.local_time import load_zone
from cellmill.definitions.metadata import MetadataValue
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.run_request import DefaultSensorStatus, RunRequest, SkipReason
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.sensor import SensorDefinition
from cellmill.definitions.sensor_context import SensorEvaluationContext
from cellmill.errors import CheckError, InvalidDefinitionError

CHECK_NAME = "freshness_check"
PARAMS = "dagster/freshness_params"
LOWER_BOUND = "dagster/freshness_lower_bound_timestamp"
LAST_TICK = "dagster/latest_cron_tick_timestamp"
FRESH_UNTIL = "dagster/fresh_until_timestamp"
#: Among how many observations that of a partition is looked for.
MOST_OBSERVATIONS = 1_000
#: In the metadata of a materialization or an observation, when the asset itself was updated.
LAST_UPDATED = "dagster/last_updated_timestamp"


def build_last_update_freshness_checks(
    *,
    assets: Sequence[Any],
    lower_bound_delta: timedelta,
    deadline_cron: str | None = None,
    timezone: str = "UTC",
    severity: AssetCheckSeverity = AssetCheckSeverity.WARN,
    blocking: bool = False,
) -> Sequence[AssetChecksDefinition]:
    """Checks that each asset was updated lately.

    Each asset gets a check named `freshness_check`, whose metadata says when it was updated last. An observation counts
    where its metadata says when that was, under `dagster/last_updated_timestamp`.

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
        times: dict[str, float | None] = {LOWER_BOUND: earliest, LAST_TICK: None if cron is None else deadline}
        if passed and updated is not None:
            times[FRESH_UNTIL] = cron.next(now, zone) if cron else updated + lower_bound_delta.total_seconds()
        times[LAST_UPDATED] = updated
        return AssetCheckResult(
            passed=passed,
            asset_key=key,
            check_name=CHECK_NAME,
            severity=severity,
            description=_since(passed, now, updated, earliest),
            metadata=_metadata(facts, times),
        )

    facts: dict[str, Any] = {"timezone": timezone, "lower_bound_delta_seconds": lower_bound_delta.total_seconds()}
    if deadline_cron is not None:
        facts["deadline_cron"] = deadline_cron
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
        now = time.time()
        deadline = float(cron.previous(now, zone))
        windows = getattr(definitions[key], "partitions_def", None)
        if not isinstance(windows, TimeWindowPartitionsDefinition):
            raise InvalidDefinitionError(f"The asset {key.to_user_string()} is not partitioned by time")
        wanted = windows.get_last_partition_key(datetime.fromtimestamp(deadline, UTC))
        passed = wanted is None or _has_arrived(context.instance, key, wanted)
        updated = None if passed else _last_update(context.instance, key)
        until = float(cron.next(now, zone)) if passed else None
        return AssetCheckResult(
            passed=passed,
            asset_key=key,
            check_name=CHECK_NAME,
            severity=severity,
            description=_of_partition(passed, wanted, updated),
            metadata=_metadata(facts, {LAST_TICK: deadline, FRESH_UNTIL: until, LAST_UPDATED: updated}),
        )

    facts = {"timezone": timezone, "deadline_cron": deadline_cron}
    return [_checks(keys, judge, blocking, facts)]


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
        found += (
            list(keys)
            if keys is not None and not isinstance(item, str)
            else [AssetKey.from_coercible_or_definition(item)]
        )
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
    metadata = {PARAMS: MetadataValue.json(facts)}
    what = "Evaluates freshness for targeted asset."
    specs = [
        AssetCheckSpec(CHECK_NAME, asset=key, description=what, blocking=blocking, metadata=metadata) for key in keys
    ]

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
    """When the asset was updated last, as its last materialization and observation say.

    An observation counts where it says when that was, and as that: looking at an asset does not make it fresh.
    """
    made = instance.fetch_materializations(key, limit=1).records
    seen = instance.fetch_observations(key, limit=1).records
    times = [_said(one.asset_materialization) or one.timestamp for one in made if one.asset_materialization is not None]
    times += [at for one in seen if one.asset_observation is not None and (at := _said(one.asset_observation))]
    return max(times, default=None)


def _has_arrived(instance: Any, key: AssetKey, partition: str) -> bool:
    if partition in instance.get_materialized_partitions(key):
        return True
    seen = instance.fetch_observations(key, limit=MOST_OBSERVATIONS).records
    return any(one.asset_observation is not None and one.asset_observation.partition == partition for one in seen)


def _said(event: Any) -> float | None:
    value = getattr(event.metadata.get(LAST_UPDATED), "value", None)
    return float(value) if isinstance(value, (int, float)) else None


def _metadata(facts: Mapping[str, Any], times: Mapping[str, float | None]) -> dict[str, Any]:
    known = {name: MetadataValue.timestamp(at) for name, at in times.items() if at is not None}
    return {PARAMS: MetadataValue.json(dict(facts)), **known}


def _since(passed: bool, now: float, updated: float | None, earliest: float) -> str:
    if updated is None:
        return "Asset has never been observed/materialized."
    past, allowed = _duration(now - updated), _duration(now - earliest)
    if passed:
        return f"Asset is currently fresh. The last update was {past} ago, within the allowed time range of {allowed}."
    return (
        f"Asset is overdue for an update. The last update was {past} ago, which is past the allowed distance of "
        f"{allowed} ago."
    )


def _of_partition(passed: bool, partition: str | None, updated: float | None) -> str:
    if passed:
        return f"Asset is currently fresh, since partition {partition} has been observed/materialized."
    if updated is None:
        return (
            "The asset has never been observed/materialized. We currently expect partition "
            f"{partition} to have arrived."
        )
    return f"Asset is overdue. We expected partition {partition} to have arrived, and it has not."


def _duration(seconds: float) -> str:
    left = int(seconds)
    parts = []
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count > 0:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return ", ".join(parts) or "0 seconds"
