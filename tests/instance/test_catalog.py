"""The catalog: what is known now of assets, partitions and checks, kept with the events."""

from __future__ import annotations

from cellmill import AssetKey, Instance
from cellmill.definitions.asset_key import AssetCheckKey
from cellmill.planning.asset_state import AssetPartitionStatus
from cellmill.planning.event import EventType

from tests.instance.log import checked, event, materialization, observation, planned, ref

A = AssetKey("a")


def test_the_latest_materialization_counts(instance: Instance) -> None:
    """Versions, inputs and the value's place are those of the newest event."""
    run = instance.create_run(job_name="job")
    writer = instance.run_writer(run.run_id)
    writer.append([materialization(run.run_id, "a", version="1", ref=ref("1"))])
    tags = {"dagster/code_version": "c2", "dagster/input_data_version/up": "u7"}
    last = materialization(run.run_id, "a", version="2", ref=ref("2"), tags=tags)
    writer.append([last])
    state = instance.asset_states()[A]

    assert (state.data_version, state.code_version, state.inputs) == ("2", "c2", {"up": "u7"})
    assert (state.run_id, state.timestamp) == (run.run_id, last.timestamp)
    assert instance.find_value_ref(A) == ref("2")
    assert instance.get_latest_materialization_event(A) == instance.all_logs(run.run_id)[-1]
    assert instance.get_latest_materialization_code_versions([A, AssetKey("b")]) == {A: "c2", AssetKey("b"): None}


def test_keys_with_slashes_stay_apart(instance: Instance) -> None:
    """An asset `a/b` of one part is not the asset of the parts `a` and `b`."""
    run = instance.create_run(job_name="job")
    one, two = AssetKey(["a/b"]), AssetKey(["a", "b"])
    first = materialization(run.run_id, "x")
    for key in (one, two):
        made = type(first)(**{**{n: getattr(first, n) for n in type(first).__slots__}, "asset_key": key})
        instance.run_writer(run.run_id).append([made])

    assert set(instance.get_asset_keys()) == {one, two}
    assert instance.get_asset_keys(prefix=["a"]) == [two]


def test_partitions_by_state(instance: Instance) -> None:
    """Made, being made and failed partitions come from one query."""
    done, running, failed = (instance.create_run(job_name="job") for _ in range(3))
    instance.run_writer(done.run_id).append(
        [
            planned(done.run_id, "a", "1"),
            planned(done.run_id, "a", "5"),
            materialization(done.run_id, "a", partition="1", ref=ref("1")),
            materialization(done.run_id, "a", partition="2"),
            event(EventType.RUN_SUCCESS, done.run_id),
        ]
    )
    instance.run_writer(running.run_id).append([planned(running.run_id, "a", "2"), planned(running.run_id, "a", "3")])
    instance.run_writer(failed.run_id).append(
        [planned(failed.run_id, "a", "4"), event(EventType.RUN_FAILURE, failed.run_id)]
    )
    status = instance.get_status_by_partition(A, ["1", "2", "3", "4", "5", "6"])

    assert status == {
        "1": AssetPartitionStatus.MATERIALIZED,
        "2": AssetPartitionStatus.IN_PROGRESS,
        "3": AssetPartitionStatus.IN_PROGRESS,
        "4": AssetPartitionStatus.FAILED,
        "5": None,
        "6": None,
    }
    assert instance.get_materialized_partitions(A) == {"1", "2"}
    assert instance.find_value_ref(A, "1") == ref("1")
    assert instance.find_value_ref(A, "2") is None
    assert set(instance.get_latest_storage_id_by_partition(A)) == {"1", "2"}


def test_observations_do_not_hide_materializations(instance: Instance) -> None:
    """An observed version is current only while it is newer than what was made."""
    run = instance.create_run(job_name="job")
    writer = instance.run_writer(run.run_id)
    writer.append([materialization(run.run_id, "a", version="m1"), observation(run.run_id, "a", "o1")])
    assert instance.asset_states()[A].current_version == "o1"
    record = instance.get_latest_data_version_record(A)
    assert record is not None and record.asset_observation is not None

    writer.append([materialization(run.run_id, "a", version="m2")])

    assert instance.asset_states()[A].current_version == "m2"


def test_checks_have_state_and_history(instance: Instance) -> None:
    """The latest evaluation of a check is known at once, the others are paged."""
    run = instance.create_run(job_name="job")
    key = AssetCheckKey(A, "fine")
    instance.run_writer(run.run_id).append(
        [checked(run.run_id, "a", "fine", passed) for passed in (True, False, True, False)]
    )
    latest = instance.get_latest_asset_check_evaluation_record(key)
    assert latest is not None
    page = instance.get_asset_check_evaluations(key, limit=3)
    rest = instance.get_asset_check_evaluations(key, limit=3, cursor=page[-1].storage_id)

    assert instance.catalog.check_states()[key].passed is False
    assert latest.event.data.passed is False
    assert [record.event.data.passed for record in (*page, *rest)] == [False, True, False, True]


def test_wiping_forgets_the_asset_and_keeps_the_log(instance: Instance) -> None:
    """A wiped asset is unknown; the run that made it still shows what it did."""
    run = instance.create_run(job_name="job")
    instance.run_writer(run.run_id).append(
        [materialization(run.run_id, "a", partition="1"), materialization(run.run_id, "a", partition="2")]
    )
    instance.wipe_asset_partitions(A, ["1"])
    assert instance.get_materialized_partitions(A) == {"2"}

    instance.wipe_assets([A])

    assert not instance.has_asset_key(A)
    assert instance.get_asset_keys() == []
    assert instance.fetch_materializations(A, limit=5).records == []
    assert len(instance.all_logs(run.run_id)) == 2


def test_dynamic_partitions_keep_their_order(instance: Instance) -> None:
    """Keys are listed as they were added, and adding one twice changes nothing."""
    instance.add_dynamic_partitions("d", ["b", "a"])
    instance.add_dynamic_partitions("d", ["a", "c"])
    instance.add_dynamic_partitions("other", ["x"])
    assert instance.get_dynamic_partitions("d") == ["b", "a", "c"]
    assert instance.has_dynamic_partition("d", "a")
    assert instance.dynamic_partitions.existing("d", ["a", "z"]) == {"a"}

    instance.delete_dynamic_partition("d", "a")

    assert instance.get_dynamic_partitions("d") == ["b", "c"]
    assert instance.dynamic_partitions.page("d", 1, True, None) == (["b"], "1", True)
