"""What a step needs from around it: the run, its config, resources, IO managers, log and stored values."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.partitions.key import PartitionKeyRange
from cellmill.definitions.port import DEFAULT_IO_MANAGER_KEY
from cellmill.definitions.value_ref import ValueRef, ValueRefFinder
from cellmill.errors import InvalidDefinitionError
from cellmill.execution.log_manager import LogManager, log_level
from cellmill.planning.asset_state import AssetState
from cellmill.planning.run import (
    PARTITION_RANGE_END_TAG,
    PARTITION_RANGE_START_TAG,
    PARTITION_TAG,
    Run,
)


class Services:
    """Everything that steps of one run share in one process.

    Responsibilities: resources and IO managers by key; the partitions of the run; where stored values lie.
    """

    def __init__(
        self,
        *,
        run: Run,
        job: Any,
        config: Any,
        scope: Any,
        instance: Any = None,
        loggers: Sequence[logging.Logger] = (),
        default_io_manager: Callable[[], Any] | None = None,
        find_ref: ValueRefFinder | None = None,
        find_versions: Callable[[Sequence[AssetKey]], Mapping[AssetKey, str | None]] | None = None,
        find_partition_versions: Callable[[AssetKey, Sequence[str]], Mapping[str, str | None]] | None = None,
        find_state: Callable[[AssetKey, str | None], AssetState | None] | None = None,
        input_values: Mapping[str, Any] | None = None,
        keep_outputs: bool = False,
        event_loop: Any = None,
        scheduled_at: datetime | None = None,
    ) -> None:
        self.run = run
        self.run_id = run.run_id
        self.job = job
        self.job_name: str = job.name
        self.config = config
        self.scope = scope
        self.instance = instance
        self.loggers = loggers
        self.find_ref = find_ref
        self.find_versions = find_versions
        self.find_partition_versions = find_partition_versions
        self.find_state = find_state
        self.input_values = input_values or {}
        #: (step key, output name) -> value or dict by mapping key, where the caller wants to see outputs.
        self.outputs: dict[tuple[str, str], Any] | None = {} if keep_outputs else None
        self.event_loop = event_loop
        self._scheduled_at = scheduled_at
        self._default_io_manager = default_io_manager
        self._io_managers: dict[str, Any] = {}
        self._io_given: dict[str, tuple[Any, Any]] = {}
        self._log: LogManager | None = None
        #: (step key, output name, mapping key) -> where this run stored it, for readers downstream.
        self.refs: dict[tuple[str, str, str | None], ValueRef] = {}
        #: Data versions of the assets that this run has made or asked for.
        self.versions: dict[AssetKey, str | None] = {}
        #: Writes what was emitted, for readers of the instance within a step.
        self.flush: Callable[[], None] = lambda: None
        #: Data versions of the partitions that this run has made in this process.
        self.partition_versions: dict[tuple[AssetKey, str], str | None] = {}
        self.output_contexts: dict[tuple[str, str, str | None], Any] = {}
        tags = run.tags
        self.partition_key: str | None = tags.get(PARTITION_TAG) if tags else None
        self.partition_range: tuple[str, str] | None = None
        if tags and PARTITION_RANGE_START_TAG in tags:
            self.partition_range = (tags[PARTITION_RANGE_START_TAG], tags[PARTITION_RANGE_END_TAG])

    @property
    def scheduled_execution_time(self) -> datetime:
        """The instant of the tick that asked for the run; of a run by hand, when it was asked for."""
        if self._scheduled_at is None:
            record = self.instance.get_run_record_by_id(self.run_id) if self.instance is not None else None
            self._scheduled_at = datetime.now(UTC) if record is None else record.scheduled_execution_time
        return self._scheduled_at

    def resources(self, keys: frozenset[str]) -> Any:
        """Return the resources with these keys as attributes."""
        return self.scope.resources(keys)

    def io_manager(self, key: str) -> Any:
        """Return the IO manager with this key."""
        manager = self._io_managers.get(key)
        if manager is None:
            manager = self._io_managers[key] = self._make_io_manager(key)
        return manager

    def forget_managers(self) -> None:
        """Make IO managers anew where they are asked for again: what the old ones need is taken down."""
        self._io_managers.clear()
        self._io_given.clear()

    def _make_io_manager(self, key: str) -> Any:
        if key in self.job.resource_defs:
            return getattr(self.scope.resources([key]), key)
        if key == DEFAULT_IO_MANAGER_KEY and self._default_io_manager is not None:
            return self._default_io_manager()
        raise InvalidDefinitionError(
            f"io manager with key '{key}' was not provided. Please provide an IOManagerDefinition to key '{key}', or "
            f"use one of {sorted(self.job.resource_defs)}."
        )

    def io_given(self, key: str) -> tuple[Any, Any]:
        """Return the config of an IO manager's own definition, and the resources that it requires."""
        given = self._io_given.get(key)
        if given is None:
            definition = self.job.resource_defs.get(key)
            config = None if definition is None else self.config.resources[key].config
            needed = getattr(definition, "required_resource_keys", None)
            given = self._io_given[key] = (config, self.scope.resources(needed) if needed else None)
        return given

    def log_for(self, step_key: str | None, emit: Callable[[Any], None]) -> LogManager:
        """Return the log of a step."""
        log = self._log
        if log is None or log._emit is not emit:
            log = self._log = LogManager(
                emit, self.run_id, self.job_name, None, self.loggers, log_level(self.instance), self.run.tags
            )
        return log.for_step(step_key)

    def partition_keys_of(self, definition: Any) -> list[str] | None:
        """Return the keys of the run's partitions under a partitions definition; None where the run has none."""
        if definition is None:
            return None
        if self.partition_range is not None:
            first, last = self.partition_range
            keys: list[str] = list(
                definition.get_partition_keys_in_range(
                    PartitionKeyRange(first, last), dynamic_partitions_store=self.instance
                )
            )
            return keys
        return None if self.partition_key is None else [self.partition_key]
