"""An asset cell inside a run's notebook step: the same step runner, its events sent to the run's worker."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_job import AssetCatalog, as_assets, build_asset_job
from cellmill.definitions.asset_selection_job import selected_keys, subset_of
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.output import DATA_VERSION_TAG
from cellmill.definitions.run_config import resolve_run_config
from cellmill.errors import ExecutionError
from cellmill.execution.log_manager import LogManager
from cellmill.execution.memo import is_fresh
from cellmill.execution.resources import resource_scope
from cellmill.execution.services import Services
from cellmill.execution.sink import EventSink
from cellmill.execution.step import StepOutcome, run_step
from cellmill.execution.step_events import event
from cellmill.planning.event import Event, EventType
from cellmill.planning.planner import plan_job
from cellmill.planning.run import MEMOIZED_TAG, PARTITION_TAG, Run

from .partitions import upstream_specs
from .tracebacks import note_function

if TYPE_CHECKING:
    from cellmill.definitions.asset_key import AssetKey

    from .run_in_kernel import RunInKernel
    from .session import Session


class _ToWorker:
    """Writes events by sending them to the worker; notes where values were stored, for the cells below."""

    def __init__(self, run: RunInKernel) -> None:
        self.run = run

    def append(self, events: Sequence[Event]) -> None:
        """Send the events in this order."""
        for one in events:
            ref = getattr(one.data, "value_ref", None)
            if one.type is EventType.ASSET_MATERIALIZATION and one.asset_key is not None:
                tags = one.data.materialization.tags or {}
                self.run.record_made(one.asset_key, one.partition, ref, tags.get(DATA_VERSION_TAG))
        self.run.emit(events)


def run_in_step(
    session: Session, run: RunInKernel, definitions: Sequence[Any], partition_key: str | None = None
) -> StepOutcome:
    """Carry out the step of one definition (an asset, a check) for the run that this kernel works for.

    The definitions behind the first are assets that it reads.
    """
    message = run.message
    catalog = AssetCatalog(as_assets(definitions))
    chosen = subset_of(catalog, *selected_keys(None, catalog, "materialize"))
    given = checked_resources(session.resources(), "the notebook")
    job = build_asset_job(message.job_name or "__ASSET_JOB", chosen, catalog, resource_defs=given)
    config = resolve_run_config(job, _own_config(message.run_config, job))
    tags = dict(message.tags)
    partition_key = partition_key or message.partition_key
    if partition_key is not None:
        tags[PARTITION_TAG] = partition_key
    record = Run(
        job_name=job.name,
        run_id=message.run_id,
        run_config=dict(message.run_config),
        tags=tags,
        attempt=message.attempt,
    )
    sink = EventSink(_ToWorker(run), keep=False)
    log = LogManager(sink.emit, record.run_id, job.name, None, (), tags=record.tags)
    sink.watch()
    try:
        with resource_scope(job.resource_defs, config.resources, instance=None, run=record, log=log) as scope:
            services = Services(
                run=record, job=job, config=config, scope=scope, find_ref=run.find_ref,
                default_io_manager=session.values.default_manager, find_versions=run.find_versions,
                find_partition_versions=run.find_partition_versions, find_state=run.find_state,
                scheduled_at=message.context().scheduled_execution_time,
            )  # fmt: skip
            return _carry_out(plan_job(job), services, sink, message.retry_number)
    finally:
        sink.close()


def make_decorated(
    session: Session, run: RunInKernel, keys: Sequence[AssetKey], partition_key: str | None = None
) -> None:
    """Make the assets of decorated functions of the notebook's namespace; raises what a function raised."""
    for definition in session.decorated(keys):
        above = {key for own in definition.keys for key in definition.asset_deps[own]} - set(definition.keys)
        outcome = run_in_step(session, run, [definition, *upstream_specs(session, above)], partition_key)
        if not outcome.success:
            error = getattr(outcome.error, "user_exception", outcome.error) or ExecutionError("The step failed.")
            note_function(error)
            raise error


def _say_fresh(step: Any, services: Services, sink: EventSink) -> None:
    text = f'Skipping step "{step.key}": what it makes is fresh.'
    for output in step.outputs:
        if output.asset_key is not None:
            sink.emit(event(EventType.STEP_SKIPPED, step, services, text, asset_key=output.asset_key))
    sink.flush()
    print(f"{', '.join(output.asset_key.to_user_string() for output in step.outputs)}: fresh, not made again")


def _carry_out(plan: Any, services: Services, sink: EventSink, retry_number: int) -> StepOutcome:
    outcome: StepOutcome | None = None
    memoized = services.run.tags.get(MEMOIZED_TAG) == "true"
    for step in plan.steps.values():
        if memoized and is_fresh(step, services):
            _say_fresh(step, services, sink)
            outcome = StepOutcome(step.key, success=True)
            continue
        number = retry_number
        while True:
            outcome = run_step(step, services, sink.emit, retry_number=number)
            sink.flush()
            if not outcome.wants_retry:
                break
            time.sleep(outcome.retry_after or 0)
            number += 1
        if not outcome.success:
            return outcome
    if outcome is None:
        raise ExecutionError("The cell has no step to run.")
    return outcome


def _own_config(config: Mapping[str, Any], job: Any) -> dict[str, Any]:
    """The part of the run's config that is about this job's ops and resources."""
    ops = {node.name for node in job.graph.nodes} if hasattr(job.graph, "nodes") else set()
    found: dict[str, Any] = {}
    given = config.get("ops")
    if isinstance(given, Mapping):
        own = {name: value for name, value in given.items() if not ops or name in ops}
        if own:
            found["ops"] = own
    resources = config.get("resources")
    if isinstance(resources, Mapping):
        own = {name: value for name, value in resources.items() if name in job.resource_defs}
        if own:
            found["resources"] = own
    return found
