"""Partition mappings and backfill policies survive the way from a host to the daemon."""

from __future__ import annotations

from pathlib import Path

import cellmill as cm
import pytest
from cellmill.errors import InvalidDefinitionError
from cellmill.workspace.describe import describe_definitions
from cellmill.workspace.manifest import Manifest
from cellmill.workspace.partition_mappings import (
    mapping_from_json,
    mapping_to_json,
    policy_from_json,
    policy_to_json,
)
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.workspace import Workspace

MAPPINGS = [
    cm.IdentityPartitionMapping(),
    cm.AllPartitionMapping(),
    cm.LastPartitionMapping(),
    cm.SpecificPartitionsPartitionMapping(["a", "b"]),
    cm.StaticPartitionMapping({"a": {"x", "y"}, "b": "z"}),
    cm.TimeWindowPartitionMapping(start_offset=-2, end_offset=1, allow_nonexistent_upstream_partitions=True),
    cm.MultiToSingleDimensionPartitionMapping("day"),
    cm.MultiPartitionMapping({"day": cm.DimensionPartitionMapping("date", cm.LastPartitionMapping())}),
]


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda one: type(one).__name__)
def test_a_mapping_comes_back_as_it_was(mapping: cm.PartitionMapping) -> None:
    """Each of cellmill's mappings is the same after a round trip."""
    assert mapping == mapping_from_json(mapping_to_json(mapping))


def test_a_mapping_of_the_users_own_is_refused_with_a_reason() -> None:
    """A class that the daemon does not have cannot be sent to it."""

    class Own(cm.IdentityPartitionMapping):
        pass

    class OwnWindow(cm.TimeWindowPartitionMapping):
        pass

    for mapping in (Own(), OwnWindow(start_offset=-1)):
        with pytest.raises(InvalidDefinitionError, match="is not one of cellmill's.*AllPartitionMapping"):
            mapping_to_json(mapping)


def test_a_refused_mapping_names_the_asset_and_its_upstream(tmp_path: Path) -> None:
    """Whoever reads the problem of a location knows where to look."""

    class Own(cm.IdentityPartitionMapping):
        pass

    days = cm.StaticPartitionsDefinition(["a"])
    up = cm.asset(name="up", partitions_def=days)(lambda: 1)
    down = cm.asset(name="down", partitions_def=days, ins={"up": cm.AssetIn(partition_mapping=Own())})(lambda up: up)
    with pytest.raises(InvalidDefinitionError, match="asset 'down', upstream 'up': The partition mapping Own"):
        describe_definitions(cm.Definitions(assets=[up, down]), tmp_path)


@pytest.mark.parametrize("policy", [None, cm.BackfillPolicy.single_run(), cm.BackfillPolicy.multi_run(7)])
def test_a_policy_comes_back_as_it_was(policy: cm.BackfillPolicy | None) -> None:
    """None stays none, and all-in-one-run is told from a limit."""
    assert policy == policy_from_json(policy_to_json(policy))


def test_a_manifest_says_all_that_a_backfill_needs() -> None:
    """Conditions, mappings and policies of module assets are in the manifest, as JSON and back."""
    days = cm.DailyPartitionsDefinition("2024-01-01")

    @cm.asset(partitions_def=days)
    def raw() -> int:
        return 1

    @cm.asset(
        key=["odd", "b"],
        partitions_def=days,
        backfill_policy=cm.BackfillPolicy.single_run(),
        automation_condition=cm.AutomationCondition.eager(),
        ins={"raw": cm.AssetIn(partition_mapping=cm.TimeWindowPartitionMapping(start_offset=-1))},
    )
    def week(raw: int) -> int:
        return raw

    manifest = Manifest.from_json(describe_definitions(cm.Definitions([raw, week])).to_json())
    entry = next(entry for entry in manifest.assets if entry.key == ("odd", "b"))

    assert 0 == entry.backfill_limit
    assert cm.TimeWindowPartitionMapping(start_offset=-1) == mapping_from_json(entry.mappings["raw"])
    assert entry.automation is not None and entry.automation.startswith("{")


def test_a_schedules_policies_reach_the_daemon(tmp_path: Path) -> None:
    """What a module says about missed ticks and overlaps is what the workspace's schedule does."""
    (tmp_path / "jobs.py").write_text(
        "import cellmill as cm\n"
        "@cm.op\ndef work(): ...\n"
        "@cm.job\ndef nightly(): work()\n"
        "slow = cm.ScheduleDefinition('slow', cron_schedule='0 6 * * *', job=nightly, overlap='queue_one',"
        " catch_up=cm.CatchUp.all(3))\n"
        "defs = cm.Definitions(jobs=[nightly], schedules=[slow])\n"
    )
    (tmp_path / "cellmill.toml").write_text('[[location]]\nmodule = "jobs"\n')
    with Workspace.open(tmp_path, home=tmp_path / ".cellmill") as workspace:
        (spec,) = WorkspaceSource(workspace).schedules()

    assert (cm.CatchUp.all(3), "queue_one") == (spec.catch_up, spec.overlap.value)
