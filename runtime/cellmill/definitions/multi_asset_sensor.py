"""Sensors of several assets: what is new of each, and how far each was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import update_wrapper
from typing import Any

from cellmill.definitions.asset_cursor import MAX_UNCONSUMED, AssetCursor, positions_to_json
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.asset_sensor import materialization_records as records_of
from cellmill.definitions.partitions.multi_mapping import infer_partition_mapping
from cellmill.definitions.run_request import DefaultSensorStatus, RunRequest, SensorResult
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.sensor import SensorDefinition, SensorType
from cellmill.definitions.sensor_context import SensorEvaluationContext
from cellmill.errors import CheckError, InvalidDefinitionError, InvalidInvocationError, InvariantViolationError

#: Materializations that one query returns at most.
_MAX_LOOKED_AT = 10_000


class MultiAssetSensorEvaluationContext(SensorEvaluationContext):
    """What the function of a multi-asset sensor may look at, with one cursor per asset.

    Made by cellmill; `build_multi_asset_sensor_context` makes one for a test. A materialization is unconsumed until
    `advance_cursor` or `advance_all_cursors` went past it.

    Args:
        monitored_assets: The assets that are watched: keys, or an asset selection (which needs `definitions` or
            `repository_def`).
        cursor: What the context before wrote: JSON with the place of each asset; None consumes from the beginning.
        cursor_from_latest_materializations: Whether all materializations so far count as consumed; needs `instance` and
            no `cursor`.
        options: The parameters of `SensorEvaluationContext`.
    """

    def __init__(
        self,
        *,
        monitored_assets: Any,
        cursor: str | None = None,
        cursor_from_latest_materializations: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(cursor=cursor, **options)
        self._monitored = monitored_assets
        self._keys: tuple[AssetKey, ...] | None = None
        self._place = AssetCursor(cursor)
        self._advanced = False
        if cursor is None and cursor_from_latest_materializations:
            if not self.has_instance:
                raise CheckError("cursor_from_latest_materializations needs instance=")
            self.advance_all_cursors()
            self._place = AssetCursor(self._cursor)
            self._advanced = False

    @property
    def asset_keys(self) -> Sequence[AssetKey]:
        """The assets that are watched."""
        if self._keys is None:
            if isinstance(self._monitored, AssetSelection):
                graph = self.repository_def.asset_graph
                self._keys = tuple(sorted(self._monitored.resolve(graph)))
            else:
                self._keys = tuple(AssetKey.from_coercible(key) for key in self._monitored)
        return list(self._keys)

    @property
    def assets_defs_by_key(self) -> Mapping[AssetKey, Any]:
        """The definitions of the assets, where they are known."""
        by_key = (
            self.repository_def.assets_defs_by_key
            if self._repository_def is not None or self._definitions is not None
            else {}
        )
        return {key: by_key.get(key) for key in self.asset_keys}

    def _position(self, key: AssetKey) -> int | None:
        return self._place.begun(key.to_user_string()).storage_id

    def get_cursor_partition(self, asset_key: AssetKey | None) -> str | None:
        """The partition of the last consumed materialization of an asset.

        Args:
            asset_key: The asset; None has no cursor.

        Returns:
            The partition's key; None where nothing was consumed yet, or the asset has no partitions.
        """
        return None if asset_key is None else self._place.begun(asset_key.to_user_string()).partition

    def _check(self, key: AssetKey) -> AssetKey:
        key = AssetKey.from_coercible(key)
        if key not in self.asset_keys:
            raise InvalidInvocationError(
                f"Asset key {key} not monitored by this sensor; it monitors {[str(k) for k in self.asset_keys]}"
            )
        return key

    def latest_materialization_records_by_key(
        self, asset_keys: Sequence[AssetKey] | None = None
    ) -> Mapping[AssetKey, Any]:
        """The newest unconsumed materialization of each asset, or None.

        Args:
            asset_keys: Which of the watched assets; None means all.

        Raises:
            InvalidInvocationError: for an asset that is not watched.
        """
        keys = self.asset_keys if asset_keys is None else [self._check(key) for key in asset_keys]
        return {key: next(iter(records_of(self.instance, key, self._position(key), 1, False)), None) for key in keys}

    def materialization_records_for_key(self, asset_key: AssetKey, limit: int | None = None) -> Iterable[Any]:
        """The unconsumed materializations of an asset, oldest first.

        Args:
            asset_key: One of the watched assets.
            limit: How many at most; None means 25.

        Raises:
            InvalidInvocationError: for an asset that is not watched.
        """
        key = self._check(asset_key)
        return records_of(self.instance, key, self._position(key), limit or MAX_UNCONSUMED, True)

    def get_trailing_unconsumed_events(self, asset_key: AssetKey) -> Sequence[Any]:
        """The unconsumed materializations of an asset that came before the last consumed one, oldest first.

        Args:
            asset_key: One of the watched assets.

        Returns:
            One record for each partition that was passed over, at most 25.
        """
        key = self._check(asset_key)
        ids = set(self._place.begun(key.to_user_string()).unconsumed.values())
        if not ids:
            return []
        records = records_of(self.instance, key, min(ids) - 1, _MAX_LOOKED_AT, True)
        return [record for record in records if record.storage_id in ids]

    def _by_partition(self, key: AssetKey) -> dict[str, Any]:
        found: dict[str, Any] = {}
        later = self.materialization_records_for_key(key, limit=_MAX_LOOKED_AT)
        for record in (*self.get_trailing_unconsumed_events(key), *later):
            partition = record.partition_key
            if partition is not None:
                found.pop(partition, None)
                found[partition] = record
        return found

    def latest_materialization_records_by_partition(
        self, asset_key: AssetKey, after_cursor_partition: bool | None = False
    ) -> Mapping[str, Any]:
        """The newest unconsumed materialization of each partition of an asset.

        Args:
            asset_key: One of the watched assets.
            after_cursor_partition: Whether only partitions count that come after the last consumed one, in their order.

        Returns:
            Records by partition, those that came last at the end.
        """
        key = self._check(asset_key)
        found = self._by_partition(key)
        last = self.get_cursor_partition(key)
        definition = self._partitions_def(key)
        if after_cursor_partition and last is not None and definition is not None:
            order = list(definition.get_partition_keys())
            if last in order:
                later = set(order[order.index(last) + 1 :])
                found = {partition: record for partition, record in found.items() if partition in later}
        return found

    def latest_materialization_records_by_partition_and_asset(self) -> Mapping[str, Mapping[AssetKey, Any]]:
        """The newest unconsumed materializations of all assets.

        Returns:
            For each partition the records by asset.

        Raises:
            InvalidInvocationError: where the assets are known and do not have the same partitions.
        """
        if self._repository_def is not None or self._definitions is not None:
            declared = {self._partitions_def(key) for key in self.asset_keys}
            if len(declared) > 1 or None in declared:
                raise InvalidInvocationError(
                    "All assets must be partitioned and share the same partitions definition: ask for one asset with "
                    "latest_materialization_records_by_partition(asset_key)"
                )
        found: dict[str, dict[AssetKey, Any]] = {}
        for key in self.asset_keys:
            for partition, record in self._by_partition(key).items():
                found.setdefault(partition, {})[key] = record
        return found

    def _partitions_def(self, key: AssetKey) -> Any:
        definition = self.assets_defs_by_key.get(key)
        return definition.partitions_def if definition is not None else None

    def all_partitions_materialized(self, asset_key: AssetKey, partitions: Sequence[str] | None = None) -> bool:
        """Whether all partitions (or all of these) were ever materialized.

        Args:
            asset_key: One of the watched assets.
            partitions: The partitions that count; None means all that exist now.

        Raises:
            InvariantViolationError: for an asset without partitions, where none are given.
        """
        key = self._check(asset_key)
        definition = self._partitions_def(key)
        if definition is None and not partitions:
            raise InvariantViolationError(f"The asset {key} is not partitioned")
        wanted = partitions if partitions is not None else definition.get_partition_keys()
        return set(wanted) <= set(self.instance.get_materialized_partitions(key))

    def get_downstream_partition_keys(
        self, partition_key: str, from_asset_key: AssetKey, to_asset_key: AssetKey
    ) -> Sequence[str]:
        """The partitions of one asset that read a partition of another.

        Args:
            partition_key: The partition that is read.
            from_asset_key: The asset that it is a partition of.
            to_asset_key: The asset that reads it, directly.

        Raises:
            InvalidInvocationError: where one of the two is not partitioned.
        """
        by_key = self.repository_def.assets_defs_by_key
        upstream, downstream = by_key[from_asset_key], by_key[to_asset_key]
        if upstream.partitions_def is None or downstream.partitions_def is None:
            raise InvalidInvocationError(f"Both {from_asset_key} and {to_asset_key} must be partitioned")
        mapping = infer_partition_mapping(
            downstream.get_partition_mapping(from_asset_key), downstream.partitions_def, upstream.partitions_def
        )
        subset = mapping.get_downstream_partitions_for_partitions(
            upstream.partitions_def.subset_with_partition_keys([partition_key]),
            upstream.partitions_def,
            downstream.partitions_def,
            None,
            self.instance,
        )
        return list(subset.get_partition_keys())

    def advance_cursor(self, materialization_records_by_key: Mapping[AssetKey, Any]) -> None:
        """Marks these materializations as consumed, and those of the same partitions before them.

        Other partitions that came before them stay unconsumed: they are among the records by partition again.

        Args:
            materialization_records_by_key: A record for each asset; None leaves the asset where it is.
        """
        for key, record in materialization_records_by_key.items():
            self._check(key)
            if record is not None:
                self._place.consume(key.to_user_string(), record.partition_key, record.storage_id)
        self._write()

    def advance_all_cursors(self) -> None:
        """Marks every materialization so far as consumed."""
        for key in self.asset_keys:
            for record in records_of(self.instance, key, None, 1, False):
                self._place.consume_all(key.to_user_string(), record.partition_key, record.storage_id)
        self._write()

    def _write(self) -> None:
        names = {key.to_user_string(): key for key in self.asset_keys}
        positions = {}
        for name in sorted(self._place.keys):
            between: list[tuple[str | None, int]] = []
            if name in names:
                records = records_of(self.instance, names[name], self._position(names[name]), _MAX_LOOKED_AT, True)
                between = [(record.partition_key, record.storage_id) for record in records]
            positions[name] = self._place.moved(name, between)
        self._cursor = positions_to_json(positions)
        self.cursor_updated = True
        self._advanced = True

    def settle(self) -> None:
        """Begin again from where the cursor is now: the function was called, and may be once more with this context."""
        if self._advanced:
            self._place = AssetCursor(self._cursor)
            self._advanced = False

    def update_cursor(self, cursor: str | None) -> None:
        raise InvariantViolationError(
            "A multi-asset sensor has a cursor per asset: call advance_cursor or advance_all_cursors"
        )


class MultiAssetSensorDefinition(SensorDefinition):
    """A sensor on the materializations of several assets.

    Its function decides which of them it has dealt with, and says so with `context.advance_cursor`.

    Args:
        name: Name, unique in its code location: letters, digits and underscores.
        monitored_assets: The assets that are watched: a list of keys, or an asset selection.
        job_name: Name of the job to start, where the job itself is not at hand (`job=` or `jobs=`).
        asset_materialization_fn: Function of the context, a `MultiAssetSensorEvaluationContext`.
        request_assets: Assets that it may start, instead of a job: a selection or keys.
        options: The other parameters of `SensorDefinition`.

    Raises:
        InvalidDefinitionError: for watched assets that are neither keys nor a selection, a bad name, or more than one
            target.
    """

    sensor_type = SensorType.MULTI_ASSET

    def __init__(
        self,
        name: str,
        monitored_assets: Any,
        job_name: str | None = None,
        asset_materialization_fn: Callable[..., Any] | None = None,
        request_assets: Any = None,
        **options: Any,
    ) -> None:
        if not isinstance(monitored_assets, (AssetSelection, Sequence)) or isinstance(monitored_assets, str):
            raise InvalidDefinitionError(
                "The value passed to monitored_assets param must be either a sequence of AssetKeys or an "
                "AssetSelection, not "
                f"{monitored_assets!r}"
            )
        self.monitored_assets = monitored_assets
        super().__init__(
            name, evaluation_fn=asset_materialization_fn, job_name=job_name, asset_selection=request_assets, **options
        )

    def _evaluate(self, context: Any) -> Any:
        multi = context if isinstance(context, MultiAssetSensorEvaluationContext) else self._own_context(context)
        with multi:
            result = super()._evaluate(multi)
            found = list(result) if hasattr(result, "__next__") else result
        requested = isinstance(found, RunRequest) or (
            isinstance(found, list) and any(isinstance(item, RunRequest) for item in found)
        )
        requested = requested or (isinstance(found, SensorResult) and bool(found.run_requests))
        if requested and not multi._advanced:
            raise InvalidDefinitionError(
                "Asset materializations have been handled in this sensor, but the cursor was not updated. "
                "This means the same "
                "materialization events will be handled in the next sensor tick. Use context.advance_cursor or "
                "context.advance_all_cursors to update the cursor."
            )
        if isinstance(found, SensorResult) and found.cursor is not None:
            raise InvariantViolationError("Cannot set cursor in a multi_asset_sensor: call context.advance_cursor")
        if multi is not context and multi.cursor_updated:
            context.update_cursor(multi.cursor)
        return found

    def _own_context(self, context: SensorEvaluationContext) -> MultiAssetSensorEvaluationContext:
        return MultiAssetSensorEvaluationContext(
            monitored_assets=self.monitored_assets,
            cursor=context.cursor,
            instance=context._instance,
            resources=context.resource_defs,
            repository_def=context._repository_def,
            definitions=context._definitions,
            sensor_name=context._name,
            last_tick_completion_time=context.last_tick_completion_time,
            last_run_key=context.last_run_key,
        )

    def _after_call(self, context: Any, result: Any) -> Any:
        if not isinstance(context, MultiAssetSensorEvaluationContext):
            return result
        if hasattr(result, "__next__"):
            return _settled(context, result)
        context.settle()
        return result


def _settled(context: MultiAssetSensorEvaluationContext, results: Iterator[Any]) -> Iterator[Any]:
    yield from results
    context.settle()


def multi_asset_sensor(
    monitored_assets: Any,
    *,
    job_name: str | None = None,
    name: str | None = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    job: Any = None,
    jobs: Sequence[Any] | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    request_assets: Any = None,
    required_resource_keys: set[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    owners: Sequence[str] | None = None,
) -> Callable[[Callable[..., Any]], MultiAssetSensorDefinition]:
    """Makes a function a sensor on the materializations of several assets.

    Its first parameter is a `MultiAssetSensorEvaluationContext`, which lists what is new for each asset; further ones
    are resources by name. A function that asks for runs has to advance the cursor of what it dealt with: otherwise the
    evaluation fails.

    Args:
        monitored_assets: The assets that are watched: a list of keys, or an asset selection.
        job_name: Name of the job to start, where the job itself is not at hand. Only one of `job_name`, `job`, `jobs`
            is given.
        name: Name, unique in its code location: letters, digits and underscores. None takes the function's name.
        minimum_interval_seconds: Seconds from one evaluation to the next, at least; None means 30.
        description: Text shown with it; None takes the function's docstring.
        job: The job (also one of `define_asset_job`, or a graph) that it may start.
        jobs: The jobs that it may start; each `RunRequest` then says its `job_name`.
        default_status: Whether it is on before anybody switched it on or off.
        request_assets: Assets that it may start, instead of a job: a selection or keys.
        required_resource_keys: Names of resources that `context.resources` has; resources may instead be parameters of
            the function.
        tags: Tags of the sensor and of every run it starts.
        metadata: Metadata of the sensor itself, by name.
        owners: Who answers for it: e-mail addresses, or "team:name".

    Returns:
        A decorator that makes the function a `MultiAssetSensorDefinition`.

    Raises:
        InvalidDefinitionError: for watched assets that are neither keys nor a selection, a bad name, or more than one
            target.
    """

    def decorate(fn: Callable[..., Any]) -> MultiAssetSensorDefinition:
        made = MultiAssetSensorDefinition(
            name or fn.__name__,
            monitored_assets,
            job_name,
            fn,
            request_assets,
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


def build_multi_asset_sensor_context(
    *,
    monitored_assets: Any,
    repository_def: Any = None,
    instance: Any = None,
    cursor: str | None = None,
    repository_name: str | None = None,
    cursor_from_latest_materializations: bool = False,
    resources: Mapping[str, Any] | None = None,
    definitions: Any = None,
    last_sensor_start_time: float | None = None,
) -> MultiAssetSensorEvaluationContext:
    """A context in which a multi-asset sensor can be called or evaluated in a test.

    Args:
        monitored_assets: The assets that are watched: keys, or an asset selection (which needs `definitions` or
            `repository_def`).
        repository_def: Repository that the definition belongs to, for `context.repository_def`.
        instance: The instance that `context.instance` gives, such as `Instance.ephemeral()`; None: none, and using it
            is an error.
        cursor: What the context before wrote: JSON with the place of each asset; None consumes from the beginning.
        repository_name: Name of the repository that the definition belongs to.
        cursor_from_latest_materializations: Whether all materializations so far count as consumed; needs `instance` and
            no `cursor`.
        resources: Resources by name, as values or definitions; set up at first use of `context.resources`.
        definitions: `Definitions` that the definition belongs to; `repository_def` comes from it where that is not
            given.
        last_sensor_start_time: When the sensor was switched on, in seconds since 1970.

    Raises:
        CheckError: for a cursor given in both ways, or for a selection without definitions to select from.
    """
    if cursor is not None and cursor_from_latest_materializations:
        raise CheckError("Cannot provide both cursor and cursor_from_latest_materializations objects..")
    if repository_def is None and definitions is None and isinstance(monitored_assets, AssetSelection):
        raise CheckError("An asset selection needs definitions= or repository_def= to know the assets")
    return MultiAssetSensorEvaluationContext(
        monitored_assets=monitored_assets,
        cursor=cursor,
        cursor_from_latest_materializations=cursor_from_latest_materializations,
        repository_def=repository_def,
        definitions=definitions,
        instance=instance,
        repository_name=repository_name,
        resources=resources,
        last_sensor_start_time=last_sensor_start_time,
    )
