"""Sensors on materializations: of one asset, or of several together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.engine import records
from cellmill.definitions.evaluation import resource_lookup
from cellmill.definitions.run_request import DefaultSensorStatus, RunRequest, SensorResult, SkipReason
from cellmill.definitions.sensor import SensorDefinition, SensorType
from cellmill.errors import InvariantViolationError


def materialization_records(
    instance: Any, key: AssetKey, after: int | None, limit: int, ascending: bool, partitions: Any = None
) -> list[Any]:
    """Return records of an asset's materializations after a place in the event log."""
    result = instance.fetch_materializations(_records_filter(key, after, partitions), limit=limit, ascending=ascending)
    return list(result.records)


def _records_filter(key: AssetKey, after: int | None, partitions: Any) -> Any:
    return records().asset_filter(key, after, list(partitions) if partitions else None)


class AssetSensorDefinition(SensorDefinition):
    """A sensor that is evaluated for the latest new materialization of an asset.

    Its cursor moves on by itself. Of several materializations since the evaluation before, the function sees the last;
    where there is none it is not called. Called directly with a context alone, it is evaluated so; with an event too,
    its function is called with that.

    Args:
        name: Name, unique in its code location: letters, digits and underscores.
        asset_key: The asset that is watched: a key, or its name.
        job_name: Name of the job to start, where the job itself is not at hand (`job=` or `jobs=`).
        asset_materialization_fn: Function of the context and of the event of the materialization.
        options: The other parameters of `SensorDefinition`.

    Raises:
        InvalidDefinitionError: for a bad name or interval, or more than one target.
    """

    _positions = ("context", "asset_event")
    sensor_type = SensorType.ASSET

    def __init__(
        self,
        name: str,
        asset_key: Any,
        job_name: str | None = None,
        asset_materialization_fn: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        self.asset_key = AssetKey.from_coercible(asset_key)
        super().__init__(name, evaluation_fn=asset_materialization_fn, job_name=job_name, **options)

    def _direct_result(self, context: Any, rest: list[Any], find: Callable[[str], Any]) -> Any:
        if rest:
            return super()._direct_result(context, rest, find)
        found = self._of_newest(context, find)
        return iter([found] if isinstance(found, (SensorResult, SkipReason, RunRequest)) else found or ())

    def _evaluate(self, context: Any) -> Any:
        return self._of_newest(context, resource_lookup(context, {}, f"sensor {self.name!r}"))

    def _of_newest(self, context: Any, find: Callable[[str], Any]) -> Any:
        """Return what the function says of the newest materialization; the cursor is set behind that."""
        after = _storage_id(context.cursor)
        records = materialization_records(context.instance, self.asset_key, after, 1, False)
        if not records:
            return SkipReason(f"No new materialization events found for asset key {self.asset_key}")
        event = records[0]
        result = self._user.call([context, event.event_log_entry], find)
        found = list(result) if hasattr(result, "__next__") else result
        if isinstance(found, SensorResult):
            if found.cursor is not None:
                raise InvariantViolationError(
                    f"Cannot set cursor in a SensorResult of {self.name!r}. The cursor is managed by the asset sensor."
                )
        if context.cursor_updated:
            raise InvariantViolationError(
                f"The cursor of the asset sensor {self.name!r} moves on by itself; do not call update_cursor"
            )
        context.update_cursor(str(event.storage_id))
        return found


def _storage_id(cursor: str | None) -> int | None:
    if not cursor:
        return None
    try:
        return int(cursor)
    except ValueError:
        raise InvariantViolationError(
            f"The cursor {cursor!r} is not that of an asset sensor; reset it with `cellmill sensor cursor --delete`"
        ) from None


def asset_sensor(
    asset_key: Any,
    *,
    job_name: str | None = None,
    name: str | None = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    job: Any = None,
    jobs: Sequence[Any] | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    required_resource_keys: set[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    owners: Sequence[str] | None = None,
) -> Callable[[Callable[..., Any]], AssetSensorDefinition]:
    """Makes a function of (context, event) a sensor on the materializations of an asset.

    It is evaluated for the latest materialization since the evaluation before, and not called where there is none. The
    cursor moves on by itself. The event's `asset_materialization` and `partition` say what was made; further parameters
    of the function are resources by name.

    Args:
        asset_key: The asset that is watched: a key, or its name.
        job_name: Name of the job to start, where the job itself is not at hand. Only one of `job_name`, `job`, `jobs`
            is given.
        name: Name, unique in its code location: letters, digits and underscores. None takes the function's name.
        minimum_interval_seconds: Seconds from one evaluation to the next, at least; None means 30.
        description: Text shown with it; None takes the function's docstring.
        job: The job (also one of `define_asset_job`, or a graph) that it may start.
        jobs: The jobs that it may start; each `RunRequest` then says its `job_name`.
        default_status: Whether it is on before anybody switched it on or off.
        required_resource_keys: Names of resources that `context.resources` has; resources may instead be parameters of
            the function.
        tags: Tags of the sensor and of every run it starts.
        metadata: Metadata of the sensor itself, by name.
        owners: Who answers for it: e-mail addresses, or "team:name".

    Returns:
        A decorator that makes the function an `AssetSensorDefinition`.

    Raises:
        InvalidDefinitionError: for a bad name or interval, or more than one target.
    """

    def decorate(fn: Callable[..., Any]) -> AssetSensorDefinition:
        made = AssetSensorDefinition(
            name or fn.__name__,
            asset_key,
            job_name,
            fn,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            job=job,
            jobs=jobs,
            default_status=default_status,
            required_resource_keys=required_resource_keys,
            tags=tags,
            metadata=metadata,
            owners=owners,
        )
        update_wrapper(made, fn, updated=())
        return made

    return decorate
