"""Which runs a run status sensor watches: those of its own code location, of others that it names, or of all."""

from __future__ import annotations

from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.sensors import Sensors
from cellmill.instance.instance import Instance
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import Run


@cm.op
def nothing() -> None:
    """Nothing."""


@cm.job
def load() -> None:
    """A job of the sensor's own location."""
    nothing()


RUNS = (("here", "load"), ("here", "other"), ("there", "load"), ("there", "report"), ("far", "load"), ("", "load"))
ALL = ["@.load", "far.load", "here.load", "here.other", "there.load", "there.report"]


def answered(instance: Instance, **options: Any) -> list[str]:
    """The runs for which a sensor of the location `here` asks for one of its own: location and job."""

    @cm.run_status_sensor(
        run_status=cm.RunStatus.SUCCESS,
        default_status=cm.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=1,
        request_job=load,
        **options,
    )
    def after(context: cm.RunStatusSensorContext) -> cm.RunRequest:
        run = context.dagster_run
        return cm.RunRequest(run.run_id, tags={"about": f"{run.location or '@'}.{run.job_name}"})

    clock = ManualClock(1_700_000_000.0)
    sensors = Sensors(instance, DefinitionsSource(sensors=[after], instance=instance, location="here"), clock, "me")
    sensors.run_once()
    for location, job in RUNS:
        run = instance.add_run(Run(job_name=job, location=location))
        steps = (EventType.RUN_START, EventType.RUN_SUCCESS)
        instance.run_writer(run.run_id).append([Event(kind, run.run_id, clock.now()) for kind in steps])
    clock.advance(60)
    done = sensors.run_once()
    assert 0 == done.failed
    return sorted(run.tags["about"] for run in instance.get_runs() if "about" in run.tags)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["@.load", "here.load", "here.other"]),
        ({"monitored_jobs": [load]}, ["@.load", "here.load"]),
        ({"monitor_all_code_locations": True}, ALL),
        ({"monitor_all_repositories": True}, ALL),
        ({"monitored_jobs": [cm.JobSelector(location_name="there", job_name="load")]}, ["there.load"]),
        ({"monitored_jobs": [cm.CodeLocationSelector(location_name="there")]}, ["there.load", "there.report"]),
        (
            {"monitored_jobs": [cm.RepositorySelector(location_name="far", repository_name="__repository__"), load]},
            ["@.load", "far.load", "here.load"],
        ),
        (
            {"job_selection": [cm.JobSelector(job_name="load")]},
            ["@.load", "far.load", "here.load", "there.load"],
        ),
    ],
    ids=["own", "job", "all", "older name", "job selector", "location", "repository and job", "job anywhere"],
)
def test_what_is_watched(instance: Instance, options: dict[str, Any], expected: list[str]) -> None:
    """A run without a location, as one over assets of several, counts as one of the sensor's own."""
    assert expected == answered(instance, **options)
