"""When schedules are due: the planning side's door to cron expressions."""

from __future__ import annotations

from cellmill.definitions.cron import Cron, cron_string_iterator, is_valid_cron, parse_cron, union_ticks

__all__ = ["Cron", "cron_string_iterator", "is_valid_cron", "parse_cron", "union_ticks"]
