"""Automation conditions of jobs: about the assets that have no upstream in the job."""

import pytest

from tests.conformance.api import dg

Condition = dg.AutomationCondition
JOB = dg.AssetJobKey("nightly")


def definitions(condition, *, roots_in=None):
    """Return two sources, two roots below them and what is made of these; the last three are the job."""

    @dg.asset
    def first():
        return None

    @dg.asset
    def second():
        return None

    @dg.asset(deps=[first], partitions_def=roots_in)
    def left():
        return None

    @dg.asset(deps=[second])
    def right():
        return None

    @dg.asset(deps=[left, right], partitions_def=roots_in)
    def report():
        return None

    job = dg.define_asset_job("nightly", selection=[left, right, report], automation_condition=condition)
    return dg.Definitions(assets=[first, second, left, right, report], jobs=[job])


def evaluations(definitions, instance, *updates):
    """Return how often the job is requested by an evaluation at first and after each of the updates."""
    result = dg.evaluate_automation_conditions(definitions, instance)
    found = [result.total_requested]
    for name in updates:
        instance.report_runless_asset_event(dg.AssetMaterialization(name))
        result = dg.evaluate_automation_conditions(definitions, instance, cursor=result.cursor)
        found.append(result.total_requested)
    return found


def test_all_roots_must_match():
    """The job is requested once the condition holds for each of its roots."""
    defs = definitions(Condition.all_job_root_assets_match(Condition.eager()))
    assert evaluations(defs, dg.DagsterInstance.ephemeral(), "first", "second") == [0, 0, 1]


def test_any_root_may_match():
    """The job is requested when the condition holds for one of its roots."""
    defs = definitions(Condition.any_job_root_assets_match(Condition.eager()))
    assert evaluations(defs, dg.DagsterInstance.ephemeral(), "first") == [0, 1]


def test_only_roots_are_asked():
    """What has an upstream in the job does not count, missing or not."""
    defs = definitions(Condition.any_job_root_assets_match(Condition.missing()))
    instance = dg.DagsterInstance.ephemeral()
    assert evaluations(defs, instance, "report", "left", "right") == [1, 1, 1, 0]


def test_a_job_is_requested_by_partition():
    """A job with partitions is requested for those in which its roots match; one without counts for all."""
    condition = Condition.all_job_root_assets_match(Condition.missing())
    defs = definitions(condition, roots_in=dg.StaticPartitionsDefinition(["a", "b"]))
    instance = dg.DagsterInstance.ephemeral()
    assert evaluations(defs, instance) == [2]
    instance.report_runless_asset_event(dg.AssetMaterialization("left", partition="a"))
    assert evaluations(defs, instance, "right") == [1, 0]


def test_the_result_names_the_job():
    """The evaluation is that of the job, with those of its roots in it."""
    defs = definitions(Condition.all_job_root_assets_match(Condition.missing()))
    (found,) = dg.evaluate_automation_conditions(defs, dg.DagsterInstance.ephemeral()).results
    assert found.true_subset.key == JOB
    assert len(found.child_results) == 2


def test_operators_go_around_it():
    """Conditions of jobs are combined; a job is handled when it is requested."""
    missing = Condition.all_job_root_assets_match(Condition.missing())
    instance = dg.DagsterInstance.ephemeral()
    assert evaluations(definitions(missing & ~Condition.newly_requested()), instance, "first", "first") == [1, 0, 1]
    assert evaluations(definitions(missing.newly_true()), instance, "first") == [1, 0]


def test_labels_say_what_is_asked():
    """The label holds the condition that is asked of the roots."""
    condition = Condition.all_job_root_assets_match(Condition.eager())
    assert condition.get_label() == "all_job_root_assets_match(eager)"
    assert [child.get_label() for child in condition.children] == ["eager"]


@pytest.mark.parametrize("condition", [Condition.eager(), Condition.missing(), Condition.on_cron("@daily")])
def test_conditions_of_assets_are_refused(condition):
    """A condition about assets says nothing of a job by itself."""
    with pytest.raises(dg.DagsterInvalidDefinitionError) as caught:
        definitions(condition).resolve_job_def("nightly")
    said = str(caught.value.__cause__ or caught.value)
    assert "all_job_root_assets_match" in said


def test_something_else_is_refused():
    """What is no condition is an error where the job is defined."""
    with pytest.raises(Exception, match="automation_condition"):
        dg.define_asset_job("nightly", automation_condition=5)


def test_jobs_keep_it():
    """The condition is an attribute of the job, before and after it is resolved."""
    condition = Condition.all_job_root_assets_match(Condition.missing())
    assert dg.define_asset_job("nightly", automation_condition=condition).automation_condition == condition
    assert definitions(condition).resolve_job_def("nightly").automation_condition == condition
