"""Sensors of the status of runs."""

from tests.conformance.api import dg


@dg.op
def nop():
    return 1


@dg.job
def target():
    nop()


def test_run_failure_sensor():
    """A run failure sensor is called with the failed run."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.op
    def bad():
        raise ValueError("oops")

    @dg.job
    def fails():
        bad()

    @dg.run_failure_sensor
    def s(context):
        return context.dagster_run.job_name, context.failure_event.message

    result = fails.execute_in_process(instance=instance, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        sensor_name="s",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    ).for_run_failure()

    name, message = s(context)
    assert name == "fails"


def test_run_status_sensor():
    """A run status sensor is called with the run and its event."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
    def s(context):
        return context.dagster_event.event_type_value

    result = target.execute_in_process(instance=instance)
    context = dg.build_run_status_sensor_context(
        sensor_name="s",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_success_event(),
    )

    assert s(context) == "PIPELINE_SUCCESS"
