"""`@repository`: the older way to declare a code location."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cellmill.definitions.asset_selection_job import UnresolvedAssetJobDefinition
from cellmill.definitions.code_location import Definitions
from cellmill.definitions.code_repository import LazyJob, Repository
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.loadable import unknown_targets
from cellmill.definitions.resource_requirements import unprovided
from cellmill.errors import InvalidDefinitionError, InvalidSubsetError

RepositoryDefinition = Repository


def repository(
    definitions_fn: Callable[[], Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    default_executor_def: Any = None,
    default_logger_defs: Mapping[str, Any] | None = None,
    top_level_resources: Mapping[str, Any] | None = None,
) -> Any:
    """Make the decorated function, which returns definitions, a code location; `Definitions` is the newer way.

    Args:
        definitions_fn: The function, where the decorator stands without parentheses; it returns a list of definitions,
            or a dict of them under `jobs`, `schedules`, `sensors`, `assets` and `asset_checks`.
        name: The repository's name; None takes the function's.
        description: What is in it; None takes the docstring.
        metadata: What is known of it, by name.
        default_executor_def: How steps are carried out in jobs that do not say.
        default_logger_defs: Loggers by key, for jobs that have none.
        top_level_resources: Resources by key, for everything that has none of its own.

    Returns:
        The `RepositoryDefinition`, or a decorator where it was called with arguments.

    Raises:
        InvalidDefinitionError: where the function returns something else, or two things of one name.
    """

    def decorate(fn: Callable[[], Any]) -> Repository:
        listed = fn()
        if hasattr(listed, "get_all_jobs") and hasattr(listed, "get_all_schedules"):
            parts = _parts_of_data(listed)
        else:
            parts = _parts_of_dict(listed) if isinstance(listed, Mapping) else _parts_of_list(listed, fn.__name__)
        defs = Definitions(
            **parts,
            resources=top_level_resources,
            executor=default_executor_def,
            loggers=default_logger_defs,
            metadata=metadata,
        )
        made = _DeclaredRepository(defs, name or fn.__name__, description or fn.__doc__)
        made.check_declared()
        defs._repository = made
        return made

    return decorate if definitions_fn is None else decorate(definitions_fn)


class _DeclaredRepository(Repository):
    """A repository as `@repository` makes it: what can be told without calling what is lazy is checked at once."""

    def __call__(self) -> Repository:
        """Return the repository itself, as the function that was decorated would."""
        return self

    def check_declared(self) -> None:
        """Raise where jobs lack resources or assets, or schedules and sensors start what is not there."""
        for job in self._jobs.values():
            if isinstance(job, JobDefinition):
                _check_resources(job.with_top_level_resources(self.resources))
            elif isinstance(job, UnresolvedAssetJobDefinition):
                self._check_selection(job.name)
        for error in unknown_targets(self):
            raise error

    def _check_selection(self, name: str) -> None:
        try:
            self.get_job(name)
        except InvalidDefinitionError as error:
            # which assets are missing says more here than which job wants them
            raise (error.__cause__ if isinstance(error.__cause__, InvalidSubsetError) else error) from None

    def get_all_jobs(self) -> list[JobDefinition]:
        """Return all jobs, resolved.

        Raises:
            InvalidDefinitionError: where one lacks a resource, or two have different ops of one name.
        """
        self.check_resources()
        jobs = super().get_all_jobs()
        for job in jobs:
            _check_resources(job)
        _check_names(jobs)
        return jobs


def _check_resources(job: JobDefinition) -> None:
    for error in unprovided(job):
        raise error


def _check_names(jobs: Iterable[JobDefinition]) -> None:
    owners: dict[str, tuple[Any, str]] = {}
    for job in jobs:
        if job.asset_nodes:  # its ops are those of assets, in part copies
            continue
        for definition in (*job.all_node_defs, job.graph):
            other, first = owners.setdefault(definition.name, (definition, job.name))
            if other is not definition:
                raise InvalidDefinitionError(
                    f"Conflicting definitions found in repository with name '{definition.name}'. Op/Graph definition "
                    f"names must be unique within a repository. It is defined in job '{first}' and in job '{job.name}'."
                )


def _parts_of_list(listed: Any, name: str) -> dict[str, list[Any]]:
    parts: dict[str, list[Any]] = {"assets": [], "jobs": [], "schedules": [], "sensors": [], "asset_checks": []}
    if not isinstance(listed, Iterable) or isinstance(listed, str):
        raise InvalidDefinitionError(
            f"Bad return value of type {type(listed)} from repository construction function {name!r}: must return a "
            "list or a dict."
        )
    bad = []
    for item in (each for one in listed for each in (one if isinstance(one, (list, tuple)) else (one,))):
        kind = _kind_of(item)
        if kind is None:
            bad.append(f"value of type {type(item)}")
        else:
            parts[kind].append(item)
    if bad:
        raise InvalidDefinitionError(
            f"Bad return value from repository construction function {name!r}: all elements of list must be of type "
            f"job, graph, asset, check, schedule or sensor; got {', '.join(bad)}."
        )
    return parts


def _kind_of(item: Any) -> str | None:
    if hasattr(item, "keys_by_output_name") or (hasattr(item, "key") and hasattr(item, "deps")):
        return "asset_checks" if getattr(item, "is_checks", False) else "assets"
    if hasattr(item, "compute_cacheable_data"):
        return "assets"
    if hasattr(item, "cron_schedule"):
        return "schedules"
    if hasattr(item, "minimum_interval_seconds") or hasattr(item, "sensor_type"):
        return "sensors"
    if hasattr(item, "is_job") or hasattr(item, "to_job") or hasattr(item, "resolve"):
        return "jobs"
    return None


def _parts_of_dict(listed: Mapping[str, Any]) -> dict[str, list[Any]]:
    allowed = {"jobs", "schedules", "sensors", "assets", "asset_checks"}
    unknown = set(listed) - allowed
    if unknown:
        raise InvalidDefinitionError(
            f"Bad return value from repository construction function: the dict has the keys {sorted(unknown)}; allowed "
            f"are {sorted(allowed)}."
        )
    parts: dict[str, list[Any]] = {}
    for kind, items in listed.items():
        if kind == "jobs" and isinstance(items, Mapping):
            parts[kind] = [_job_of_dict(name, one) for name, one in items.items()]
        else:
            parts[kind] = [_called(one) for one in (items.values() if isinstance(items, Mapping) else items)]
    return parts


def _job_of_dict(name: str, given: Any) -> Any:
    if _kind_of(given) == "jobs":
        return given
    if not callable(given):
        raise InvalidDefinitionError(
            f"Object mapped to {name} is not an instance of JobDefinition or GraphDefinition, nor a function that "
            f"returns one: {given!r}."
        )
    return LazyJob(name, given)


def _parts_of_data(data: Any) -> dict[str, list[Any]]:
    """The parts of an object that hands out its definitions when asked, as Dagster's `RepositoryData`."""
    assets = {id(one): one for one in data.get_assets_defs_by_key().values()}
    assets.update({id(one): one for one in data.get_source_assets_by_key().values()})
    return {
        "jobs": list(data.get_all_jobs()),
        "schedules": list(data.get_all_schedules()),
        "sensors": list(data.get_all_sensors()),
        "assets": list(assets.values()),
    }


def _called(item: Any) -> Any:
    plain = callable(item) and _kind_of(item) is None
    return item() if plain else item
