"""The value store: what is stored comes back equal, old versions stay, and strangers' pickles are never run."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cellmill.errors import SecurityError, StorageLocationError, ValueCorruptError, ValueNotFoundError, ValueTypeError
from cellmill.io.formats import format_of
from cellmill.io.garbage import collect
from cellmill.io.naming import SEGMENT_LIMIT, name_of, partition_segment, segment, value_path
from cellmill.io.value_store import ValueStore, version_time
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples

VALUES: list[tuple[str, Any]] = [
    ("json", None),
    ("json", True),
    ("json", 7),
    ("json", 1.5),
    ("json", [1, {"a": [None, "é"]}]),
    ("text", "two\r\nlines \U0001f600"),
    ("bytes", b"\0\1"),
    ("pickle", (1, 2)),
    ("pickle", {1: 2}),
    ("pickle", 2**20000),
    ("pickle", "\ud800"),
    ("pickle", {1, 2}),
    ("npy", np.arange(6).reshape(2, 3)),
    ("pickle", np.array([None, "x"], dtype=object)),
    ("parquet", pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=pd.Index([5, 6], name="i"))),
    ("parquet", pd.Series([1.5, 2.5], name="s")),
    ("parquet", pd.Series([1, 2])),
    ("pickle", pd.DataFrame({1: [2]})),
    ("pickle", pd.DataFrame({"a": [1, "x"]}, dtype=object)),
    ("parquet", pl.DataFrame({"a": [1, 2]})),
    ("parquet", pa.table({"a": [1, 2]})),
]


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ValueStore]:
    """An empty store, on disk and on an fsspec file system."""
    if request.param == "local":
        yield ValueStore(tmp_path / "store", key_folder=tmp_path)
        return
    yield ValueStore(f"memory://{tmp_path.name}", key_folder=tmp_path)
    with contextlib.suppress(FileNotFoundError):
        fsspec.filesystem("memory").rm(f"/{tmp_path.name}", recursive=True)


def assert_equal(left: Any, right: Any) -> None:
    """The same type and the same value."""
    assert type(left) is type(right)
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right)
    elif isinstance(left, pd.Series):
        pd.testing.assert_series_equal(left, right)
    elif isinstance(left, pl.DataFrame | pa.Table):
        assert left.equals(right)
    elif isinstance(left, np.ndarray):
        np.testing.assert_array_equal(left, right)
    else:
        assert left == right


@pytest.mark.parametrize(("format", "value"), VALUES, ids=lambda item: str(item)[:12] if isinstance(item, str) else "")
def test_values_come_back_equal(store: ValueStore, format: str, value: Any) -> None:
    """The format follows the type, and gives an equal value back."""
    ref = store.write("assets/a", value)

    assert ref.format == format
    assert_equal(store.read(ref), value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=examples(60))
def test_any_plain_data_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    """Whatever JSON would change (tuples, integer keys) is not written as JSON."""
    folder = tmp_path_factory.getbasetemp()
    store = ValueStore(folder / "plain", key_folder=folder)

    assert_equal(store.read(store.write("assets/a", value)), value)


def test_earlier_versions_stay_readable(store: ValueStore) -> None:
    """A reader that holds a reference is not disturbed by a new version."""
    first = store.write("assets/a", 1)
    second = store.write("assets/a", 2)

    assert (store.read(first), store.read(second)) == (1, 2)
    assert [ref.version for ref in store.versions("assets/a")] == [first.version, second.version]
    assert store.read(store.find("assets/a")) == 2
    with pytest.raises(ValueNotFoundError):
        store.find("assets/b")


def test_changed_bytes_are_noticed(tmp_path: Path) -> None:
    """A value that is not what was written is not handed out."""
    store = ValueStore(tmp_path)
    ref = store.write("assets/a", [1, 2, 3])
    (tmp_path / ref.path).write_text("[1,2,4]")
    with pytest.raises(ValueCorruptError, match=r"assets/a"):
        store.read(ref)


class Canary:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.security
@pytest.mark.parametrize("attack", ["foreign", "tampered", "swapped", "another instance"])
def test_a_stranger_s_pickle_is_refused_before_it_runs(tmp_path: Path, attack: str) -> None:
    """No byte of it is unpickled, and the error names the place."""
    canary = tmp_path / "canary"
    store = ValueStore(tmp_path / "store", key_folder=tmp_path / "mine")
    ref = store.write("assets/a", (1, 2))
    path = tmp_path / "store" / ref.path
    evil = pickle.dumps(Canary(canary))
    if attack == "foreign":
        path.write_bytes(evil)
    elif attack == "tampered":
        path.write_bytes(evil + path.read_bytes()[-87:])
    elif attack == "swapped":
        other = store.write("assets/b", Canary(canary))
        path.write_bytes((tmp_path / "store" / other.path).read_bytes())
    else:
        other_store = ValueStore(tmp_path / "store", key_folder=tmp_path / "other")
        ref = other_store.write("assets/a", Canary(canary))
    with pytest.raises(SecurityError, match="assets/a"):
        store.read(ref)

    assert not canary.exists()


@pytest.mark.security
@pytest.mark.parametrize("path", ["../outside.json", "/etc/passwd", "a/../../b.json", "a\0b.json"])
def test_a_reference_cannot_lead_outside(tmp_path: Path, path: str) -> None:
    """References travel through kernels and HTTP: they are not trusted."""
    store = ValueStore(tmp_path / "store")
    ref = store.write("assets/a", 1)
    with pytest.raises(SecurityError, match="outside"):
        store.read(replace(ref, path=path))


HOSTILE = [
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "\0",
    "CON",
    "nul.txt",
    "x" * 4000,
    "é" * 300,
    "%2e%2e",
    "a:b",
    "=x",
    "@x",
    " a ",
    "a.",
]


@pytest.mark.security
@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_any_name_is_one_harmless_segment(store: ValueStore, name: str) -> None:
    """Keys and partitions with path characters stay in their folder and apart from each other."""
    text = segment(name)

    assert text not in ("", ".", "..") and not set(text) & set("/\\\0=@:")
    assert len(text) <= SEGMENT_LIMIT
    assert name_of(text) in (name, None)
    place = f"assets/{value_path((name, 'x'))}/{partition_segment(name)}"
    assert store.read(store.write(place, 5)) == 5


@given(st.lists(st.text(max_size=12), unique=True, max_size=8))
@settings(max_examples=examples(100))
def test_different_names_have_different_segments(names: list[str]) -> None:
    """No two keys share a folder."""
    assert len({segment(name) for name in names}) == len(names)


def test_what_cannot_be_stored_is_named(store: ValueStore) -> None:
    """A generator cannot be stored, and nothing is left behind."""
    with pytest.raises(ValueTypeError, match="generator"):
        store.write("assets/a", (n for n in ()))

    assert [path for path, _ in store.files.walk() if path != "key"] == []


def test_a_local_function_is_stored_by_value(store: ValueStore) -> None:
    """What pickle cannot name is pickled whole."""
    add = 3

    assert store.read(store.write("assets/f", lambda n: n + add))(4) == 7


def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    """The error says which folder, and nothing is half written."""
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StorageLocationError, match="store"):
        ValueStore(tmp_path / "store").write("assets/a", 1)


def test_garbage_is_what_nothing_can_need(store: ValueStore) -> None:
    """The newest, the referenced, the young, and what an open run may read stay."""
    refs = [store.write("assets/a", number) for number in range(6)]
    now = version_time(refs[-1].version) + 10
    opened = version_time(refs[2].version) + 1e-5
    kept = collect(store, live={refs[0].path}, keep=2, open_since=opened, now=now, grace_s=0, dry_run=True)
    assert kept.versions == (refs[1].path,)
    young = collect(store, live=(), keep=1, now=now, grace_s=3600)
    assert young.versions == ()

    gone = collect(store, live={refs[0].path}, keep=2, now=now, grace_s=0)

    assert gone.versions == tuple(ref.path for ref in refs[1:4])
    assert [store.read(ref) for ref in (refs[0], *refs[4:])] == [0, 4, 5]
    with pytest.raises(ValueNotFoundError):
        store.read(refs[1])


def test_equal_tables_have_equal_content_versions(store: ValueStore) -> None:
    """Making the same table again leaves what is downstream fresh."""
    one, two = (store.write("assets/a", pd.DataFrame({"a": [1, 2]})) for _ in range(2))

    assert one.content_version == two.content_version is not None
    assert store.write("assets/a", (1,)).content_version is None


def test_formats_do_not_load_libraries() -> None:
    """A plain value is stored without any table library being asked."""
    assert format_of([1]).name == "json"
