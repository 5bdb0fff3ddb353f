"""What a schedule or a sensor would ask for now: its function is called, and nothing is started or remembered."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import strawberry

from cellmill.automation.evaluator import answer_of
from cellmill.automation.sensors import sensor_question
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.errors import CellmillError
from cellmill.graphql.automation import no_such_schedule, no_such_sensor, origin_of
from cellmill.graphql.documented import said
from cellmill.graphql.problems import PythonError, ScheduleNotFoundError, SensorNotFoundError, UnauthorizedError
from cellmill.graphql.runs import PipelineTag
from cellmill.planning.instigator import Answer, Question, RunAsk
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cellmill.graphql.context import Context


@strawberry.type(description="A run that would be asked for.")
class RunRequest:
    """A run that would be asked for."""

    run_key: str | None = said("The key that makes it the only one of its kind.")
    job_name: str | None = said("The job.")
    asset_selection: list[str] | None = said("The assets, as a selection.")
    tags: list[PipelineTag] = said("Its tags.")
    run_config_yaml: str = said("Its configuration as YAML.")

    @classmethod
    def of(cls, ask: RunAsk, workspace: Workspace) -> RunRequest:
        """The API's form of a run that is asked for."""
        return cls(
            run_key=ask.run_key,
            job_name=ask.job_name,
            asset_selection=list(ask.asset_selection) if ask.asset_selection is not None else None,
            tags=[PipelineTag(key=key, value=value) for key, value in ask.tags.items()],
            run_config_yaml=json.dumps(workspace.shown_config(ask.run_config), indent=2) if ask.run_config else "",
        )


@strawberry.type(description="What a schedule or a sensor would ask for now.")
class TickEvaluation:
    """What a schedule or a sensor would ask for now."""

    run_requests: list[RunRequest] = said("The runs.")
    skip_reason: str | None = said("Why it would ask for none.")
    cursor: str | None = said("The cursor that it would leave.")

    @classmethod
    def of(cls, answer: Answer, workspace: Workspace) -> TickEvaluation:
        """The API's form of an answer."""
        runs = [RunRequest.of(ask, workspace) for ask in answer.runs]
        return cls(run_requests=runs, skip_reason=answer.skip_reason, cursor=answer.cursor)


ScheduleDryRunResult = Annotated[
    TickEvaluation | ScheduleNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("ScheduleDryRunResult", description="What a schedule would ask for."),
]
SensorDryRunResult = Annotated[
    TickEvaluation | SensorNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("SensorDryRunResult", description="What a sensor would ask for."),
]


def dry_run_schedule(
    context: Context, name: str, location: str, at: float | None
) -> TickEvaluation | ScheduleNotFoundError | PythonError:
    """What the schedule would ask for at an instant, by default now."""
    entry = context.schedule(name, location)
    if entry is None:
        return no_such_schedule(name)
    source = _source(context)
    spec = next(one for one in source.schedules() if one.id == origin_of(entry))
    if not spec.evaluated:
        return TickEvaluation.of(spec.plain_answer(), context.workspace)
    return _asked(context, source, Question(spec=spec, at=int(time.time() if at is None else at)))


def dry_run_sensor(
    context: Context, name: str, location: str, cursor: str | None
) -> TickEvaluation | SensorNotFoundError | PythonError:
    """What the sensor would ask for now, from a cursor, by default from where it stands."""
    entry = context.sensor(name, location)
    if entry is None:
        return no_such_sensor(name)
    source = _source(context)
    spec = next(one for one in source.sensors() if one.id == origin_of(entry))
    if spec.automates is not None:
        return PythonError.told(f"{name} has no function: it evaluates conditions; its ticks show them.", "NoFunction")
    return _asked(context, source, sensor_question(spec, context.instigators.get(spec.id), cursor))


def _source(context: Context) -> AutomatedWorkspace:
    return AutomatedWorkspace(WorkspaceSource(context.workspace), context.instance)


def _asked(context: Context, source: AutomatedWorkspace, question: Question) -> TickEvaluation | PythonError:
    try:
        return TickEvaluation.of(answer_of(source, question), context.workspace)
    except CellmillError as problem:
        return PythonError.of(problem)
    except Exception as problem:  # a user's function: whatever it raises is the answer
        return PythonError.told(str(problem) or type(problem).__name__, type(problem).__name__)
