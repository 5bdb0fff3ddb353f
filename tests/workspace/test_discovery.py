"""The notebooks of a workspace are found by globs, and hashed once."""

from __future__ import annotations

import os
from pathlib import Path

from cellmill.workspace.cache import ScanCache
from cellmill.workspace.discovery import find_notebooks


def touch(path: Path, text: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_globs(tmp_path: Path) -> None:
    """``**`` spans folders, ``*`` does not; hidden and tool folders and excluded notebooks are left out."""
    for name in ("a.ipynb", "nb/b.ipynb", "nb/deep/c.ipynb", ".hidden/d.ipynb", "nb/.ipynb_checkpoints/b.ipynb"):
        touch(tmp_path / name)
    touch(tmp_path / "node_modules/x.ipynb")

    def names(*globs: str, exclude: tuple[str, ...] = ()) -> list[str]:
        return [p.relative_to(tmp_path).as_posix() for p in find_notebooks(tmp_path, globs, exclude=exclude)]

    assert names("**/*.ipynb") == ["a.ipynb", "nb/b.ipynb", "nb/deep/c.ipynb"]
    assert names("nb/*.ipynb") == ["nb/b.ipynb"]
    assert names("nb/") == ["nb/b.ipynb", "nb/deep/c.ipynb"]
    assert names("**/*.ipynb", exclude=("nb/deep/**",)) == ["a.ipynb", "nb/b.ipynb"]


def test_only_those_that_mean_cellmill(tmp_path: Path) -> None:
    """Without a workspace file only notebooks count that load cellmill, or whose metadata hold a schedule."""
    touch(tmp_path / "plain.ipynb", '"import pandas"')
    mine = touch(tmp_path / "mine.ipynb", '"%load_ext cellmill"')
    due = touch(tmp_path / "due.ipynb", '{"metadata": {"cellmill": {"schedules": [{"cron": "0 6 * * *"}]}}}')

    assert find_notebooks(tmp_path, ["**/*.ipynb"], only_cellmill=True) == [due, mine]


def test_cache_keeps_facts_and_digests(tmp_path: Path) -> None:
    """Facts come back by key in another process's handle; a changed file has a new digest, a missing one none."""
    path = touch(tmp_path / "a.ipynb", "1")
    os.utime(path, (1_000_000, 1_000_000))
    first = ScanCache(tmp_path / "home")
    before = first.digests([path, tmp_path / "gone"])
    first.put_many({"k": {"x": [1]}})
    first.close()
    second = ScanCache(tmp_path / "home")
    assert second.get_many(["k", "other"]) == {"k": {"x": [1]}}
    assert second.digests([path]) == before == {path: before[path]}
    path.write_text("2")

    assert second.digests([path]) != before
    second.close()


def test_cache_without_a_place_is_a_miss(tmp_path: Path) -> None:
    """A folder that cannot be written or a broken file makes the cache empty, not an error."""
    (tmp_path / "scan-cache.db").write_text("this is no database, " * 100)
    for cache in (ScanCache(None), ScanCache(tmp_path), ScanCache(tmp_path / "scan-cache.db")):
        cache.put_many({"k": 1})
        assert cache.get_many(["k"]) == {}
        cache.close()
