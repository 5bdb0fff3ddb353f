"""What an instance offers about assets, partitions and checks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.events import AssetCheckEvaluation, AssetMaterialization, AssetObservation
from cellmill.definitions.value_ref import ValueRef
from cellmill.errors import InvariantViolationError
from cellmill.instance.event_record import AssetEntry, AssetRecord, EventRecord
from cellmill.instance.instance_events import InstanceEvents
from cellmill.planning.asset_state import AssetPartitionStatus, AssetState
from cellmill.planning.event import AssetObservationData, Event, EventType, StepMaterializationData

INFO = 20


class InstanceAssets(InstanceEvents):
    """Assets, under Dagster's method names."""

    def get_asset_keys(
        self, prefix: Sequence[str] | None = None, limit: int | None = None, cursor: str | None = None
    ) -> list[AssetKey]:
        """The keys of all assets that the catalog knows, sorted.

        Args:
            prefix: Only keys that begin with these parts.
            limit: How many at most; None means all.
            cursor: The key, as stored, behind which to begin.
        """
        return self.catalog.asset_keys(prefix, limit, cursor)

    all_asset_keys = get_asset_keys

    def has_asset_key(self, asset_key: AssetKey) -> bool:
        """Whether the catalog knows an asset.

        Args:
            asset_key: The asset.
        """
        return self.catalog.state(asset_key) is not None

    def asset_states(self, asset_keys: Iterable[AssetKey] | None = None) -> dict[AssetKey, AssetState]:
        """What is known now of assets, in one query.

        Args:
            asset_keys: The assets; None means all.

        Returns:
            State by asset; those of which nothing is known are left out.
        """
        return self.catalog.states(asset_keys)

    def asset_state(self, asset_key: AssetKey, partition_key: str | None = None) -> AssetState | None:
        """What is known now of an asset, or of one of its partitions.

        Args:
            asset_key: The asset.
            partition_key: One of its partitions; None means the asset as a whole.

        Returns:
            The state; None where nothing is known.
        """
        return self.catalog.state(asset_key, partition_key)

    def find_value_ref(self, asset_key: AssetKey, partition_key: str | None = None) -> ValueRef | None:
        """Where the latest value of an asset, or of one of its partitions, lies.

        Args:
            asset_key: The asset.
            partition_key: One of its partitions; None means the asset as a whole.

        Returns:
            The place; None where no value was stored.
        """
        return self.catalog.value_ref(asset_key, partition_key)

    def data_versions(self, asset_keys: Sequence[AssetKey]) -> dict[AssetKey, str | None]:
        """The current data versions of assets.

        Args:
            asset_keys: The assets.

        Returns:
            Data version by asset; None for those that were never made or observed.
        """
        states = self.asset_states(asset_keys)
        return {key: states[key].current_version if key in states else None for key in asset_keys}

    def partition_states(
        self, asset_keys: Iterable[AssetKey], partitions: Iterable[str] | None = None
    ) -> dict[AssetKey, dict[str, AssetState]]:
        """What is known now of the partitions of assets, in one query.

        Args:
            asset_keys: The assets.
            partitions: Only these partitions; None means all of which something is known.

        Returns:
            For each asset the states by partition.
        """
        return self.catalog.partition_states(asset_keys, partitions)

    def partition_data_versions(self, asset_key: AssetKey, partition_keys: Sequence[str]) -> dict[str, str | None]:
        """The current data versions of those of the partitions that were made or observed.

        Args:
            asset_key: The asset.
            partition_keys: The partitions.
        """
        found = self.partition_states([asset_key], partition_keys).get(asset_key, {})
        return {key: state.current_version for key, state in found.items() if state.current_version is not None}

    def get_latest_materialization_event(self, asset_key: AssetKey, partition_key: str | None = None) -> Event | None:
        """The event of the latest materialization.

        Args:
            asset_key: The asset.
            partition_key: One of its partitions; None means the asset as a whole.

        Returns:
            The event; None where there was none.
        """
        state = self.catalog.state(asset_key, partition_key)
        if state is None or state.event_id is None:
            return None
        record = self.events.by_ids([state.event_id]).get(state.event_id)
        return None if record is None else record.event_log_entry

    def get_latest_materialization_events(self, asset_keys: Iterable[AssetKey]) -> dict[AssetKey, Event | None]:
        """The events of the latest materializations of several assets, in one query.

        Args:
            asset_keys: The assets.

        Returns:
            Event by asset; None where there was none.
        """
        keys = list(asset_keys)
        found = self.events.latest_materializations(keys)
        return {key: found[key].event_log_entry if key in found else None for key in keys}

    def get_latest_materialization_code_versions(self, asset_keys: Iterable[AssetKey]) -> Mapping[AssetKey, str | None]:
        """The code versions of the latest materializations.

        Args:
            asset_keys: The assets.

        Returns:
            Code version by asset; None where there is none.
        """
        keys = list(asset_keys)
        states = self.catalog.states(keys)
        return {key: states[key].code_version if key in states else None for key in keys}

    def get_latest_data_version_record(
        self, key: AssetKey, is_source: bool | None = None, partition_key: str | None = None
    ) -> EventRecord | None:
        """The latest event that says which data version an asset has.

        Args:
            key: The asset.
            is_source: True looks at observations only, False at materializations only; None at both.
            partition_key: One of its partitions; None means the asset as a whole.

        Returns:
            The record; None where there was none.
        """
        state = self.catalog.state(key, partition_key)
        if state is None:
            return None
        ids = [] if is_source else [state.event_id]
        if is_source is not False:
            ids.append(state.observation_id)
        known = [item for item in ids if item is not None]
        return self.events.by_ids([max(known)]).get(max(known)) if known else None

    def get_asset_records(self, asset_keys: Sequence[AssetKey] | None = None) -> list[AssetRecord]:
        """What is known now of assets, with their latest events, in two queries.

        Args:
            asset_keys: The assets; None means all.
        """
        states = self.catalog.states(asset_keys)
        events = self.events.by_ids([s.event_id for s in states.values() if s.event_id is not None])
        return [
            AssetRecord(
                storage_id=state.event_id or state.observation_id or state.planned_id or 0,
                asset_entry=AssetEntry(
                    asset_key=key,
                    last_materialization_record=events.get(state.event_id or 0),
                    last_run_id=state.planned_run_id or state.run_id,
                    last_planned_materialization_run_id=state.planned_run_id,
                    last_observation_storage_id=state.observation_id,
                ),
            )
            for key, state in sorted(states.items())
        ]

    # -- partitions ----------------------------------------------------------------------------------------------

    def get_materialized_partitions(
        self, asset_key: AssetKey, before_cursor: int | None = None, after_cursor: int | None = None
    ) -> set[str]:
        """The partitions that have a materialization.

        Args:
            asset_key: The asset.
            before_cursor: Only where it stands before this place in the log.
            after_cursor: Only where it stands behind this place in the log.
        """
        return self.catalog.materialized_partitions(asset_key, after=after_cursor, before=before_cursor)

    def get_status_by_partition(
        self, asset_key: AssetKey, partition_keys: Sequence[str], partitions_def: Any = None
    ) -> dict[str, AssetPartitionStatus | None]:
        """The state of each of some partitions, in one query.

        Args:
            asset_key: The asset.
            partition_keys: The partitions.
            partitions_def: Accepted for Dagster's sake and ignored.

        Returns:
            State by partition; None for one that was never tried.
        """
        status = self.catalog.partition_sets(asset_key).status
        return {key: status(key) for key in partition_keys}

    def get_latest_storage_id_by_partition(
        self,
        asset_key: AssetKey,
        event_type: EventType = EventType.ASSET_MATERIALIZATION,
        partitions: set[str] | None = None,
    ) -> dict[str, int]:
        """The storage id of the latest materialization or observation of each partition.

        Args:
            asset_key: The asset.
            event_type: `ASSET_OBSERVATION` for observations; else materializations.
            partitions: Only these partitions; None means all.
        """
        found = self.catalog.latest_ids_by_partition(asset_key, event_type is EventType.ASSET_OBSERVATION)
        return found if partitions is None else {key: found[key] for key in partitions if key in found}

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        """Adds keys to a dynamic partitions definition.

        Args:
            partitions_def_name: Name of the `DynamicPartitionsDefinition`.
            partition_keys: The keys; those that are there already stay as they are.

        Raises:
            InvariantViolationError: for one text instead of a list of them.
        """
        if isinstance(partition_keys, str):
            raise InvariantViolationError("partition_keys is a list of strings; got one string.")
        self.dynamic_partitions.add(partitions_def_name, partition_keys)

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Removes a key from a dynamic partitions definition.

        Args:
            partitions_def_name: Name of the `DynamicPartitionsDefinition`.
            partition_key: The key; one that is not there does not matter.
        """
        self.dynamic_partitions.delete(partitions_def_name, partition_key)

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether a dynamic partitions definition has a key.

        Args:
            partitions_def_name: Name of the `DynamicPartitionsDefinition`.
            partition_key: The key.
        """
        return self.dynamic_partitions.has(partitions_def_name, partition_key)

    def get_dynamic_partitions(self, partitions_def_name: str) -> list[str]:
        """The keys of a dynamic partitions definition, in the order they were added.

        Args:
            partitions_def_name: Name of the `DynamicPartitionsDefinition`.
        """
        return self.dynamic_partitions.keys(partitions_def_name)

    # -- checks --------------------------------------------------------------------------------------------------

    def get_latest_asset_check_evaluation_record(self, asset_check_key: AssetCheckKey) -> EventRecord | None:
        """The latest evaluation of a check.

        Args:
            asset_check_key: The check.

        Returns:
            The record; None where there was none.
        """
        ids = self.catalog.check_history(asset_check_key, limit=1)
        return self.events.by_ids(ids).get(ids[0]) if ids else None

    def get_asset_check_evaluations(
        self, asset_check_key: AssetCheckKey, limit: int = 25, cursor: int | None = None
    ) -> list[EventRecord]:
        """The evaluations of a check, newest first.

        Args:
            asset_check_key: The check.
            limit: How many at most.
            cursor: Storage id of the evaluation behind which to begin.
        """
        ids = self.catalog.check_history(asset_check_key, limit=limit, cursor=cursor)
        found = self.events.by_ids(ids)
        return [found[item] for item in ids if item in found]

    # -- changes by hand -----------------------------------------------------------------------------------------

    def wipe_assets(self, asset_keys: Sequence[AssetKey]) -> None:
        """Forgets assets: their values and the log stay, the catalog no longer knows them.

        Args:
            asset_keys: The assets.
        """
        for key in asset_keys:
            self.catalog.wipe(key)

    def wipe_asset_partitions(self, asset_key: AssetKey, partition_keys: Sequence[str]) -> None:
        """Forgets some partitions of an asset.

        Args:
            asset_key: The asset.
            partition_keys: The partitions.
        """
        self.catalog.wipe(asset_key, partition_keys)

    def report_runless_asset_event(
        self, asset_event: AssetMaterialization | AssetObservation | AssetCheckEvaluation
    ) -> None:
        """Records that something happened to an asset outside any run.

        Args:
            asset_event: An `AssetMaterialization`, `AssetObservation` or `AssetCheckEvaluation`.

        Raises:
            InvariantViolationError: for anything else.
        """
        self.report_events_outside_runs([event_outside_runs(asset_event)])


def event_outside_runs(asset_event: Any) -> Event:
    """The event of no run that says what happened to an asset.

    Raises: InvariantViolationError for what is none of the three kinds of asset events.
    """
    partition = getattr(asset_event, "partition", None)
    kinds: dict[type, tuple[EventType, Any]] = {
        AssetMaterialization: (EventType.ASSET_MATERIALIZATION, StepMaterializationData),
        AssetObservation: (EventType.ASSET_OBSERVATION, AssetObservationData),
        AssetCheckEvaluation: (EventType.ASSET_CHECK_EVALUATION, lambda evaluation: evaluation),
    }
    if type(asset_event) not in kinds:
        raise InvariantViolationError(
            f"Received unexpected asset event type {asset_event!r}; expected an AssetMaterialization, "
            "AssetObservation or AssetCheckEvaluation."
        )
    kind, wrap = kinds[type(asset_event)]
    return Event(
        type=kind,
        run_id="",
        timestamp=time.time(),
        asset_key=asset_event.asset_key,
        partition=partition,
        level=INFO,
        message=getattr(asset_event, "description", None),
        data=wrap(asset_event),
    )
