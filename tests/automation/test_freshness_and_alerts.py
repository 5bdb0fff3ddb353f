"""Freshness checks and the sensors that tell somebody about failed runs."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import cellmill as cm
import pytest
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import Run


def test_a_freshness_check_passes_right_after_the_asset_was_made() -> None:
    """An asset that was just made is fresh; one that never was is overdue."""

    @cm.asset
    def made() -> None: ...

    @cm.asset
    def never() -> None: ...

    instance = cm.Instance.ephemeral()
    checks = cm.build_last_update_freshness_checks(assets=[made, never], lower_bound_delta=timedelta(hours=1))
    cm.materialize([made], instance=instance)
    result = cm.materialize(
        [made, never, *checks], instance=instance, selection=cm.AssetSelection.checks(*checks[0].check_keys)
    )

    assert {"made": True, "never": False} == {
        found.asset_key.to_user_string(): found.passed for found in result.get_asset_check_evaluations()
    }


@pytest.mark.parametrize(("age_h", "expected"), [(1, "PASS"), (13, "WARN"), (25, "FAIL")])
def test_a_time_window_policy_warns_and_fails_by_age(age_h: int, expected: str) -> None:
    """The state follows from the age alone."""
    policy = cm.FreshnessPolicy.time_window(timedelta(hours=24), timedelta(hours=12))
    now = datetime(2024, 1, 2, tzinfo=UTC)

    assert expected == policy.state(now - timedelta(hours=age_h), now)
    assert "UNKNOWN" == policy.state(None, now)


def test_a_cron_policy_looks_at_its_last_deadline() -> None:
    """Made shortly before the deadline, or since: passed; longer before: late."""
    policy = cm.FreshnessPolicy.cron("0 6 * * *", timedelta(hours=2), "Europe/Berlin")
    now = datetime(2024, 1, 2, 12, tzinfo=UTC)

    assert "PASS" == policy.state(datetime(2024, 1, 2, 4, tzinfo=UTC), now)
    assert "FAIL" == policy.state(datetime(2024, 1, 2, 2, tzinfo=UTC), now)


def test_a_webhook_gets_each_failed_run_once() -> None:
    """The sensor skips what failed before it was switched on, then posts every failure, with job and error."""
    posted: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        sensor = cm.make_webhook_on_run_failure_sensor(f"http://127.0.0.1:{server.server_port}/")
        instance = cm.Instance.ephemeral()

        def fail() -> None:
            run = Run(job_name="etl")
            instance.add_run(run)
            event = Event(type=EventType.RUN_FAILURE, run_id=run.run_id, timestamp=time.time(), message="disk is full")
            instance.run_writer(run.run_id).append([event])

        fail()
        first = sensor.evaluate_tick(cm.build_sensor_context(instance))
        fail()
        second = sensor.evaluate_tick(cm.build_sensor_context(instance, cursor=first.cursor))
        third = sensor.evaluate_tick(cm.build_sensor_context(instance, cursor=second.cursor))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert 1 == len(posted) and "etl" in posted[0]["text"] and "disk is full" in posted[0]["text"]
    assert third.skip_message is not None
