"""What a run stores, the catalog knows, staleness judges, and `load` gives back."""

from __future__ import annotations

from pathlib import Path

import cellmill
import pandas as pd
import pytest
from cellmill import AssetKey, Instance, asset, materialize
from cellmill.planning.asset_graph import AssetGraph
from cellmill.planning.staleness import decide_staleness
from cellmill.planning.staleness_facts import facts_of

numbers = [1, 2]


@asset(code_version="1")
def source() -> pd.DataFrame:
    """A table that other runs make anew."""
    return pd.DataFrame({"n": numbers})


@asset(code_version="1")
def total(source: pd.DataFrame) -> int:
    """What is made of it."""
    return int(source["n"].sum())


def reasons(instance: Instance, assets: list[object]) -> dict[str, list[str]]:
    """Why each asset is stale."""
    decided = decide_staleness(facts_of(AssetGraph.from_assets(assets)), instance.asset_states())
    return {key.to_user_string(): item.reasons or [item.status.value] for key, item in decided.items()}


def test_a_value_outlives_its_process_and_ages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh after its run, fresh after an identical one, stale after another result upstream or other code."""
    with Instance.get(tmp_path / "home") as instance:
        assert reasons(instance, [source, total]) == {"source": ["MISSING"], "total": ["MISSING"]}
        first = materialize([source, total], instance=instance)
        assert reasons(instance, [source, total]) == {"source": ["FRESH"], "total": ["FRESH"]}
        materialize([source], instance=instance)
        assert reasons(instance, [source, total]) == {"source": ["FRESH"], "total": ["FRESH"]}

        monkeypatch.setitem(globals(), "numbers", [5, 6])
        materialize([source], instance=instance)
        assert reasons(instance, [source, total]) == {"source": ["FRESH"], "total": ["source has newer data"]}

        @asset(code_version="2", name="source")
        def changed() -> None: ...

        assert reasons(instance, [changed, total])["source"] == ["its code changed"]
    with Instance.get(tmp_path / "home") as later:
        pd.testing.assert_frame_equal(cellmill.load("source", instance=later), pd.DataFrame({"n": [5, 6]}))
        pd.testing.assert_frame_equal(
            cellmill.load("source", run=first.run_id, instance=later), pd.DataFrame({"n": [1, 2]})
        )
        latest = later.get_latest_materialization_event(AssetKey("source"))
        assert latest is not None and latest.materialization.metadata["dagster/row_count"].value == 2
        assert cellmill.load("total", instance=later) == 3
