"""Run records: kept whole, found by every filter, paged by cursor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cellmill import AssetKey, Instance, Run, RunsFilter, RunStatus
from cellmill.errors import DuplicateRunError
from cellmill.planning.event import EventType

from tests.instance.log import event


def test_a_run_comes_back_equal(instance: Instance) -> None:
    """Every field of a run survives storage."""
    run = Run(
        job_name="job",
        run_config={"ops": {"a": {"config": {"n": 1, "l": [1, 2]}}}},
        status=RunStatus.QUEUED,
        tags={"k": "v"},
        asset_selection=frozenset({AssetKey(["a", "b"])}),
        op_selection=("a", "b*"),
        step_keys_to_execute=("a",),
        parent_run_id="p",
        root_run_id="r",
        location="here",
        code_snapshot="hash",
    )
    instance.add_run(run)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None

    assert tuple(found.op_selection or ()) == run.op_selection
    assert (found.asset_selection, found.run_config, found.tags) == (run.asset_selection, run.run_config, run.tags)
    assert (found.status, found.location, found.root_run_id) == (RunStatus.QUEUED, "here", "r")


def test_an_id_is_taken_once(instance: Instance) -> None:
    """A second run with the same id is refused."""
    run = instance.create_run(job_name="job")
    with pytest.raises(DuplicateRunError, match=run.run_id):
        instance.create_run(job_name="job", run_id=run.run_id)


def test_filters(instance: Instance) -> None:
    """Runs are found by job, status, tags, id and time."""
    a = instance.create_run(job_name="x", tags={"team": "red", "n": "1"})
    b = instance.create_run(job_name="y", tags={"team": "blue"}, status=RunStatus.QUEUED)
    c = instance.create_run(job_name="x", tags={"team": "red", "n": "2"}, root_run_id=a.run_id, parent_run_id=a.run_id)
    now = datetime.now(UTC)

    def ids(**filters: object) -> list[str]:
        return [run.run_id for run in instance.get_runs(RunsFilter(**filters))]  # type: ignore[arg-type]

    assert ids() == [c.run_id, b.run_id, a.run_id]
    assert ids(job_name="x") == [c.run_id, a.run_id]
    assert ids(statuses=[RunStatus.QUEUED]) == [b.run_id]
    assert ids(tags={"team": "red", "n": "2"}) == [c.run_id]
    assert ids(tags={"team": ["red", "blue"]}) == [c.run_id, b.run_id, a.run_id]
    assert ids(run_ids=[a.run_id, "none"]) == [a.run_id]
    assert ids(run_ids=[]) == []
    assert ids(created_after=now + timedelta(hours=1)) == []
    assert ids(created_before=now + timedelta(hours=1), exclude_subruns=True) == [b.run_id, a.run_id]
    assert instance.get_runs_count(RunsFilter(job_name="x")) == 2
    assert [run.run_id for run in instance.get_run_group(c.run_id)[1]] == [a.run_id, c.run_id]


def test_pages_join_without_loss(instance: Instance) -> None:
    """A cursor is the id of the last run that was seen."""
    made = [instance.create_run(job_name="job").run_id for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while page := instance.get_runs(cursor=cursor, limit=2):
        seen += [run.run_id for run in page]
        cursor = seen[-1]

    assert seen == made[::-1]
    assert instance.get_run_ids(limit=2) == made[:2:-1]


def test_tags_can_be_added_and_searched(instance: Instance) -> None:
    """New tags replace those of the same key, on the run and in the search."""
    run = instance.create_run(job_name="job", tags={"a": "1"})
    instance.add_run_tags(run.run_id, {"a": "2", "b": "3"})
    found = instance.get_run_by_id(run.run_id)

    assert found is not None and found.tags == {"a": "2", "b": "3"}
    assert instance.get_run_tags(["a"]) == [("a", {"2"})]
    assert instance.get_run_tag_keys() == ["a", "b"]
    assert instance.get_runs(RunsFilter(tags={"a": "1"})) == []


def test_deleting_a_run_takes_its_events(instance: Instance) -> None:
    """A deleted run leaves no events behind."""
    run = instance.create_run(job_name="job")
    instance.run_writer(run.run_id).append([event(EventType.RUN_START, run.run_id)])
    instance.delete_run(run.run_id)

    assert not instance.has_run(run.run_id)
    assert instance.all_logs(run.run_id) == []


def test_wiping_leaves_an_empty_instance(instance: Instance) -> None:
    """After a wipe nothing is left but the schema."""
    run = instance.create_run(job_name="job")
    instance.run_writer(run.run_id).append([event(EventType.RUN_START, run.run_id)])
    instance.wipe()

    assert set(instance.info()["rows"].values()) == {0}
