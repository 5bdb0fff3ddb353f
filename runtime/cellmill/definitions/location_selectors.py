"""Names of code locations and of repositories in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySelector:
    """One repository of one code location.

    Args:
        location_name: Name of the code location.
        repository_name: Name of the repository in it.
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
