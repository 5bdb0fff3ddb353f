"""A memoized run makes what is not fresh when its turn comes, and takes the rest from where it is stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cellmill as c
import pytest
from cellmill.planning.event import EventType

TAGS = {"dagster/is_memoized_run": "true"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[c.Instance]:
    """An instance on disk."""
    with c.Instance.local_temp(str(tmp_path)) as made:
        yield made


def chain(version: str = "1", value: int = 1, *, last: str | None = "1") -> list[Any]:
    """Three assets, of which the first has this code version and value."""

    @c.asset(code_version=version)
    def first() -> int:
        return value

    @c.asset(code_version="1")
    def second(first: int) -> int:
        return first % 10

    @c.asset(code_version=last)
    def third(second: int) -> int:
        return second + 1

    return [first, second, third]


def made(instance: c.Instance, assets: list[Any], tags: dict[str, str] | None = None) -> list[str]:
    """The steps that a run carried out; the others were skipped with a word."""
    result = c.materialize(assets, instance=instance, tags=TAGS if tags is None else tags)
    events = instance.all_logs(result.run_id)
    done = [event.step_key for event in events if event.type is EventType.STEP_SUCCESS]
    skipped = [event.step_key for event in events if event.type is EventType.STEP_SKIPPED]
    assert result.success
    assert sorted([*done, *skipped]) == ["first", "second", "third"]
    assert all("is fresh" in (event.message or "") for event in events if event.type is EventType.STEP_SKIPPED)
    return [str(key) for key in done]


def test_only_what_is_not_fresh_is_made(instance: c.Instance) -> None:
    """Everything at first, nothing the second time, all that depends on a changed value after that."""
    assert made(instance, chain()) == ["first", "second", "third"]
    assert made(instance, chain()) == []
    assert made(instance, chain("2", 2)) == ["first", "second", "third"]


def test_an_equal_result_ends_the_wave(instance: c.Instance) -> None:
    """What lies behind an asset that came out as before is not made again, and loads what is stored."""
    made(instance, chain())

    assert made(instance, chain("2", 1)) == ["first"]
    assert made(instance, chain("3", 11)) == ["first", "second"]


def test_without_the_tag_or_a_code_version_everything_is_made(instance: c.Instance) -> None:
    """A run that is not memoized makes what it is told to, and what has no code version may have changed."""
    made(instance, chain(last=None))

    assert made(instance, chain(last=None), {}) == ["first", "second", "third"]
    assert made(instance, chain(last=None)) == ["third"]


PARTS = c.StaticPartitionsDefinition(["a", "b"])


def partitioned(version: str = "1", value: int = 1) -> list[Any]:
    """A partitioned asset, one made of it partition by partition, and one made of all its partitions."""

    @c.asset(code_version=version, partitions_def=PARTS)
    def first() -> int:
        return value

    @c.asset(code_version="1", partitions_def=PARTS)
    def second(first: int) -> int:
        return first % 10

    @c.asset(code_version="1")
    def third(second: dict[str, int]) -> int:
        return sum(second.values())

    return [first, second, third]


def made_of(instance: c.Instance, assets: list[Any], partition: str | None) -> list[str]:
    """The steps that a memoized run of one partition, or of the unpartitioned asset, carries out."""
    chosen = ["third"] if partition is None else ["first", "second"]
    result = c.materialize(assets, instance=instance, tags=TAGS, selection=chosen, partition_key=partition)
    done = [event.step_key for event in instance.all_logs(result.run_id) if event.type is EventType.STEP_SUCCESS]
    return [str(key) for key in done]


def test_partitions_are_fresh_or_not_each_by_itself(instance: c.Instance) -> None:
    """A partition that came out as before leaves fresh what was made of it, and what was made of all of them."""
    for key in ("a", "b", None):
        assert made_of(instance, partitioned(), key) == (["third"] if key is None else ["first", "second"])
    assert [made_of(instance, partitioned(), key) for key in ("a", "b", None)] == [[], [], []]
    assert made_of(instance, partitioned("2", 11), "a") == ["first", "second"]
    assert made_of(instance, partitioned("2", 11), None) == []
    assert made_of(instance, partitioned("2", 12), "b") == ["first", "second"]
    assert made_of(instance, partitioned("2", 12), None) == ["third"]


def memoized_job() -> c.JobDefinition:
    """The chain as a job on two processes; its first asset and value come from the environment."""
    value = int(os.environ["MEMO_VALUE"])
    job = c.define_asset_job("chain", executor_def=c.multiprocess_executor.configured({"max_concurrent": 2}))
    return c.Definitions(assets=chain(str(value), value), jobs=[job]).get_job_def("chain")


def test_a_multiprocess_run_is_memoized(instance: c.Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on worker processes: an equal result ends the wave."""
    done = {}
    for value in (1, 11, 2):
        monkeypatch.setenv("MEMO_VALUE", str(value))
        with c.execute_job(c.reconstructable(memoized_job), instance=instance, tags=TAGS) as result:
            assert result.success
            done[value] = {e.step_key for e in result.all_events if e.type is EventType.STEP_SUCCESS}

    assert done == {
        1: {"first", "second", "third"},
        11: {"first", "second"},
        2: {"first", "second", "third"},
    }
