"""One code location: how its definitions are read, and the host that runs its user code."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cellmill.first_use import on_first_use
from cellmill.workspace.cache import ScanCache
from cellmill.workspace.config import LocationConfig
from cellmill.workspace.discovery import find_notebooks
from cellmill.workspace.manifest import MANIFEST_VERSION, Manifest, ProblemEntry, problem_of

if TYPE_CHECKING:
    from cellmill.workspace import host as hosts
    from cellmill.workspace.host import Host
else:
    hosts = on_first_use("cellmill.workspace.host")

#: Function of the host that reads a location's definitions.
_DESCRIBE = "cellmill.workspace.describe:describe_location"


class Location(Protocol):
    """Where definitions come from."""

    config: LocationConfig

    @property
    def name(self) -> str:
        """The location's name, unique in its workspace."""
        ...

    def read(self) -> Manifest:
        """Return what the location offers; what is wrong with it is among the problems, never raised."""
        ...

    def forget_failure(self) -> None:
        """Try again, at the next reading, what failed before."""
        ...

    def close(self) -> None:
        """Stop what runs for the location."""
        ...


class Hosted:
    """The part of a location that owns a host."""

    def __init__(self, config: LocationConfig, settings: Mapping[str, Any]) -> None:
        self.config = config
        self.settings = settings
        self._host: Host | None = None

    @property
    def name(self) -> str:
        """The location's name."""
        return self.config.name

    @property
    def host(self) -> Host:
        """The location's host; nothing is started before it is asked."""
        if self._host is None:
            host: Host = hosts.Host(
                hosts.HostConfig(
                    location=self.config.name,
                    working_directory=self.config.working_directory,
                    python=self.config.python,
                    kernel=self.config.kernel,
                    env=self.config.env,
                    idle_s=float(self.settings.get("idle_s", hosts.IDLE_S)),
                    start_timeout_s=float(self.settings.get("start_timeout_s", hosts.START_TIMEOUT_S)),
                )
            )
            self._host = host
        return self._host

    def close(self) -> None:
        """Stop the host."""
        if self._host is not None:
            self._host.stop()

    @cached_property
    def load_timeout_s(self) -> float:
        """Seconds that loading may take."""
        return float(self.settings.get("load_timeout_s", 120.0))


#: Seconds after which a location that could not be loaded is tried again, though none of its files changed …
RETRY_S = 30.0
#: … or this many times what the attempt took, if that is longer: one that hangs must not take all of a daemon's time.
_RETRY_TIMES = 10


def retry_at(began: float) -> float:
    """Return when what failed may be tried again, by the monotonic clock; `began` is when the attempt did."""
    now = time.monotonic()
    return now + max(RETRY_S, _RETRY_TIMES * (now - began))


@dataclass(frozen=True, slots=True)
class _Failure:
    """That a module could not be loaded, as long as the Python files around it are what they were."""

    manifest: Manifest
    files: Mapping[Path, str]
    retry_at: float


class ModuleLocation(Hosted):
    """A Python module, package or file, loaded in its host; what it offers is cached by its sources' content."""

    def __init__(self, config: LocationConfig, settings: Mapping[str, Any], cache: ScanCache, home: Path) -> None:
        super().__init__(config, settings)
        self._cache = cache
        self._home = home
        self._failure: _Failure | None = None

    def forget_failure(self) -> None:
        """Load the module again at the next reading, if it could not be loaded."""
        self._failure = None

    def request(self) -> dict[str, Any]:
        """Return the plain data by which a host or a worker finds this location's definitions."""
        return location_request(self.config)

    def read(self) -> Manifest:
        """Return what the module offers: from the cache where no source changed, else from its host."""
        key = self._cache_key()
        kept = self._cache.get_many([key]).get(key)
        if kept is not None and self._unchanged(kept["sources"]):
            return Manifest.from_json(kept, self.name)
        files = self._cache.digests(find_notebooks(self.config.working_directory, ["**/*.py"]))
        failure = self._failure
        if failure is not None and failure.files == files and time.monotonic() < failure.retry_at:
            return failure.manifest
        if self._host is not None:
            self._host.restart()
        began = time.monotonic()
        try:
            data = self.host.call(_DESCRIBE, self.request(), timeout_s=self.load_timeout_s)
        except Exception as error:  # a location's shell: whatever breaks one location is shown on it alone
            found = Manifest(problems=(self._problem(error),)).located(self.name)
            self._failure = _Failure(found, files, retry_at(began))
            return found
        self._failure = None
        self._cache.put_many({key: data})
        return Manifest.from_json(data, self.name)

    def _problem(self, error: Exception) -> ProblemEntry:
        remedy = getattr(error, "remedy", "") or "Correct the code; it is read again when it changes."
        return problem_of(error, kind="location", remedy=remedy, file=self.config.targets[0])

    def _unchanged(self, sources: Mapping[str, str]) -> bool:
        digests = self._cache.digests([Path(path) for path in sources])
        return all(digests.get(Path(path)) == digest for path, digest in sources.items())

    def _cache_key(self) -> str:
        facts = [MANIFEST_VERSION, sys.version, self.request(), dict(self.config.env), self.config.python]
        text = json.dumps([*facts, self.config.kernel], default=str)
        return "module:" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def location_request(config: LocationConfig) -> dict[str, Any]:
    """Return the plain data by which a host or a worker finds a location's definitions."""
    return {
        "name": config.name,
        "kind": config.kind,
        "targets": list(config.targets),
        "attribute": config.attribute,
        "working_directory": str(config.working_directory),
    }
