"""Runs over several partitions at once, stored by the default IO manager."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cellmill
import pytest
from cellmill import AssetExecutionContext, AssetKey, Instance, StaticPartitionsDefinition, asset, materialize
from cellmill.errors import CellmillError, InvariantViolationError

letters = StaticPartitionsDefinition(["a", "b", "c", "d"])
RANGE = {"dagster/asset_partition_range_start": "b", "dagster/asset_partition_range_end": "d"}


@asset(partitions_def=letters)
def words(context: AssetExecutionContext) -> dict[str, str]:
    """One word per partition of the run."""
    return {key: key * 3 for key in context.partition_keys}


@asset(partitions_def=letters)
def sizes(words: Any) -> Any:
    """The length of each word; a run of one partition gets the one word."""
    return {key: len(word) for key, word in words.items()} if isinstance(words, dict) else len(words)


@asset
def everything(words: dict[str, str]) -> list[str]:
    """All partitions of `words`."""
    return sorted(words.values())


@pytest.fixture
def instance(tmp_path: Path) -> Any:
    """An instance on disk."""
    with Instance.get(tmp_path / "home") as found:
        yield found


def test_each_partition_of_a_range_is_found(instance: Instance) -> None:
    """One run over three partitions leaves three values, each of which `load` finds, with its own data version."""
    result = materialize([words], instance=instance, tags=RANGE)
    assert result.success
    assert [cellmill.load("words", partition=key, instance=instance) for key in "bcd"] == ["bbb", "ccc", "ddd"]
    assert instance.get_materialized_partitions(AssetKey("words")) == {"b", "c", "d"}
    made = [event.materialization for event in result.all_events if event.is_step_materialization]
    assert [one.partition for one in made] == ["b", "c", "d"]
    assert len({one.data_version for one in made}) == 3


def test_downstream_runs_read_one_or_several_partitions(instance: Instance) -> None:
    """A later run of one partition gets its value; one of several gets a mapping by partition, and stores one each."""
    materialize([words], instance=instance, tags=RANGE)
    one = materialize([words, sizes], selection=[sizes], instance=instance, partition_key="c")
    assert one.output_for_node("sizes") == 3
    several = materialize([words, sizes], selection=[sizes], instance=instance, tags=RANGE)
    assert several.output_for_node("sizes") == {"b": 3, "c": 3, "d": 3}
    assert cellmill.load("sizes", partition="d", instance=instance) == 3


def test_steps_of_one_run_hand_partitions_on(instance: Instance) -> None:
    """Within one run over a range the reader gets what the writer has just made."""
    both = materialize([words, sizes], instance=instance, tags=RANGE)
    assert both.output_for_node("sizes") == {"b": 3, "c": 3, "d": 3}


def test_an_unpartitioned_reader_gets_all_partitions(instance: Instance) -> None:
    """An asset without partitions reads the mapping of all partitions upstream."""
    whole = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "d"}
    materialize([words], instance=instance, tags=whole)
    result = materialize([words, everything], selection=[everything], instance=instance)
    assert result.output_for_node("everything") == ["aaa", "bbb", "ccc", "ddd"]


def test_a_value_that_lacks_a_partition_is_refused(instance: Instance) -> None:
    """A run over several partitions must give a value for each of them, and nothing is recorded otherwise."""

    @asset(partitions_def=letters)
    def partial() -> dict[str, str]:
        return {"b": "only"}

    with pytest.raises(CellmillError, match="exactly these keys: b, c, d"):
        materialize([partial], instance=instance, tags=RANGE)
    assert instance.get_materialized_partitions(AssetKey("partial")) == set()


@asset(partitions_def=letters)
def shouted(context: AssetExecutionContext) -> str:
    """Code for one partition a run."""
    return context.partition_key.upper()


def test_code_of_one_partition_says_what_to_do_with_a_range(instance: Instance) -> None:
    """One run over a range fails where the code asks for the one partition; the error names every way out."""
    with pytest.raises(InvariantViolationError) as caught:
        materialize([shouted], instance=instance, tags=RANGE)
    for part in ("from b to d", "Launch a backfill", "code of shouted", "context.partition_keys", "single_run"):
        assert part in str(caught.value)
