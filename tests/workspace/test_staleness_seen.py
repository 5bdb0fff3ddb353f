"""Staleness that keeps what nothing has changed of says at every moment what a decision from nothing says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetMaterialization, AssetObservation
from cellmill.definitions.output import DATA_VERSION_TAG
from cellmill.instance.dynamic_partitions import DynamicPartitionsSeen
from cellmill.instance.instance import Instance
from cellmill.workspace.stale import partition_facts, staleness_facts, workspace_staleness
from cellmill.workspace.staleness_seen import StalenessSeen
from cellmill.workspace.workspace import Workspace

from .notebooks import write_notebook

PARTS = "--partitions static:x,y,z"
CELLS = (
    "%load_ext cellmill", "%%asset top\n1", f"%%asset a {PARTS}\ntop", f"%%asset b {PARTS}\na", "%%asset all\nb",
    "%%asset lone\n2", "%%asset moving --partitions dynamic:m\n3", "%%asset last\nmoving, lone",
)  # fmt: skip


def _looked(seen: StalenessSeen, workspace: Workspace, instance: Instance) -> StalenessSeen:
    entries = workspace.manifest.assets
    dynamic = DynamicPartitionsSeen(instance.dynamic_partitions)
    facts = {entry.asset_key: staleness_facts(entry) for entry in entries}
    return seen.decide(facts, partition_facts(entries, dynamic), instance.asset_states(), instance, dynamic)


def _happens(chance: random.Random, instance: Instance) -> None:
    """Something that changes what is stored."""
    name = chance.choice(["top", "a", "a", "b", "b", "all", "lone", "moving", "last"])
    partition = {"a": "xyz", "b": "xyz", "moving": "pq"}.get(name)
    key = AssetKey(name)
    version = {DATA_VERSION_TAG: str(chance.randrange(3))}
    one = chance.choice(partition) if partition else None
    match chance.randrange(8):
        case 0:
            instance.add_dynamic_partitions("m", [chance.choice("pq")])
        case 1:
            instance.delete_dynamic_partition("m", chance.choice("pq"))
        case 2 if one is not None:
            instance.wipe_asset_partitions(key, [one])
        case 3:
            instance.wipe_assets([key])
        case 4:
            instance.report_runless_asset_event(AssetObservation(key, partition=one, tags=version))
        case _:
            instance.report_runless_asset_event(AssetMaterialization(key, partition=one, tags=version))


@pytest.mark.parametrize("seed", range(6))
def test_every_look_says_what_a_decision_from_nothing_says(tmp_path: Path, seed: int) -> None:
    """After materializations, observations, wipes and changes of dynamic partitions, in any order."""
    path = write_notebook(tmp_path / "n.ipynb", *CELLS)
    chance = random.Random(seed)
    with Workspace.open(tmp_path) as workspace, Instance.get(workspace.home) as instance:
        seen = StalenessSeen()
        for step in range(40):
            if step == 20:
                path.write_text(path.read_text().replace("asset lone\\n2", "asset lone\\n22"))
                workspace.refresh()
            _happens(chance, instance)
            seen = _looked(seen, workspace, instance)
            expected = workspace_staleness(workspace.manifest.assets, instance).decisions

            assert dict(seen.decisions.assets) == dict(expected.assets)
            assert {key: dict(found) for key, found in seen.decisions.partitions.items()} == {
                key: dict(found) for key, found in expected.partitions.items()
            }


def test_what_nothing_has_changed_of_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look reads no partition; after a change only those of the asset and of what is beside its children."""
    write_notebook(tmp_path / "n.ipynb", *CELLS)
    with Workspace.open(tmp_path) as workspace, Instance.get(workspace.home) as instance:
        for name in ("a", "b"):
            instance.report_runless_asset_event(AssetMaterialization(AssetKey(name), partition="x"))
        seen = _looked(StalenessSeen(), workspace, instance)
        read: list[list[str]] = []
        original = instance.partition_states
        monkeypatch.setattr(
            instance, "partition_states",
            lambda keys: read.append([key.to_user_string() for key in keys]) or original(keys),
        )  # fmt: skip
        seen = _looked(seen, workspace, instance)
        assert read == []
        instance.report_runless_asset_event(AssetMaterialization(AssetKey("b"), partition="y"))
        _looked(seen, workspace, instance)

    assert read == [["b", "a"]] or read == [["a", "b"]]
