"""Checking run configurations before a run is started."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from cellmill.graphql.config_mistakes import SECTIONS, config_mistakes, op_names, read_config, unreadable
from cellmill.graphql.context import ASSET_JOB, Context
from cellmill.graphql.launching import JobOrPipelineSelector
from cellmill.graphql.problems import (
    InvalidSubsetError,
    PipelineConfigValidationValid,
    PipelineNotFoundError,
    PythonError,
    RunConfigValidationInvalid,
)
from cellmill.graphql.repository import RunConfigSchema, find_job, no_such_job
from cellmill.workspace.manifest import JobEntry

PipelineConfigValidationResult = Annotated[
    PipelineConfigValidationValid
    | RunConfigValidationInvalid
    | PipelineNotFoundError
    | InvalidSubsetError
    | PythonError,
    strawberry.union("PipelineConfigValidationResult", description="Whether a run configuration is right."),
]


#: What stands in a section whose names only the running code knows, with an example.
_OPEN = {
    "resources": "What each resource is given, as in {database: {config: {url: …}}}.",
    "loggers": "Who writes the log and how, as in {console: {config: {log_level: INFO}}}.",
    "execution": "How steps are carried out, as in {config: {max_concurrent: 4}}.",
    "inputs": "Values for inputs that nothing makes, as in {start: {value: 3}}.",
}


def _job_of(context: Context, selector: JobOrPipelineSelector) -> JobEntry | None:
    """The job that is named, or one of the assets that are selected without a job."""
    if selector.name == ASSET_JOB and selector.asset_selection:
        return JobEntry(name=ASSET_JOB, assets=tuple(one.key.parts for one in selector.asset_selection))
    return find_job(context, selector.name, selector.repository_location_name)


def check_config(context: Context, selector: JobOrPipelineSelector, data: Any) -> Any:
    """Every mistake that can be seen without running user code: shape, sections, names of ops."""
    job = _job_of(context, selector)
    if job is None:
        return no_such_job(selector.name, selector.repository_name, selector.repository_location_name)
    try:
        mistakes = config_mistakes(context, job, read_config(data))
    except ValueError as problem:
        mistakes = [unreadable(problem)]
    if mistakes:
        return RunConfigValidationInvalid(pipeline_name=job.name, errors=mistakes)
    return PipelineConfigValidationValid(pipeline_name=job.name)


def config_schema(context: Context, selector: JobOrPipelineSelector) -> Any:
    """The run configuration of a job as a JSON Schema, as far as it is known without running user code."""
    job = _job_of(context, selector)
    if job is None:
        return no_such_job(selector.name, selector.repository_name, selector.repository_location_name)
    if job.config:
        return RunConfigSchema(json_schema=strawberry.scalars.JSON(dict(job.config)), root_default_yaml="{}\n")
    ops = {name: {"type": "object", "properties": {"config": {}}} for name in sorted(op_names(context, job))}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "ops": {"type": "object", "additionalProperties": False, "properties": ops},
            **{name: {"type": "object", "description": _OPEN[name]} for name in SECTIONS if name != "ops"},
        },
    }
    return RunConfigSchema(json_schema=strawberry.scalars.JSON(schema), root_default_yaml="{}\n")
