"""The memory that one step may take, in a worker process that is its own while it runs."""

from __future__ import annotations

import contextlib
import re
import resource
from collections.abc import Iterator
from typing import Any

from cellmill.errors import InvalidConfigError

#: The tag by which one step limits its own memory: bytes, or a number with kB, MB or GB.
MEMORY_TAG = "cellmill/memory_limit"
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def memory_limit_of(step: Any) -> int | None:
    """Return the bytes that the process of a step may hold, by its tag; None for no limit."""
    text = (step.tags or {}).get(MEMORY_TAG)
    if not text:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgG]?[bB]?)\s*", str(text))
    if found is None or found[2].lower() not in _UNITS:
        raise InvalidConfigError(
            f"The tag {MEMORY_TAG} of step {step.key!r} is {text!r}; it must be bytes, or a number with kB, MB or GB."
        )
    return int(float(found[1]) * _UNITS[found[2].lower()])


def threads_of_worker() -> int:
    """Return how many threads the Dask worker has in which this is called."""
    import distributed  # an optional extra

    return int(distributed.get_worker().state.nthreads)


def refuse_shared_process(step: Any) -> None:
    """Raise InvalidConfigError in a Dask worker with several threads: the limit would be that of other steps too."""
    threads = threads_of_worker()
    if threads > 1:
        raise InvalidConfigError(
            f"Step {step.key!r} has the tag {MEMORY_TAG}, which needs Dask workers with one thread each; this one has "
            f"{threads}. Start them with --nthreads 1, or take the tag away."
        )


@contextlib.contextmanager
def limited_memory(limit: int | None) -> Iterator[None]:
    """Refuse allocations by which this process would hold more than `limit` bytes; the allocating code gets a
    MemoryError.
    """
    if limit is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Return whether a MemoryError is at the bottom of an error."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, MemoryError):
            return True
        seen.add(id(error))
        error = getattr(error, "user_exception", None) or error.__cause__ or error.__context__
    return False
