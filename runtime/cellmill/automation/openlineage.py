"""Runs and what they made, told to an OpenLineage server: read from the event log, so that no run waits for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.table import TableColumnLineage, TableSchema
from cellmill.errors import MissingExtra, StorageError
from cellmill.instance.automation import InstigatorState
from cellmill.instance.event_record import EventRecordsFilter
from cellmill.instance.instance import Instance
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import Run

#: Who says so, as OpenLineage wants it.
PRODUCER = "https://pypi.org/project/cellmill"
NAMESPACE = "cellmill"
#: Under this id the instance remembers how far the log was told.
LISTENER = "openlineage"
_SCHEMA = "dagster/column_schema"
_LINEAGE = "dagster/column_lineage"
_INPUT = "dagster/input_data_version/"
_STATES = {
    EventType.RUN_START: "START",
    EventType.RUN_SUCCESS: "COMPLETE",
    EventType.RUN_FAILURE: "FAIL",
    EventType.RUN_CANCELED: "ABORT",
}
#: Events that are told in one pass.
_BATCH = 200

log = logging.getLogger("cellmill.openlineage")


@dataclass(slots=True)
class _Made:
    """What a run read and made: asset to its last materialization in the run."""

    outputs: dict[AssetKey, Event] = field(default_factory=dict)
    inputs: set[AssetKey] = field(default_factory=set)


class OpenLineageEmitter:
    """Tells the starts and ends of runs, each once and in order; what a server refuses is told again at the next pass.

    Args:
        instance: The instance whose runs they are.
        url: Address of the server; None leaves the transport to OpenLineage's own settings (`OPENLINEAGE_URL`,
            `openlineage.yml`).
        namespace: Namespace of the jobs and datasets.

    Raises:
        MissingExtra: without the extra that has OpenLineage's client.

    Source: the OpenLineage specification.
    """

    def __init__(self, instance: Instance, *, url: str | None = None, namespace: str = NAMESPACE) -> None:
        try:
            self._client_module = import_module("openlineage.client")
            self._events = import_module("openlineage.client.event_v2")
        except ImportError:
            raise MissingExtra("openlineage") from None
        self._instance = instance
        self._namespace = namespace
        options = {"config": {"transport": {"type": "http", "url": url}}} if url else {}
        self._client = self._client_module.OpenLineageClient(**options)

    def pass_quietly(self) -> None:
        """Make one pass; a server that cannot be reached is said in the log, and asked again at the next one."""
        try:
            self.run_once()
        except StorageError:
            raise
        except Exception as error:  # whatever a transport raises: lineage must not end the daemon
            log.warning("OpenLineage was not told: %s: %s", type(error).__name__, error)

    def run_once(self) -> int:
        """Tell what is new since the last pass and return how many events that were; the first pass only takes note."""
        state = self._instance.automation.instigator(LISTENER)
        if state is None or state.cursor is None:
            self._remember(max((record.storage_id for record in self._records(None, newest=True)), default=0))
            return 0
        told = 0
        for record in self._records(int(state.cursor))[:_BATCH]:
            run = self._instance.get_run_by_id(record.run_id)
            if run is not None:
                self._client.emit(self.event_of(run, record.event_log_entry))
                told += 1
            self._remember(record.storage_id)
        return told

    def _records(self, after: int | None, *, newest: bool = False) -> list[Any]:
        found: list[Any] = []
        for kind in _STATES:
            chosen = EventRecordsFilter(event_type=kind, after_cursor=after)
            found += self._instance.get_event_records(chosen, limit=1 if newest else _BATCH, ascending=not newest)
        return sorted(found, key=lambda record: record.storage_id)

    def _remember(self, cursor: int) -> None:
        if not self._instance.automation.set_cursor(LISTENER, str(cursor)):
            self._instance.automation.add_instigator(
                InstigatorState(id=LISTENER, kind="LISTENER", name=LISTENER, status="RUNNING", cursor=str(cursor))
            )

    # -- one event -----------------------------------------------------------------------------------------------

    def event_of(self, run: Run, event: Event) -> Any:
        """Return the OpenLineage event of the start or end of a run, with the datasets that it read and made."""
        made = self._made(run) if event.type is not EventType.RUN_START else _Made()
        at = datetime.fromtimestamp(event.timestamp, UTC)
        return self._events.RunEvent(
            eventTime=at.isoformat(),
            eventType=getattr(self._events.RunState, _STATES[event.type]),
            run=self._events.Run(runId=run.run_id, facets=self._run_facets(run, event)),
            job=self._events.Job(namespace=self._namespace, name=_job_name(run, made), facets=self._job_facets()),
            inputs=[self._input(key) for key in sorted(made.inputs - made.outputs.keys())],
            outputs=[self._output(key, made.outputs[key]) for key in sorted(made.outputs)],
            producer=PRODUCER,
        )

    def _made(self, run: Run) -> _Made:
        made = _Made()
        for event in self._instance.all_logs(run.run_id, {EventType.ASSET_MATERIALIZATION}):
            if event.asset_key is None:
                continue
            made.outputs[event.asset_key] = event
            for tag in event.materialization.tags or {}:
                if tag.startswith(_INPUT):
                    made.inputs.add(AssetKey.from_user_string(tag.removeprefix(_INPUT)))
        return made

    def _input(self, key: AssetKey) -> Any:
        found = self._instance.get_latest_materialization_event(key)
        metadata = found.materialization.metadata if found is not None else {}
        return self._events.InputDataset(self._namespace, key.to_user_string(), facets=self._facets(metadata))

    def _output(self, key: AssetKey, event: Event) -> Any:
        return self._events.OutputDataset(
            self._namespace,
            key.to_user_string(),
            facets=self._facets(event.materialization.metadata, event.materialization.tags or {}),
            outputFacets=self._statistics(event.materialization.metadata),
        )

    def _facets(self, metadata: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> dict[str, Any]:
        facets: dict[str, Any] = {}
        schema, lineage = _value(metadata, _SCHEMA), _value(metadata, _LINEAGE)
        if isinstance(schema, TableSchema):
            module = _facet("schema_dataset")
            facets["schema"] = module.SchemaDatasetFacet(
                fields=[
                    module.SchemaDatasetFacetFields(name=one.name, type=one.type, description=one.description)
                    for one in schema.columns
                ]
            )
        if isinstance(lineage, TableColumnLineage):
            module = _facet("column_lineage_dataset")
            facets["columnLineage"] = module.ColumnLineageDatasetFacet(
                fields={
                    name: module.Fields(
                        inputFields=[
                            module.InputField(self._namespace, one.asset_key.to_user_string(), one.column_name)
                            for one in deps
                        ]
                    )
                    for name, deps in lineage.deps_by_column.items()
                }
            )
        version = (tags or {}).get("dagster/data_version")
        if version:
            module = _facet("dataset_version_dataset")
            facets["version"] = module.DatasetVersionDatasetFacet(datasetVersion=version)
        return facets

    def _statistics(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        rows, size = _value(metadata, "dagster/row_count"), _value(metadata, "size_bytes")
        if rows is None and size is None:
            return {}
        module = _facet("output_statistics_output_dataset")
        return {"outputStatistics": module.OutputStatisticsOutputDatasetFacet(rowCount=rows, size=size)}

    def _run_facets(self, run: Run, event: Event) -> dict[str, Any]:
        facets: dict[str, Any] = {}
        if event.type is EventType.RUN_FAILURE:
            module = _facet("error_message_run")
            message = event.message or run.reason or "The run failed."
            facets["errorMessage"] = module.ErrorMessageRunFacet(message=message, programmingLanguage="python")
        if run.parent_run_id:
            module = _facet("parent_run")
            facets["parent"] = module.ParentRunFacet(
                run=module.Run(runId=run.parent_run_id), job=module.Job(namespace=self._namespace, name=run.job_name)
            )
        return facets

    def _job_facets(self) -> dict[str, Any]:
        module = _facet("job_type_job")
        return {
            "jobType": module.JobTypeJobFacet(processingType="BATCH", integration="CELLMILL", jobType="RUN"),
        }


def _facet(name: str) -> Any:
    return import_module(f"openlineage.client.generated.{name}")


def _value(metadata: Mapping[str, Any], name: str) -> Any:
    found = metadata.get(name)
    return getattr(found, "value", found)


def _job_name(run: Run, made: _Made) -> str:
    """A job's name; a run of chosen assets is named by them, so that its history is one job's."""
    if not run.job_name.startswith("__"):
        return run.job_name
    keys: Iterable[AssetKey] = run.asset_selection or made.outputs.keys()
    names: Sequence[str] = sorted(key.to_user_string() for key in keys)
    return ", ".join(names) or run.job_name
