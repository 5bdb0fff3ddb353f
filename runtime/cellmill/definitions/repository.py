"""`@repository`: the older way to declare a code location."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cellmill.definitions.code_location import Definitions
from cellmill.definitions.code_repository import Repository
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.loadable import missing_resources
from cellmill.errors import InvalidDefinitionError

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
        made = Repository(defs, name or fn.__name__, description or fn.__doc__)
        _check_resources(parts.get("jobs", ()), top_level_resources or {})
        defs._repository = made
        return made

    return decorate if definitions_fn is None else decorate(definitions_fn)


def _check_resources(jobs: Iterable[Any], top_level: Mapping[str, Any]) -> None:
    for one in jobs:
        if isinstance(one, JobDefinition):
            for text in missing_resources(one.with_top_level_resources(top_level)):
                raise InvalidDefinitionError(text)


def _parts_of_list(listed: Any, name: str) -> dict[str, list[Any]]:
    parts: dict[str, list[Any]] = {"assets": [], "jobs": [], "schedules": [], "sensors": [], "asset_checks": []}
    if not isinstance(listed, Iterable) or isinstance(listed, str):
        raise InvalidDefinitionError(
            f"Bad return value of type {type(listed)} from repository construction function {name!r}: must return a "
            "list or a dict."
        )
    bad = []
    for item in _flat(listed):
        kind = _kind_of(item)
        if kind is None:
            bad.append(f"value of type {type(item)}")
        else:
            parts[kind].append(item)
    if bad:
        raise InvalidDefinitionError(
            f"Bad return value from repository construction function {name!r}: all elements of the list must be jobs, "
            f"graphs, assets, schedules or sensors; got {', '.join(bad)}."
        )
    return parts


def _flat(items: Iterable[Any]) -> Iterable[Any]:
    for item in items:
        if isinstance(item, (list, tuple)):
            yield from _flat(item)
        else:
            yield item


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
        values = items.values() if isinstance(items, Mapping) else items
        parts[kind] = [_called(one) for one in values]
    return parts


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
