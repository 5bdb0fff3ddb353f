"""What code that leans on Dagster's less common names expects of them."""

import logging

import pytest

from tests.conformance.api import dg


def test_policies_are_sets_of_rules():
    """Rules are added and taken out; what is not there cannot be taken out."""
    policy = dg.AutoMaterializePolicy.eager()
    missing = dg.AutoMaterializeRule.materialize_on_missing()
    cron = dg.AutoMaterializeRule.materialize_on_cron("0 * * * *")
    assert missing in policy.rules
    assert missing not in dg.AutoMaterializePolicy.lazy().rules
    changed = policy.without_rules(missing).with_rules(cron)
    assert missing not in changed.rules
    assert cron in changed.rules
    assert policy.max_materializations_per_minute == changed.max_materializations_per_minute == 1
    with pytest.raises(Exception, match="do not exist|not in"):
        changed.without_rules(missing)


def test_filter_of_updates():
    """Updates of upstreams may be asked for by the tags of their runs."""
    chosen = dg.AutoMaterializeAssetPartitionsFilter(latest_run_required_tags={"a": "b"})
    rule = dg.AutoMaterializeRule.materialize_on_parent_updated(updated_parent_filter=chosen)
    assert "'a': 'b'" in chosen.description
    assert rule.description.startswith("upstream data has changed since latest materialization")


def test_job_has_an_executor():
    """Without one of its own a job names the one that is used; one that was given is kept."""

    @dg.op
    def one(): ...

    @dg.job
    def plain():
        one()

    @dg.job(executor_def=dg.in_process_executor, owners=["team:data"])
    def given():
        one()

    assert plain.executor_def.name == "multi_or_in_process_executor"
    assert given.executor_def is dg.in_process_executor
    assert given.owners == ["team:data"] or tuple(given.owners) == ("team:data",)


def test_loggers_follow_the_events():
    """A logger that run config names gets the run's events beside the messages of user code."""
    seen = []

    class Keep(logging.Handler):
        def emit(self, record):
            seen.append((record.levelno, record.getMessage()))

    @dg.logger
    def keeping(_):
        made = logging.Logger("keeping", logging.DEBUG)
        made.addHandler(Keep())
        return made

    @dg.op
    def talk(context):
        context.log.warning("mine")

    @dg.job(logger_defs={"keeping": keeping})
    def talking():
        talk()

    talking.execute_in_process(run_config={"loggers": {"keeping": {}}})
    assert any(level == logging.WARNING and "mine" in text for level, text in seen)
    for kind in ("STEP_START", "STEP_SUCCESS", "RUN_SUCCESS"):
        assert any(level == logging.DEBUG and kind in text for level, text in seen)


def test_output_of_an_asset_in_its_context():
    """The name of the output that an asset of a multi-asset is."""
    seen = []

    @dg.multi_asset(outs={"x": dg.AssetOut(key="left"), "y": dg.AssetOut(key="right")})
    def both(context):
        seen.append(context.op_execution_context.output_for_asset_key(dg.AssetKey("right")))
        return 1, 2

    assert dg.materialize([both]).success
    assert seen == ["y"]


def test_multi_partition_key():
    """The partition by dimension; an error where it has one only."""
    seen = []
    several = dg.MultiPartitionsDefinition(
        {"a": dg.StaticPartitionsDefinition(["1"]), "b": dg.StaticPartitionsDefinition(["2"])}
    )

    @dg.asset(partitions_def=several)
    def multi(context):
        seen.append(context.multi_partition_key.keys_by_dimension)

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["1"]))
    def single(context):
        return context.multi_partition_key

    assert dg.materialize([multi], partition_key=dg.MultiPartitionKey({"a": "1", "b": "2"})).success
    assert seen == [{"a": "1", "b": "2"}]
    assert not dg.materialize([single], partition_key="1", raise_on_error=False).success


def test_filesystem_io_manager_is_configured_at_launch(tmp_path):
    """Its folder may come from run config."""

    @dg.asset
    def one():
        return 1

    resources = {"io_manager": dg.FilesystemIOManager.configure_at_launch()}
    config = {"resources": {"io_manager": {"config": {"base_dir": str(tmp_path)}}}}
    assert dg.materialize([one], resources=resources, run_config=config).success
    assert (tmp_path / "one").exists()
    assert isinstance(dg.FilesystemIOManager(base_dir="x"), dg.ConfigurableIOManagerFactory)


def test_entries_of_the_log_are_made_by_hand():
    """An entry holds the message of user code, or an event."""
    words = dg.EventLogEntry(
        error_info=None, level="INFO", user_message="hello", run_id="r", timestamp=1.0, step_key="s", job_name="j"
    )
    assert isinstance(words, dg.EventLogEntry)
    assert (words.user_message, words.run_id, words.timestamp, words.step_key) == ("hello", "r", 1.0, "s")
    assert words.dagster_event is None
    event = dg.DagsterEvent(event_type_value="STEP_START", job_name="j", step_key="s", message="started")
    assert isinstance(event, dg.DagsterEvent)
    assert event.is_step_start
    entry = dg.EventLogEntry(
        error_info=None, level=10, user_message="", run_id="r", timestamp=2.0, job_name="j", dagster_event=event
    )
    assert entry.is_dagster_event
    assert entry.get_dagster_event().event_type_value == "STEP_START"


def test_key_of_a_job():
    """The name of a job as a key."""
    assert dg.AssetJobKey("j").to_user_string() == "j"
    assert dg.AssetJobKey.from_user_string("j") == dg.AssetJobKey("j")


def test_conditions_of_run_tags():
    """Conditions about the tags of runs name what they ask for."""
    condition = dg.AutomationCondition.executed_with_tags(tag_keys={"a"}, tag_values={"b": "c"})
    assert condition.name == "executed_with_tags(tag_keys={a}, tag_values={b:c})"
    assert dg.AutomationCondition.all_deps_blocking_checks_passed().get_label() == "all_deps_blocking_checks_passed"
