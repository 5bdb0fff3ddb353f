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
    hash of what went in.

    What went in counts only where all of it is known: without a code version, with an input of unknown version, or
    for an asset that is declared non-deterministic, the run is part of the hash, so no other run's data is equal.
    """
    if given is not None:
        return given
    content = None if ref is None else ref.content_version
    if content is not None:
        return content[:40]
    known = deterministic and code_version is not None and all(v is not None for v in (inputs or {}).values())
    digest = hashlib.sha256()
    for part in (code_version or "", "" if known else run_id, *(f"{k}={v}" for k, v in sorted((inputs or {}).items()))):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:40]
