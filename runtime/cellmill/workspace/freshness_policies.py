"""Freshness policies as the plain data that manifests carry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cellmill.definitions.freshness import CronFreshnessPolicy, FreshnessPolicy, TimeWindowFreshnessPolicy
from cellmill.errors import InvalidDefinitionError


def freshness_to_json(policy: object) -> dict[str, Any] | None:
    """Return a policy as JSON data; None for none, and for the older policy, which no condition reads."""
    if isinstance(policy, TimeWindowFreshnessPolicy):
        warn = policy.warn_window.total_seconds() if policy.warn_window is not None else None
        return {"kind": "time_window", "fail_s": policy.fail_window.total_seconds(), "warn_s": warn}
    if isinstance(policy, CronFreshnessPolicy):
        lower = policy.lower_bound_delta.total_seconds()
        return {"kind": "cron", "cron": policy.deadline_cron, "lower_s": lower, "timezone": policy.timezone}
    return None


def freshness_from_json(data: Mapping[str, Any] | None) -> FreshnessPolicy | None:
    """Return the policy of `freshness_to_json`."""
    if data is None:
        return None
    if data["kind"] == "time_window":
        warn = None if data["warn_s"] is None else timedelta(seconds=data["warn_s"])
        return FreshnessPolicy.time_window(timedelta(seconds=data["fail_s"]), warn)
    if data["kind"] == "cron":
        return FreshnessPolicy.cron(data["cron"], timedelta(seconds=data["lower_s"]), data["timezone"])
    raise InvalidDefinitionError(f"There is no freshness policy of the kind {data['kind']!r}.")
