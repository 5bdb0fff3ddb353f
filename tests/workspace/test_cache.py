"""The cache of what was read before: shared by threads, and never in the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from cellmill.workspace.cache import CACHE_FILE, ScanCache

THREADS = 8


def test_threads_share_it(tmp_path: Path) -> None:
    """Locations are read side by side: each thread finds what it and the others kept, from the first opening on."""
    files = [tmp_path / f"{number}.py" for number in range(THREADS)]
    for file in files:
        file.write_text(file.name)
    cache = ScanCache(tmp_path)
    together = Barrier(THREADS)

    def use(number: int) -> set[str]:
        together.wait()
        seen = set()
        for turn in range(40):
            cache.put_many({f"{number}.{turn}": {"n": turn}, f"shared.{turn}": [turn]})
            assert cache.get_many([f"{number}.{turn}", f"shared.{turn}"]) == {
                f"{number}.{turn}": {"n": turn},
                f"shared.{turn}": [turn],
            }
            seen |= set(cache.digests(files).values())
        return seen

    with ThreadPoolExecutor(THREADS) as pool:
        digests = list(pool.map(use, range(THREADS)))
    cache.close()

    assert all(len(seen) == THREADS for seen in digests)
    assert len(ScanCache(tmp_path).get_many(f"{n}.39" for n in range(THREADS))) == THREADS


def test_a_broken_file_is_a_miss(tmp_path: Path) -> None:
    """A cache that is no database costs time only."""
    (tmp_path / CACHE_FILE).write_bytes(b"no database at all" * 100)
    cache = ScanCache(tmp_path)
    cache.put_many({"a": 1})

    assert cache.get_many(["a"]) == {}
    assert len(cache.digests([tmp_path / CACHE_FILE])) == 1
    cache.close()
