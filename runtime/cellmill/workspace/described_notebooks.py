"""Notebooks whose definitions their texts do not show: asked of the location's host once, and kept by content."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cellmill.workspace.cache import ScanCache
from cellmill.workspace.location import retry_at
from cellmill.workspace.manifest import MANIFEST_VERSION, Manifest, ProblemEntry, problem_of

if TYPE_CHECKING:
    from cellmill.workspace.config import LocationConfig
    from cellmill.workspace.host import Host

Key = tuple[str, ...]
#: Function of the host that describes a notebook.
_DESCRIBE = "cellmill.workspace.describe_notebook:describe_notebook"


class Describing(Protocol):
    """The location of the notebooks, as far as describing them needs it."""

    root: Path
    config: LocationConfig

    @property
    def host(self) -> Host:
        """Where notebooks are run."""

    @property
    def load_timeout_s(self) -> float:
        """Seconds that loading may take."""

    def relative(self, path: Path) -> str:
        """Return the notebook's path from the workspace's root."""


@dataclass(frozen=True)
class Description:
    """What a host said of a notebook: JSON data of a manifest with `sources` and `variables`, or what went wrong."""

    data: Mapping[str, Any] | None
    problem: Mapping[str, Any] = field(default_factory=dict)
    #: When to try again, by the monotonic clock; of a failure only.
    retry_at: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether there is no description."""
        return self.data is None

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """The keys of the assets it tells of."""
        return tuple(tuple(entry["key"]) for entry in (self.data or {}).get("assets", ()))

    @cached_property
    def digest(self) -> str:
        """What changes when the description does."""
        return hashlib.blake2b(json.dumps(self.data, sort_keys=True).encode(), digest_size=16).hexdigest()

    def problems(self, location: str) -> Manifest:
        """Return the problem of a failure as a manifest."""
        return Manifest(problems=(ProblemEntry.from_json(self.problem, location=location),))


class DescribedNotebooks:
    """The descriptions of a location's notebooks.

    - kept by the notebook's content, and by that of the modules and data files that its cells read;
    - a failure is kept in this process, until something changes or its time is over.
    """

    def __init__(self, location: Describing, cache: ScanCache, *, ask: bool) -> None:
        self._location = location
        self._cache = cache
        self._ask = ask
        self._failures: dict[str, Description] = {}

    def forget_failures(self) -> None:
        """Ask again, at the next reading, for what could not be described."""
        self._failures.clear()

    def read(self, notebooks: Mapping[Path, tuple[str, tuple[str, ...]]]) -> dict[Path, Description]:
        """Return the descriptions of notebooks, given with content digest and names of variables.

        Those that are not kept are asked of the host; without leave to ask, they are left out.
        """
        if not notebooks:
            return {}
        keys = {path: self._key(path, *facts) for path, facts in notebooks.items()}
        kept = self._cache.get_many(keys.values())
        found = {path: Description(kept[key]) for path, key in keys.items() if key in kept and self._valid(kept[key])}
        if not self._ask:
            return found
        now = time.monotonic()
        missing = []
        for path, key in keys.items():
            failure = self._failures.get(key)
            if failure is not None and failure.retry_at > now:
                found[path] = failure
            elif path not in found:
                missing.append(path)
        fresh = {}
        for path, description in self._asked(missing, notebooks):
            found[path] = description
            if description.data is not None:
                fresh[keys[path]] = description.data
                self._failures.pop(keys[path], None)
            else:
                self._failures[keys[path]] = description
        self._cache.put_many(fresh)
        return {path: found[path] for path in notebooks if path in found}

    def _asked(
        self, paths: list[Path], notebooks: Mapping[Path, tuple[str, tuple[str, ...]]]
    ) -> Iterator[tuple[Path, Description]]:
        if not paths:
            return
        location = self._location
        payloads = [
            {"root": str(location.root), "notebook": location.relative(path), "variables": list(notebooks[path][1])}
            for path in paths
        ]
        began = time.monotonic()
        answers = location.host.call_many(_DESCRIBE, payloads, timeout_s=location.load_timeout_s)
        for path, answer in zip(paths, answers, strict=False):
            again, began = retry_at(began), time.monotonic()
            if isinstance(answer, Exception):
                remedy = getattr(answer, "remedy", "") or "Correct the notebook; it is run again when it changes."
                problem = problem_of(answer, kind="location", remedy=remedy, notebook=location.relative(path))
                yield path, Description(None, problem.to_json(), again)
            elif answer.get("problems"):
                yield path, Description(None, answer["problems"][0], again)
            else:
                yield path, Description(answer)

    def _valid(self, data: Mapping[str, Any]) -> bool:
        sources: Mapping[str, str] = data["sources"]
        digests = self._cache.digests([Path(path) for path in sources])
        return all(digests.get(Path(path)) == digest for path, digest in sources.items())

    def _key(self, path: Path, digest: str, variables: tuple[str, ...]) -> str:
        config = self._location.config
        facts = [MANIFEST_VERSION, sys.version, self._location.relative(path), digest, variables]
        text = json.dumps([*facts, config.python, config.kernel, dict(config.env)])
        return "described:" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
