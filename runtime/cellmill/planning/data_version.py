"""The data version of a materialization: equal versions promise equal data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from cellmill.definitions.value_ref import ValueRef


def data_version(
    *,
    given: str | None = None,
    ref: ValueRef | None = None,
    code_version: str | None = None,
    inputs: Mapping[str, str | None] | None = None,
    run_id: str,
    deterministic: bool = True,
) -> str:
    """The version that the user gave; else the hash of the stored content, where equal values have equal bytes; else a
    hash of what went in and of the bytes, if there are any.

    What went in counts only where all of it is known: without a code version, with an input of unknown version, or
    for an asset that is declared non-deterministic, the run is part of the hash, so no other run's data is equal.
    """
    if given is not None:
        return given
    if deterministic and ref is not None and ref.content_version is not None:
        return ref.content_version
    inputs = inputs or {}
    known = deterministic and code_version is not None and all(version is not None for version in inputs.values())
    content = "" if ref is None else ref.checksum
    return _digest([code_version or "", "" if known else run_id, content, *_pairs(inputs)])


def combined_version(versions: Mapping[str, str | None]) -> str | None:
    """The data version of several partitions of an asset together; None where one of them has none.

    Of a single partition it is that partition's own.
    """
    if not versions or None in versions.values():
        return None
    if len(versions) == 1:
        return next(iter(versions.values()))
    return _digest(_pairs(versions))


def _pairs(versions: Mapping[str, str | None]) -> list[str]:
    return [f"{key}={version}" for key, version in sorted(versions.items())]


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
