"""What the API answers instead of the thing asked for: one type for each way to fail."""

from __future__ import annotations

import traceback
from enum import Enum

import strawberry

from cellmill.errors import CellmillError
from cellmill.graphql.documented import said


@strawberry.interface(description="Anything that went wrong, with a message for people.")
class Error:
    """Anything that went wrong."""

    message: str = said("What went wrong and what to do.")


@strawberry.type(description="An error raised by user code or by a location, with its traceback.")
class PythonError(Error):
    """An error raised by user code or by a location."""

    class_name: str | None = said("The class of the error.", None)
    stack: list[str] = said("The traceback, a line each.", strawberry.UNSET)
    cause: PythonError | None = said("The error that caused this one.", None)

    @classmethod
    def of(cls, problem: BaseException) -> PythonError:
        """The API's form of a Python exception; errors that are not ours say nothing of the server's inside."""
        cause = problem.__cause__
        ours = isinstance(problem, CellmillError)
        return cls(
            message=str(problem) if ours else "An unexpected error happened; the server's log has the details.",
            class_name=type(problem).__name__,
            stack=traceback.format_tb(problem.__traceback__) if ours else [],
            cause=cls.of(cause) if isinstance(cause, CellmillError) else None,
        )

    @classmethod
    def told(cls, message: str, class_name: str | None = None, stack: list[str] | None = None) -> PythonError:
        """An error known only by its text, as a host or an event reports it."""
        return cls(message=message, class_name=class_name, stack=stack or [], cause=None)


@strawberry.type(description="The user may not do this.")
class UnauthorizedError(Error):
    """The user may not do this."""


@strawberry.interface(description="No run has this id (the older name).")
class PipelineRunNotFoundError:
    """The older name of `RunNotFoundError`."""

    message: str = said("What went wrong and what to do.")
    run_id: str = said("The id that was asked for.")


@strawberry.type(description="No run has this id.")
class RunNotFoundError(Error, PipelineRunNotFoundError):
    """No run has this id."""

    run_id: str = said("The id that was asked for.")


@strawberry.type(description="No job has this name.")
class PipelineNotFoundError(Error):
    """No job has this name."""

    pipeline_name: str = said("The name that was asked for.")
    repository_name: str = said("The repository that was searched.")
    repository_location_name: str = said("The code location that was searched.")


@strawberry.type(description="No asset has this key.")
class AssetNotFoundError(Error):
    """No asset has this key."""


@strawberry.type(description="No repository has this name.")
class RepositoryNotFoundError(Error):
    """No repository has this name."""

    repository_name: str = said("The name that was asked for.")
    repository_location_name: str = said("The code location that was searched.")


@strawberry.type(description="No code location has this name.")
class RepositoryLocationNotFound(Error):
    """No code location has this name."""


@strawberry.type(description="This code location cannot be reloaded.")
class ReloadNotSupported(Error):
    """This code location cannot be reloaded."""


@strawberry.type(description="No schedule has this name.")
class ScheduleNotFoundError(Error):
    """No schedule has this name."""

    schedule_name: str = said("The name that was asked for.")


@strawberry.type(description="No sensor has this name.")
class SensorNotFoundError(Error):
    """No sensor has this name."""

    sensor_name: str = said("The name that was asked for.")


@strawberry.type(description="No partition set has this name.")
class PartitionSetNotFoundError(Error):
    """No partition set has this name."""

    partition_set_name: str = said("The name that was asked for.")


@strawberry.type(description="Some partition keys do not exist.")
class PartitionKeysNotFoundError(Error):
    """Some partition keys do not exist."""

    partition_keys: list[str] = said("The keys that do not exist.")


@strawberry.type(description="No backfill has this id.")
class BackfillNotFoundError(Error):
    """No backfill has this id."""

    backfill_id: str = said("The id that was asked for.")


@strawberry.type(description="The selected steps name one that the job does not have.")
class InvalidStepError:
    """The selected steps name one that the job does not have."""

    invalid_step_key: str = said("The step key that does not exist.")


@strawberry.type(description="A step does not have this output.")
class InvalidOutputError:
    """A step does not have this output."""

    step_key: str = said("The step.")
    invalid_output_name: str = said("The output that does not exist.")


@strawberry.type(description="The selection of ops, assets or checks cannot be resolved.")
class InvalidSubsetError(Error):
    """The selection cannot be resolved."""


@strawberry.type(description="Execution parameters contradict each other.")
class ConflictingExecutionParamsError(Error):
    """Execution parameters contradict each other."""


@strawberry.type(description="No preset has this name.")
class PresetNotFoundError(Error):
    """No preset has this name."""

    preset: str = said("The name that was asked for.")


@strawberry.interface(description="Two runs have the same id (the older name).")
class PipelineRunConflict:
    """The older name of `RunConflict`."""

    message: str = said("What went wrong and what to do.")


@strawberry.type(description="A run with this id exists already.")
class RunConflict(Error, PipelineRunConflict):
    """A run with this id exists already."""


@strawberry.enum(description="What kind of mistake a run configuration has.")
class EvaluationErrorReason(Enum):
    """What kind of mistake a run configuration has."""

    RUNTIME_TYPE_MISMATCH = "RUNTIME_TYPE_MISMATCH"
    MISSING_REQUIRED_FIELD = "MISSING_REQUIRED_FIELD"
    FIELD_NOT_DEFINED = "FIELD_NOT_DEFINED"
    SELECTOR_FIELD_ERROR = "SELECTOR_FIELD_ERROR"


@strawberry.type(description="One mistake in a run configuration.")
class PipelineConfigValidationError:
    """One mistake in a run configuration."""

    message: str = said("What is wrong and what was expected.")
    path: list[str] = said("Where in the configuration, from the top.")
    reason: EvaluationErrorReason = said("The kind of mistake.")


@strawberry.interface(description="A run configuration with mistakes (the older name).")
class PipelineConfigValidationInvalid:
    """The older name of `RunConfigValidationInvalid`."""

    pipeline_name: str = said("The job.")
    errors: list[PipelineConfigValidationError] = said("Every mistake that was found.")


@strawberry.type(description="A run configuration with mistakes; all of them are listed.")
class RunConfigValidationInvalid(PipelineConfigValidationInvalid):
    """A run configuration with mistakes."""


@strawberry.type(description="A run configuration without a mistake.")
class PipelineConfigValidationValid:
    """A run configuration without a mistake."""

    pipeline_name: str = said("The job.")
