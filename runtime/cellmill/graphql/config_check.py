"""Checking run configurations before a run is started."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from cellmill.graphql.context import Context
from cellmill.graphql.launching import JobOrPipelineSelector, read_config
from cellmill.graphql.problems import (
    EvaluationErrorReason,
    InvalidSubsetError,
    PipelineConfigValidationError,
    PipelineConfigValidationValid,
    PipelineNotFoundError,
    PythonError,
    RunConfigValidationInvalid,
)
from cellmill.graphql.repository import RunConfigSchema, find_job, no_such_job
from cellmill.graphql.schema_check import mistakes_in
from cellmill.workspace.manifest import JobEntry

PipelineConfigValidationResult = Annotated[
    PipelineConfigValidationValid
    | RunConfigValidationInvalid
    | PipelineNotFoundError
    | InvalidSubsetError
    | PythonError,
    strawberry.union("PipelineConfigValidationResult", description="Whether a run configuration is right."),
]

#: The top of every run configuration.
_SECTIONS = ("ops", "resources", "execution", "loggers", "inputs")


def check_config(context: Context, selector: JobOrPipelineSelector, data: Any) -> Any:
    """Every mistake that can be seen without running user code: shape, sections, names of ops."""
    job = find_job(context, selector.name, selector.repository_location_name)
    if job is None:
        return no_such_job(selector.name, selector.repository_name, selector.repository_location_name)
    try:
        config = read_config(data)
    except ValueError as problem:
        return _invalid(job, [_mistake(str(problem), [], EvaluationErrorReason.RUNTIME_TYPE_MISMATCH)])
    if job.config:
        found = [_mistake(*one) for one in mistakes_in(config, job.config)]
        return _invalid(job, found) if found else PipelineConfigValidationValid(pipeline_name=job.name)
    mistakes = []
    for section, value in config.items():
        if section not in _SECTIONS:
            words = f"There is no section {section!r}; the sections are {', '.join(_SECTIONS)}."
            mistakes.append(_mistake(words, [section], EvaluationErrorReason.FIELD_NOT_DEFINED))
        elif not isinstance(value, dict):
            words = f"{section} is an object with an entry for each name."
            mistakes.append(_mistake(words, [section], EvaluationErrorReason.RUNTIME_TYPE_MISMATCH))
        elif section == "ops":
            known = _op_names(job)
            for name in value:
                if name not in known:
                    words = f"Job {job.name} has no op {name!r}; its ops are {', '.join(sorted(known))}."
                    mistakes.append(_mistake(words, ["ops", name], EvaluationErrorReason.FIELD_NOT_DEFINED))
    return _invalid(job, mistakes) if mistakes else PipelineConfigValidationValid(pipeline_name=job.name)


def config_schema(context: Context, selector: JobOrPipelineSelector) -> Any:
    """The run configuration of a job as a JSON Schema, as far as it is known without running user code."""
    job = find_job(context, selector.name, selector.repository_location_name)
    if job is None:
        return no_such_job(selector.name, selector.repository_name, selector.repository_location_name)
    if job.config:
        return RunConfigSchema(json_schema=strawberry.scalars.JSON(dict(job.config)), root_default_yaml="{}\n")
    ops = {name: {"type": "object", "properties": {"config": {}}} for name in sorted(_op_names(job))}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "ops": {"type": "object", "additionalProperties": False, "properties": ops},
            **{name: {"type": "object"} for name in _SECTIONS if name != "ops"},
        },
    }
    return RunConfigSchema(json_schema=strawberry.scalars.JSON(schema), root_default_yaml="{}\n")


def _op_names(job: JobEntry) -> set[str]:
    return {op["name"] for op in job.ops} | {"__".join(path) for path in job.assets}


def _mistake(message: str, path: list[str], reason: EvaluationErrorReason) -> PipelineConfigValidationError:
    return PipelineConfigValidationError(message=message, path=path, reason=reason)


def _invalid(job: JobEntry, mistakes: list[PipelineConfigValidationError]) -> RunConfigValidationInvalid:
    return RunConfigValidationInvalid(pipeline_name=job.name, errors=mistakes)
