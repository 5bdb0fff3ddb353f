"""Names of code locations, of repositories and of jobs in them, and which of their runs a sensor watches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cellmill.definitions.target import target_of
from cellmill.errors import CheckError


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySelector:
    """One repository of one code location.

    Args:
        location_name: Name of the code location.
        repository_name: Name of the repository in it. A location has one here, so that it is not looked at.
    """

    location_name: str
    repository_name: str

    def to_graphql_input(self) -> dict[str, str]:
        """Return the selector as GraphQL takes it."""
        return {"repositoryLocationName": self.location_name, "repositoryName": self.repository_name}

    @staticmethod
    def from_graphql_input(graphql_data: Mapping[str, Any]) -> RepositorySelector:
        """Return the selector that GraphQL gave.

        Args:
            graphql_data: `repositoryLocationName` and `repositoryName`.
        """
        return RepositorySelector(
            location_name=graphql_data["repositoryLocationName"], repository_name=graphql_data["repositoryName"]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLocationSelector:
    """One code location.

    Args:
        location_name: Its name.
    """

    location_name: str

    def to_repository_selector(self) -> RepositorySelector:
        """Return the selector of the location's only repository."""
        return RepositorySelector(location_name=self.location_name, repository_name="__repository__")


class JobSelector:
    """Names a job, also of another code location.

    Args:
        location_name: Older name of `code_location_name`.
        repository_name: Name of the job's repository. A location has one here, so that it is not looked at.
        job_name: Name of the job; it has to be given.
        code_location_name: Name of the code location that has the job; None means any that has it.

    Raises:
        CheckError: without a job's name.
    """

    def __init__(
        self,
        location_name: str | None = None,
        repository_name: str | None = None,
        job_name: str | None = None,
        code_location_name: str | None = None,
    ) -> None:
        if job_name is None:
            raise CheckError(
                "Must provide job_name argument even though it is marked as optional in the function signature."
            )
        self.location_name = code_location_name or location_name
        self.repository_name = repository_name
        self.job_name = job_name


class MonitoredJobs:
    """The jobs whose runs a sensor watches: of its own location, of others, or of all."""

    __slots__ = ("_everywhere", "_jobs", "_locations", "_own_jobs", "_own_location")

    def __init__(self, owner: str, items: Iterable[Any], *, everywhere: bool) -> None:
        self._everywhere = everywhere
        self._own_jobs: set[str] = set()
        self._jobs: set[tuple[str | None, str]] = set()
        self._locations: set[str] = set()
        for item in items:
            if isinstance(item, JobSelector):
                self._jobs.add((item.location_name, item.job_name))
            elif isinstance(item, (CodeLocationSelector, RepositorySelector)):
                self._locations.add(item.location_name)
            else:
                self._own_jobs.add(_job_name(item, owner))
        #: Whether all jobs of the sensor's own location are meant.
        self._own_location = not (self._own_jobs or self._jobs or self._locations)

    def has(self, job_name: str, location: str, own_location: str) -> bool:
        """Return whether runs of this job of `location` are watched by a sensor of `own_location`."""
        if self._everywhere or location in self._locations:
            return True
        if {(location, job_name), (None, job_name)} & self._jobs:
            return True
        is_own = not location or not own_location or location == own_location
        return is_own and (self._own_location or job_name in self._own_jobs)


def _job_name(item: Any, owner: str) -> str:
    name = getattr(item, "name", None)
    return name if isinstance(name, str) else target_of(item, owner).job_name
