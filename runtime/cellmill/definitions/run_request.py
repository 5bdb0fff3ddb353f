"""What a schedule or a sensor may answer: requests for runs, a reason to skip, a result with both sides of a cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.events import AssetCheckEvaluation, AssetMaterialization, AssetObservation
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.key import (
    RANGE_END_TAG,
    RANGE_START_TAG,
    PartitionKeyRange,
)
from cellmill.definitions.partitions.loading import DynamicPartitionsStore
from cellmill.definitions.partitions.requests import AddDynamicPartitionsRequest, DeleteDynamicPartitionsRequest
from cellmill.definitions.tags import checked_tags
from cellmill.errors import CheckError, InvariantViolationError, UnknownPartitionError


class InstigatorStatus(Enum):
    """Whether a schedule or sensor is on: `RUNNING` or `STOPPED`."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class DefaultScheduleStatus(Enum):
    """Whether a schedule is on before anybody switched it: `RUNNING` or `STOPPED`."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class DefaultSensorStatus(Enum):
    """Whether a sensor is on before anybody switched it: `RUNNING` or `STOPPED`."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


def plain_config(run_config: Any) -> dict[str, Any]:
    """Run config as a dictionary, whether given as one or as a RunConfig.

    Args:
        run_config: A dictionary, a `RunConfig`, or None for an empty one.

    Raises:
        CheckError: for anything else.
    """
    if run_config is None:
        return {}
    if isinstance(run_config, Mapping):
        return dict(run_config)
    convert = getattr(run_config, "to_config_dict", None)
    if convert is None:
        raise CheckError(f"Run config is a dictionary or a RunConfig, not {type(run_config).__name__}: {run_config!r}")
    found: dict[str, Any] = convert()
    return found


@dataclass(frozen=True, slots=True)
class SkipReason:
    """No run is wanted, and why.

    Args:
        skip_message: The reason, shown with the tick; None gives none.

    Raises:
        CheckError: where the reason is not text.
    """

    skip_message: str | None = None

    def __post_init__(self) -> None:
        if self.skip_message is not None and not isinstance(self.skip_message, str):
            raise CheckError(f"A skip reason is text, not {self.skip_message!r}")


@dataclass(frozen=True)
class RunRequest:
    """One run that is wanted; at most one is made for each `run_key` of a schedule or sensor.

    Returned or yielded by the function of a schedule or sensor. A key that was used before makes no second run, so a
    function may ask again for what it is not sure to have asked for.

    Args:
        run_key: What the run is about, in a text that stays the same, such as a file's name; None makes a run each
            time. Needed where a schedule's tick asks for several runs.
        run_config: Config of the run, as a dictionary or a `RunConfig`; empty takes that of the job or of its
            partition.
        tags: Tags of the run, over those of the schedule or sensor.
        job_name: Which of the jobs to run; None where there is only one.
        asset_selection: The assets to make, out of the job's; None makes all of them.
        stale_assets_only: Whether only those of the assets are made that are stale or missing when the daemon records
            the run (of the run's partition, if it has one); where all are fresh, there is no run.
        partition_key: The partition to make; the run gets its tags, and its config where the job's config is
            partitioned.
        asset_check_keys: The checks to run, out of the job's; None means all of the selected assets. Without
            `asset_selection` the checks run alone, on what is stored. A check that an asset's own code declares runs
            with the asset whenever it is made.
        asset_graph_subset: Refused; it is how Dagster's own automation asks for backfills. Name the assets with
            `asset_selection` and the partition with `partition_key`, in one request for each partition.

    Raises:
        CheckError: where a key is not text, the config is neither a dictionary nor a `RunConfig`, a check is not named
            by its `AssetCheckKey`, or an `asset_graph_subset` is given.
    """

    run_key: str | None = None
    run_config: Any = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)
    job_name: str | None = None
    asset_selection: Sequence[AssetKey] | None = None
    stale_assets_only: bool = False
    partition_key: str | None = None
    asset_check_keys: Sequence[AssetCheckKey] | None = None
    asset_graph_subset: Any = None

    def __post_init__(self) -> None:
        if self.run_key is not None and not isinstance(self.run_key, str):
            raise CheckError(f"A run_key is text, not {self.run_key!r}: write run_key={str(self.run_key)!r}")
        if self.partition_key is not None and not isinstance(self.partition_key, str):
            raise CheckError(f"A partition_key is text, not {self.partition_key!r}")
        set_attr = object.__setattr__
        set_attr(self, "run_config", plain_config(self.run_config))
        set_attr(self, "tags", dict(checked_tags(self.tags, "a RunRequest")))
        if self.asset_selection is not None:
            set_attr(self, "asset_selection", [AssetKey.from_coercible(key) for key in self.asset_selection])
        for key in self.asset_check_keys or ():
            if not isinstance(key, AssetCheckKey):
                raise CheckError(f"asset_check_keys has {key!r} in it; name a check by AssetCheckKey(asset_key, name)")
        if self.asset_graph_subset is not None:
            raise CheckError(
                "asset_graph_subset is not taken: name the assets with asset_selection and the partition with "
                "partition_key, in one RunRequest for each partition."
            )

    def with_replaced_attrs(self, **kwargs: Any) -> RunRequest:
        """A copy with some attributes replaced.

        Args:
            kwargs: New values by the names of the attributes.
        """
        return replace(self, **kwargs)

    @property
    def partition_key_range(self) -> PartitionKeyRange | None:
        """The range of partitions that the tags name."""
        if RANGE_START_TAG in self.tags and RANGE_END_TAG in self.tags:
            return PartitionKeyRange(self.tags[RANGE_START_TAG], self.tags[RANGE_END_TAG])
        return None

    def has_resolved_partition(self) -> bool:
        """Whether the tags already name the partition."""
        return self.partition_key is None or self.tags.get("dagster/partition") is not None

    def with_resolved_tags_and_config(
        self,
        target_definition: Any,
        dynamic_partitions_requests: Sequence[AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest] = (),
        current_time: Any = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> RunRequest:
        """A copy whose tags and run config are those of its partition of the job.

        Args:
            target_definition: The job, whose `partitions_def` and partitioned config count.
            dynamic_partitions_requests: Changes of dynamic partitions in the same answer; a key that they add exists
                already.
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance.

        Raises:
            CheckError: where the request names no partition.
            InvariantViolationError: for a job without partitions.
            UnknownPartitionError: for a key that does not exist, or that the same answer removes.
        """
        if self.partition_key is None:
            raise CheckError("Cannot resolve partition for run request without partition key")
        definition = getattr(target_definition, "partitions_def", None)
        if definition is None:
            raise InvariantViolationError(
                f"Cannot resolve partition for run request when target job {target_definition.name!r} "
                f"does not have partitions: "
                "give the job a partitions_def or leave out partition_key"
            )
        self._check_partition(definition, dynamic_partitions_requests, current_time, dynamic_partitions_store)
        tags = {**definition.get_tags_for_partition_key(self.partition_key), **self.tags}
        config = self.run_config
        partitioned = getattr(target_definition, "partitioned_config", None)
        if partitioned is not None:
            given = partitioned.get_tags_for_partition_key(self.partition_key, job_name=target_definition.name)
            tags = {**given, **tags}
            config = config or plain_config(partitioned.get_run_config_for_partition_key(self.partition_key))
        return replace(self, run_config=config, tags=tags)

    def _check_partition(
        self,
        definition: PartitionsDefinition,
        requests: Sequence[AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest],
        current_time: Any,
        store: DynamicPartitionsStore | None,
    ) -> None:
        name = getattr(definition, "name", None)
        key = str(self.partition_key)
        for request in requests:
            if name is not None and request.partitions_def_name == name and key in request.partition_keys:
                if isinstance(request, AddDynamicPartitionsRequest):
                    return
                raise UnknownPartitionError(
                    f"Could not find a partition with key `{key}`: the same answer removes it that asks for its run."
                )
        definition.validate_partition_key(key, current_time, store)


@dataclass(frozen=True)
class SensorResult:
    """Everything one evaluation of a sensor may answer with.

    Cursor, changes of partitions and runs take effect together or not at all.

    Args:
        run_requests: The runs that are wanted; None or an empty list wants none.
        skip_reason: Why none is wanted, as text or a `SkipReason`; not together with `run_requests`.
        cursor: Text for the next evaluation; None leaves it as it is. Not together with `context.update_cursor`.
        dynamic_partitions_requests: Keys to add or remove, made by `build_add_request` and `build_delete_request` of a
            `DynamicPartitionsDefinition`.
        asset_events: What the sensor saw happen to assets outside of runs: `AssetMaterialization`s,
            `AssetObservation`s and `AssetCheckEvaluation`s. The daemon records them, as events of no run.
        automation_condition_evaluations: Handed on by `evaluate_tick`; for Dagster's sake.

    Raises:
        CheckError: for requests and a reason to skip at once, or for parts of the wrong kind.
    """

    run_requests: Sequence[RunRequest] | None = None
    skip_reason: str | SkipReason | None = None
    cursor: str | None = None
    dynamic_partitions_requests: Sequence[AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest] | None = None
    asset_events: Sequence[Any] = ()
    automation_condition_evaluations: Sequence[Any] = ()

    def __post_init__(self) -> None:
        set_attr = object.__setattr__
        if self.skip_reason is not None and self.run_requests:
            raise CheckError(
                "Expected a single skip reason or one or more run requests: received values for both run_requests and "
                "skip_reason"
            )
        if isinstance(self.skip_reason, str):
            set_attr(self, "skip_reason", SkipReason(self.skip_reason))
        if self.cursor is not None and not isinstance(self.cursor, str):
            raise CheckError(f"A cursor is text, not {self.cursor!r}: write cursor={str(self.cursor)!r}")
        for request in self.run_requests or ():
            if not isinstance(request, RunRequest):
                raise CheckError(f"run_requests is a list of RunRequest, and has {request!r} in it")
        for change in self.dynamic_partitions_requests or ():
            if not isinstance(change, (AddDynamicPartitionsRequest, DeleteDynamicPartitionsRequest)):
                raise CheckError(f"dynamic_partitions_requests has {change!r} in it; use build_add_request(keys)")
        set_attr(self, "asset_events", list(self.asset_events or ()))
        for event in self.asset_events:
            if not isinstance(event, (AssetMaterialization, AssetObservation, AssetCheckEvaluation)):
                raise CheckError(
                    f"asset_events has {event!r} in it; expected an AssetMaterialization, AssetObservation or "
                    "AssetCheckEvaluation"
                )


@dataclass(frozen=True, slots=True)
class RunReaction:
    """What a run status sensor did about a run, for the log of its tick.

    Made by cellmill where the function of such a sensor asks for no run.

    Args:
        run: The run that it was evaluated for.
        error: What went wrong, if anything did.
        run_status: The state of the run that the sensor waits for.
    """

    run: Any
    error: Any = None
    run_status: Any = None
