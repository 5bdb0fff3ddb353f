"""What an instance tells of runs, assets and events."""

from tests.conformance.api import dg


@dg.op
def one():
    return 1


def test_run_record():
    """The result knows its run."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.job
    def j():
        one()

    result = j.execute_in_process(instance=instance)

    assert instance.get_run_by_id(result.run_id).status == dg.DagsterRunStatus.SUCCESS
    assert result.dagster_run.job_name == "j"


def test_failed_run_record():
    """A failed run is recorded as such."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.op
    def bad():
        raise ValueError

    @dg.job
    def j():
        bad()

    result = j.execute_in_process(instance=instance, raise_on_error=False)

    assert instance.get_run_by_id(result.run_id).is_failure


@dg.job
def noop():
    one()


def test_instance_runs():
    """Runs are found by filters."""
    instance = dg.DagsterInstance.ephemeral()
    first = noop.execute_in_process(instance=instance, tags={"a": "1"})
    noop.execute_in_process(instance=instance, tags={"a": "2"})

    assert instance.get_runs_count() == 2
    assert [run.run_id for run in instance.get_runs(dg.RunsFilter(tags={"a": "1"}))] == [first.run_id]
    assert len(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))) == 2
    assert len(instance.get_runs(limit=1)) == 1
    assert instance.get_runs(dg.RunsFilter(job_name="other")) == []
    assert instance.get_run_by_id(first.run_id).status is dg.DagsterRunStatus.SUCCESS
    assert instance.get_run_by_id("nope") is None
    record = instance.get_run_records(dg.RunsFilter(run_ids=[first.run_id]))[0]
    assert record.dagster_run.run_id == first.run_id
    assert record.end_time >= record.start_time
    assert instance.get_run_stats(first.run_id).steps_succeeded == 1
    assert [one_.step_key for one_ in instance.get_run_step_stats(first.run_id)] == ["one"]
    assert instance.has_run(first.run_id)
    instance.delete_run(first.run_id)
    assert not instance.has_run(first.run_id)


def test_run_tags_and_properties():
    """What a run tells."""
    result = noop.execute_in_process(tags={"a": "b"})
    run = result.dagster_run

    assert run.job_name == "noop"
    assert run.is_success
    assert run.is_finished
    assert not run.is_failure
    assert run.tags["a"] == "b"
    assert run.run_config == {}
    assert run.root_run_id is None
    assert run.parent_run_id is None
    assert not run.is_resume_retry


@dg.asset
def a():
    return 1


@dg.asset
def alone():
    return 1


@dg.op
def nop():
    return 1


@dg.job
def some_job():
    nop()


def test_instance_queries():
    """Runs, materializations and keys can be asked for."""
    instance = dg.DagsterInstance.ephemeral()
    first = dg.materialize_to_memory([a, alone], instance=instance)
    second = dg.materialize_to_memory([a], instance=instance)

    assert instance.get_runs_count() == 2
    assert {r.run_id for r in instance.get_runs()} == {first.run_id, second.run_id}
    assert [r.run_id for r in instance.get_runs(limit=1)] == [second.run_id]
    assert instance.get_latest_materialization_event(a.key).run_id == second.run_id
    assert len(instance.fetch_materializations(a.key, limit=10).records) == 2
    assert set(instance.get_asset_keys()) == {a.key, alone.key}
    assert len(instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))) == 2
    assert instance.get_runs(filters=dg.RunsFilter(run_ids=[first.run_id]))[0].run_id == first.run_id


def test_wipe_assets():
    """Wiping forgets an asset's history."""
    instance = dg.DagsterInstance.ephemeral()
    dg.materialize_to_memory([a], instance=instance)
    instance.wipe_assets([a.key])

    assert instance.get_latest_materialization_event(a.key) is None


def test_runless_event():
    """An external update enters the log without a run."""
    instance = dg.DagsterInstance.ephemeral()
    instance.report_runless_asset_event(dg.AssetMaterialization("ext", metadata={"n": 1}))

    event = instance.get_latest_materialization_event(dg.AssetKey("ext"))
    assert event.asset_materialization.metadata["n"].value == 1


def test_all_logs():
    """A run's events can be read in order."""
    instance = dg.DagsterInstance.ephemeral()
    result = some_job.execute_in_process(instance=instance)
    kinds = [e.dagster_event.event_type_value for e in instance.all_logs(result.run_id) if e.dagster_event]

    assert kinds.index("PIPELINE_START") < kinds.index("STEP_START") < kinds.index("STEP_SUCCESS")
    assert kinds[-1] in ("PIPELINE_SUCCESS", "ENGINE_EVENT")
    assert "PIPELINE_SUCCESS" in kinds
