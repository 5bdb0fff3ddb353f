"""The built-in IO managers store and load by the same contexts as one's own."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cellmill import (
    AssetKey,
    ByTypeIOManager,
    CSVIOManager,
    DailyPartitionsDefinition,
    DuckDBIOManager,
    InMemoryIOManager,
    Instance,
    IOManager,
    JSONIOManager,
    ParquetIOManager,
    PartitionKeyRange,
    StaticPartitionsDefinition,
    UPathIOManager,
    ValueRef,
    build_init_resource_context,
    build_input_context,
    build_output_context,
    fs_io_manager,
    io_manager,
    mem_io_manager,
)
from cellmill.definitions.input_context import InputContext
from cellmill.definitions.output_context import OutputContext
from cellmill.errors import CheckError, InvalidMetadataError, InvariantViolationError, SecurityError, ValueNotFoundError
from cellmill.io.filesystem import PickledObjectFilesystemIOManager

FRAME = pd.DataFrame({"day": pd.to_datetime(["2024-01-01", "2024-01-02"]), "n": [1, 2]})
DAYS = DailyPartitionsDefinition("2024-01-01", end_date="2024-01-10")

MANAGERS: dict[str, Callable[[Path], IOManager]] = {
    "by type": lambda folder: ByTypeIOManager(folder),
    "by type, remote": lambda folder: ByTypeIOManager(f"memory://{folder.name}", key_folder=folder),
    "pickle": lambda folder: PickledObjectFilesystemIOManager(str(folder)),
    "parquet": lambda folder: ParquetIOManager(str(folder)),
    "memory": lambda folder: InMemoryIOManager(),
    "duckdb": lambda folder: DuckDBIOManager(folder / "db.duckdb"),
}


@pytest.fixture(params=sorted(MANAGERS))
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IOManager]:
    """Each manager that keeps tables."""
    yield MANAGERS[request.param](tmp_path)


def test_an_asset_s_table(manager: IOManager) -> None:
    """A table is replaced as a whole and comes back equal."""
    for frame in (FRAME, FRAME.head(1)):
        manager.handle_output(build_output_context(asset_key=["s", "a"]), frame)
        loaded = manager.load_input(build_input_context(asset_key=["s", "a"]))
        pd.testing.assert_frame_equal(loaded, frame, check_dtype=False)


def test_an_output_of_an_op(manager: IOManager) -> None:
    """An output that is no asset is found through the upstream context."""
    upstream = build_output_context(step_key="op", name="result", run_id="r1")
    manager.handle_output(upstream, FRAME)
    loaded = manager.load_input(build_input_context(upstream_output=upstream))

    pd.testing.assert_frame_equal(loaded, FRAME, check_dtype=False)


def test_partitions(manager: IOManager) -> None:
    """Each partition is stored on its own; several are loaded together."""
    metadata = {"partition_expr": "day"}
    for number, day in enumerate(("2024-01-01", "2024-01-02"), 1):
        context = build_output_context(
            asset_key="a", partition_key=day, asset_partitions_def=DAYS, definition_metadata=metadata
        )
        for n in (0, number):
            frame = pd.DataFrame({"day": [datetime.fromisoformat(day)], "n": [n]})
            manager.handle_output(context, frame)
    one = manager.load_input(
        build_input_context(
            asset_key="a", partition_key="2024-01-02", asset_partitions_def=DAYS, definition_metadata=metadata
        )
    )
    both = manager.load_input(
        build_input_context(
            asset_key="a",
            asset_partition_key_range=PartitionKeyRange("2024-01-01", "2024-01-02"),
            asset_partitions_def=DAYS,
            definition_metadata=metadata,
        )
    )

    assert list(one["n"]) == [2]
    if isinstance(both, dict):
        assert {key: list(frame["n"]) for key, frame in both.items()} == {"2024-01-01": [1], "2024-01-02": [2]}
    else:
        assert list(both.sort_values("day")["n"]) == [1, 2]


def test_what_was_never_stored(manager: IOManager) -> None:
    """A missing value is a typed error that is also a FileNotFoundError."""
    with pytest.raises(ValueNotFoundError):
        manager.load_input(build_input_context(asset_key="nothing"))


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.Table])
@pytest.mark.parametrize("name", ["by type", "parquet", "duckdb"])
def test_the_reader_chooses_the_library(tmp_path: Path, library: type, name: str) -> None:
    """An input that is annotated with another library's table gets that."""

    class Wanted:
        typing_type = library

    manager = MANAGERS[name](tmp_path)
    manager.handle_output(build_output_context(asset_key="a"), pl.DataFrame({"n": [1, 2]}))
    loaded = manager.load_input(build_input_context(asset_key="a", dagster_type=Wanted()))

    assert isinstance(loaded, library)
    assert len(loaded) == 2


def test_the_default_manager_describes_what_it_stores(tmp_path: Path) -> None:
    """Rows, columns, nulls, a preview, the size: on the event, without being asked."""
    context = build_output_context(asset_key="a", output_metadata={"path": "mine"})
    frame = pd.DataFrame({"a": [1, None], "b": ["x", "y"]})
    ref = ByTypeIOManager(tmp_path).handle_output(context, frame)
    metadata = context.get_logged_metadata()

    assert isinstance(ref, ValueRef) and ref.size == metadata["size_bytes"].value
    assert metadata["dagster/row_count"].value == 2
    assert [column.name for column in metadata["dagster/column_schema"].schema.columns] == ["a", "b"]
    assert metadata["null_counts"].data == {"a": 1}
    assert len(metadata["preview"].records) == 2
    assert "path" not in metadata


def test_the_default_manager_reads_what_the_catalog_names(tmp_path: Path) -> None:
    """With a catalog, the current version is what it says, not what lies in the folder."""
    manager = ByTypeIOManager(tmp_path)
    current = manager.handle_output(build_output_context(asset_key="a"), 1)
    manager.handle_output(build_output_context(asset_key="a"), 2)

    def load(found: ValueRef | None) -> Any:
        return manager.load_input(build_input_context(asset_key="a", find_ref=lambda key, partition: found))

    assert load(current) == 1
    with pytest.raises(ValueNotFoundError, match="materialize it first"):
        load(None)


def test_several_partitions_of_one_output(tmp_path: Path) -> None:
    """Pickles refuse them; the default manager takes a mapping by partition."""
    letters = StaticPartitionsDefinition(["a", "b"])
    context = build_output_context(
        asset_key="x", asset_partition_key_range=PartitionKeyRange("a", "b"), asset_partitions_def=letters
    )
    with pytest.raises(CheckError, match="multiple partitions"):
        PickledObjectFilesystemIOManager(str(tmp_path)).handle_output(context, 1)
    with pytest.raises(CheckError, match="exactly these keys"):
        ByTypeIOManager(tmp_path).handle_output(context, {"a": 1})
    ByTypeIOManager(tmp_path).handle_output(context, {"a": 1, "b": 2})
    loaded = ByTypeIOManager(tmp_path).load_input(
        build_input_context(
            asset_key="x", asset_partition_key_range=PartitionKeyRange("a", "b"), asset_partitions_def=letters
        )
    )

    assert loaded == {"a": 1, "b": 2}


def test_pickles_lie_at_dagster_s_paths(tmp_path: Path) -> None:
    """Other programs find them, and any pickle reader reads them."""
    with fs_io_manager_at(tmp_path) as manager:
        manager.handle_output(build_output_context(asset_key=["s", "a"]), {1: 2})
        days = build_output_context(asset_key="p", partition_key="2024-01-02", asset_partitions_def=DAYS)
        manager.handle_output(days, 5)
        manager.handle_output(build_output_context(step_key="op", name="result", run_id="r"), 6)

    assert pickle.loads((tmp_path / "s" / "a").read_bytes()) == {1: 2}
    assert pickle.loads((tmp_path / "p" / "2024-01-02").read_bytes()) == 5
    assert pickle.loads((tmp_path / "r" / "op" / "result").read_bytes()) == 6


class fs_io_manager_at:
    """`fs_io_manager` as a run would make it."""

    def __init__(self, folder: Path) -> None:
        self.context = build_init_resource_context(config={"base_dir": str(folder)})

    def __enter__(self) -> Any:
        return fs_io_manager(self.context)

    def __exit__(self, *error: object) -> None: ...


@pytest.mark.security
def test_unsigned_pickles_are_refused(tmp_path: Path) -> None:
    """A pickle that another program left at the path is not run."""
    (tmp_path / "a").write_bytes(pickle.dumps(1))
    with pytest.raises(SecurityError, match="signature"):
        PickledObjectFilesystemIOManager(str(tmp_path)).load_input(build_input_context(asset_key="a"))


def test_one_s_own_manager_in_ten_lines(tmp_path: Path) -> None:
    """The base takes care of paths, partitions, replacement and metadata."""

    class TextIOManager(UPathIOManager):
        extension = ".txt"

        def dump_to_path(self, context: OutputContext, obj: str, path: Any) -> None:
            path.write_text(obj)

        def load_from_path(self, context: InputContext, path: Any) -> str:
            return str(path.read_text())

    manager = TextIOManager(tmp_path)
    context = build_output_context(asset_key="a")
    manager.handle_output(context, "hello")
    missing = build_input_context(
        asset_key="p",
        asset_partition_key_range=PartitionKeyRange("2024-01-01", "2024-01-03"),
        asset_partitions_def=DAYS,
        definition_metadata={"allow_missing_partitions": True},
    )
    manager.handle_output(
        build_output_context(asset_key="p", partition_key="2024-01-02", asset_partitions_def=DAYS), "x"
    )

    assert (tmp_path / "a.txt").read_text() == "hello"
    assert manager.load_input(build_input_context(asset_key="a")) == "hello"
    assert context.get_logged_metadata()["path"].value == str(tmp_path / "a.txt")
    assert manager.load_input(missing) == {"2024-01-02": "x"}


def test_csv_and_json(tmp_path: Path) -> None:
    """Files that any program reads."""
    CSVIOManager(str(tmp_path)).handle_output(build_output_context(asset_key="t"), FRAME[["n"]])
    JSONIOManager(str(tmp_path), indent=1).handle_output(build_output_context(asset_key="j"), {"a": [1]})

    assert (tmp_path / "t.csv").read_text() == "n\n1\n2\n"
    assert list(CSVIOManager(str(tmp_path)).load_input(build_input_context(asset_key="t"))["n"]) == [1, 2]
    assert JSONIOManager(str(tmp_path)).load_input(build_input_context(asset_key="j")) == {"a": [1]}


def test_an_object_with_two_methods_is_an_io_manager() -> None:
    """The decorator takes functions that return any such object, with config."""

    @io_manager(config_schema={"base": str})
    def mine(context: Any) -> Any:
        class Mine:
            def handle_output(self, context: Any, obj: Any) -> None: ...

            def load_input(self, context: Any) -> Any:
                return base

        base = context.resource_config["base"]
        return Mine()

    made = mine(build_init_resource_context(config={"base": "b"}))
    assert made.load_input(build_input_context()) == "b"
    assert isinstance(mem_io_manager(build_init_resource_context()), InMemoryIOManager)


def test_values_of_an_instance_lie_in_its_folder(tmp_path: Path) -> None:
    """Without a base_dir, the instance says where, and its key signs."""
    with Instance.get(tmp_path / "home") as instance:
        manager = fs_io_manager(build_init_resource_context(instance=instance))
        manager.handle_output(build_output_context(asset_key="a"), {1})

    assert (tmp_path / "home" / "storage" / "a").exists()
    assert (tmp_path / "home" / "key").stat().st_mode & 0o777 == 0o600


def test_contexts_say_what_was_not_given() -> None:
    """Reading what a hand-made context lacks is an error that names it."""
    with pytest.raises(InvariantViolationError, match="step_key"):
        build_output_context().step_key  # noqa: B018
    with pytest.raises(InvariantViolationError, match="no asset"):
        build_input_context().asset_key  # noqa: B018
    with pytest.raises(CheckError, match="non-partitioned run"):
        build_output_context().partition_key  # noqa: B018
    context = build_output_context(asset_key="a")
    context.add_output_metadata({"a": 1})
    with pytest.raises(InvalidMetadataError, match="already"):
        context.add_output_metadata({"a": 2})
    assert context.asset_key == AssetKey("a")
    assert build_output_context(step_key="s", name="n", mapping_key="m").get_identifier()[1:] == ["s", "n", "m"]
