"""How old an asset may be before it counts as late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from cellmill.definitions.cron import parse_cron
from cellmill.definitions.local_time import load_zone
from cellmill.errors import CheckError, InvalidDefinitionError


class FreshnessState(StrEnum):
    """How an asset stands against its policy.

    `PASS` and `FAIL` say whether it holds, `WARN` that it will soon not; `UNKNOWN` is an asset that was never made, and
    `NOT_APPLICABLE` one without a policy.
    """

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class FreshnessPolicy:
    """How old an asset may be; made by `time_window` or `cron`."""

    @staticmethod
    def time_window(fail_window: timedelta, warn_window: timedelta | None = None) -> TimeWindowFreshnessPolicy:
        """Late when the last materialization is too old.

        Args:
            fail_window: How old it may be; at least a minute.
            warn_window: From which age on it is a warning; less than `fail_window`. None never warns.
        """
        return TimeWindowFreshnessPolicy(fail_window, warn_window)

    @staticmethod
    def cron(deadline_cron: str, lower_bound_delta: timedelta, timezone: str = "UTC") -> CronFreshnessPolicy:
        """Late when a deadline passed without a materialization shortly before it.

        Args:
            deadline_cron: Cron expression of the deadlines.
            lower_bound_delta: How long before a deadline a materialization counts; at most the time between two
                deadlines.
            timezone: IANA name of the zone whose wall-clock time the expression means.
        """
        return CronFreshnessPolicy(deadline_cron, lower_bound_delta, timezone)

    def state(self, last_materialized_at: datetime | None, now: datetime) -> FreshnessState:
        """How an asset stands against the policy.

        Args:
            last_materialized_at: When it was made last, with a time zone; None: never, which is `UNKNOWN`.
            now: The moment that is asked about, with a time zone.
        """
        raise CheckError("Use FreshnessPolicy.time_window or FreshnessPolicy.cron")


@dataclass(frozen=True)
class TimeWindowFreshnessPolicy(FreshnessPolicy):
    """Late when the last materialization is older than a span of time.

    Made by `FreshnessPolicy.time_window`.

    Args:
        fail_window: How old it may be; at least a minute.
        warn_window: From which age on it is a warning; less than `fail_window`. None never warns.

    Raises:
        CheckError: for a window below a minute, or a warning that comes after the failure.
    """

    fail_window: timedelta
    warn_window: timedelta | None = None

    def __post_init__(self) -> None:
        if self.fail_window < timedelta(seconds=60):
            raise CheckError("fail_window cannot be less than 1 minute")
        if self.warn_window is not None and self.warn_window < timedelta(seconds=60):
            raise CheckError("warn_window cannot be less than 1 minute")
        if self.warn_window is not None and self.warn_window >= self.fail_window:
            raise CheckError("warn_window must be less than fail_window")

    def state(self, last_materialized_at: datetime | None, now: datetime) -> FreshnessState:
        if last_materialized_at is None:
            return FreshnessState.UNKNOWN
        age = now - last_materialized_at
        if age > self.fail_window:
            return FreshnessState.FAIL
        return FreshnessState.WARN if self.warn_window is not None and age > self.warn_window else FreshnessState.PASS


@dataclass(frozen=True)
class CronFreshnessPolicy(FreshnessPolicy):
    """Late when a deadline passed without a materialization shortly before it or since.

    Made by `FreshnessPolicy.cron`.

    Args:
        deadline_cron: Cron expression of the deadlines.
        lower_bound_delta: How long before a deadline a materialization counts; at most the time between two deadlines.
        timezone: IANA name of the zone whose wall-clock time the expression means.

    Raises:
        InvalidCronError: for an expression that is none.
        CheckError: for a span below a minute, or longer than the time between two deadlines.
    """

    deadline_cron: str
    lower_bound_delta: timedelta
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        cron, zone = parse_cron(self.deadline_cron), load_zone(self.timezone)
        if self.lower_bound_delta < timedelta(minutes=1):
            raise CheckError("lower_bound_delta must be greater than or equal to 1 minute")
        ticks = cron.ticks(datetime(2024, 1, 1, tzinfo=UTC).timestamp(), zone)
        gap = -next(ticks) + next(ticks)
        if self.lower_bound_delta > timedelta(seconds=gap):
            raise CheckError(
                f"lower_bound_delta {self.lower_bound_delta} is longer than the {timedelta(seconds=gap)} "
                f"between two deadlines of "
                f"{self.deadline_cron!r}"
            )

    def state(self, last_materialized_at: datetime | None, now: datetime) -> FreshnessState:
        if last_materialized_at is None:
            return FreshnessState.UNKNOWN
        deadline = parse_cron(self.deadline_cron).previous(now.timestamp(), load_zone(self.timezone))
        earliest = deadline - self.lower_bound_delta.total_seconds()
        return FreshnessState.PASS if last_materialized_at.timestamp() >= earliest else FreshnessState.FAIL


@dataclass(frozen=True, kw_only=True)
class LegacyFreshnessPolicy:
    """The older policy: at most so many minutes behind, optionally only at the ticks of a cron expression.

    Args:
        maximum_lag_minutes: How many minutes old the asset's data may be.
        cron_schedule: When that has to hold; None means always.
        cron_schedule_timezone: IANA name of the zone of `cron_schedule`; None means UTC.

    Raises:
        InvalidDefinitionError: for a lag that is not positive.
        CheckError: for a zone without an expression.
    """

    maximum_lag_minutes: float
    cron_schedule: str | None = None
    cron_schedule_timezone: str | None = None

    def __post_init__(self) -> None:
        if self.maximum_lag_minutes <= 0:
            raise InvalidDefinitionError(f"maximum_lag_minutes must be positive, not {self.maximum_lag_minutes}")
        if self.cron_schedule is not None:
            parse_cron(self.cron_schedule)
            load_zone(self.cron_schedule_timezone or "UTC")
        elif self.cron_schedule_timezone is not None:
            raise CheckError("Cannot specify cron_schedule_timezone without a cron_schedule.")

    @property
    def maximum_lag_delta(self) -> timedelta:
        """The lag as a span of time."""
        return timedelta(minutes=self.maximum_lag_minutes)


def apply_freshness_policy(spec: Any, policy: FreshnessPolicy, overwrite_existing: bool = True) -> Any:
    """Return the spec with a freshness policy.

    Args:
        spec: An `AssetSpec`.
        policy: The policy, made by `FreshnessPolicy.time_window` or `FreshnessPolicy.cron`.
        overwrite_existing: Whether it takes the place of a policy that the spec has already.

    Raises:
        CheckError: for something that is no freshness policy.
    """
    if not isinstance(policy, FreshnessPolicy):
        raise CheckError(f"A freshness policy is made by FreshnessPolicy.time_window or .cron; got {policy!r}.")
    if spec.freshness_policy is not None and not overwrite_existing:
        return spec
    return spec.replace_attributes(freshness_policy=policy)
