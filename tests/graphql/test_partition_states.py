"""What the API says of single partitions."""

from __future__ import annotations

from pathlib import Path

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetMaterialization
from cellmill.graphql.context import open_context
from cellmill.graphql.notebook_states import CellInput, cell_states
from cellmill.graphql.schema import execute
from cellmill.graphql.selections import select_assets
from cellmill.workspace.stale import workspace_staleness

from tests.workspace.notebooks import write_notebook

ONE = """{ assetNodeOrError(assetKey: {path: ["b"]}) { ... on AssetNode {
  partitionStates { keys states } x: staleStatus(partition: "x") y: staleStatus(partition: "y")
  z: staleStatus(partition: "z") why: staleCauses(partition: "x") { key { path } reason } } } }"""


def test_each_partition_has_its_state_and_reasons(tmp_path: Path) -> None:
    """A partition is stale when its own upstream partition has newer data; another one is not."""
    parts = "--partitions static:x,y,z"
    write_notebook(tmp_path / "n.ipynb", "%load_ext cellmill", f"%%asset a {parts}\n1", f"%%asset b {parts}\na")
    context = open_context(tmp_path)
    try:
        for name, partition in ("ax", "ay", "bx", "by", "ax"):
            made = AssetMaterialization(asset_key=AssetKey(name), partition=partition)
            context.instance.report_runless_asset_event(made)
        found = execute(ONE, {}, None, context.for_request("tester"))["data"]["assetNodeOrError"]
    finally:
        context.close()

    assert found == {
        "partitionStates": {"keys": ["x", "y", "z"], "states": ["STALE", "MATERIALIZED", "MISSING"]},
        "x": "STALE",
        "y": "FRESH",
        "z": "MISSING",
        "why": [{"key": {"path": ["a"]}, "reason": "a has newer data"}],
    }


POLICIES = """{ assetNodes(assetKeys: [{path: ["a"]}, {path: ["b"]}, {path: ["c"]}]) {
  backfillPolicy { maxPartitionsPerRun policyType description } } }"""


def test_an_asset_says_how_many_partitions_one_run_makes(tmp_path: Path) -> None:
    """All, a number, or nothing, which means one."""
    parts = "--partitions static:x,y,z"
    write_notebook(
        tmp_path / "n.ipynb",
        "%load_ext cellmill",
        f"%%asset a {parts}\n1",
        f"%%asset b {parts} --backfill-policy single_run\n1",
        f"%%asset c {parts} --backfill-policy 2\n1",
    )
    context = open_context(tmp_path)
    try:
        found = execute(POLICIES, {}, None, context.for_request("tester"))["data"]["assetNodes"]
    finally:
        context.close()

    assert [one["backfillPolicy"] for one in found] == [
        None,
        {"maxPartitionsPerRun": None, "policyType": "SINGLE_RUN", "description": "BackfillPolicy.single_run()"},
        {
            "maxPartitionsPerRun": 2,
            "policyType": "MULTI_RUN",
            "description": "BackfillPolicy.multi_run(max_partitions_per_run=2)",
        },
    ]


LIST = "{ assetNodes { assetKey { path } state staleStatus staleCauses { reason } } }"


def test_lists_and_selections_summarize_all_partitions(tmp_path: Path) -> None:
    """One stale partition makes its asset stale, though the latest one is fresh: as the command line has it."""
    parts = "--partitions static:x,y,z"
    write_notebook(tmp_path / "n.ipynb", "%load_ext cellmill", f"%%asset a {parts}\n1", f"%%asset b {parts}\na")
    context = open_context(tmp_path)
    try:
        for name, partition in ("ax", "ay", "bx", "ax", "by"):
            made = AssetMaterialization(asset_key=AssetKey(name), partition=partition)
            context.instance.report_runless_asset_event(made)
        nodes = execute(LIST, {}, None, context.for_request("tester"))["data"]["assetNodes"]
        chosen = select_assets(context.for_request("tester"), "status:stale")
        told = workspace_staleness(context.manifest.assets, context.instance).decisions.assets
        cells = cell_states(context.for_request("tester"), "n.ipynb", [
            CellInput(id="c1", source=f"%%asset a {parts}\n1"), CellInput(id="c2", source=f"%%asset b {parts}\na"),
        ])  # fmt: skip
    finally:
        context.close()

    assert [(node["state"], node["staleStatus"]) for node in nodes] == [("FRESH", "FRESH"), ("STALE", "STALE")]
    assert nodes[1]["staleCauses"] == [{"reason": "a has newer data: partition x"}]
    assert [entry.key[-1] for entry in chosen] == ["b"]
    assert [told[AssetKey(name)].status.value for name in "ab"] == ["FRESH", "STALE"]
    assert [cell.state.value for cell in cells] == ["FRESH", "STALE"]
