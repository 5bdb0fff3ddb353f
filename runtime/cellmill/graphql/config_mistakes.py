"""Run configurations as they are sent, and the mistakes in them that show without running user code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cellmill.graphql.context import Context
from cellmill.graphql.problems import EvaluationErrorReason, PipelineConfigValidationError
from cellmill.graphql.schema_check import mistakes_in
from cellmill.workspace.manifest import JobEntry

#: Bytes of a run configuration that is sent as YAML.
MAX_CONFIG = 64 * 1024
#: The top of every run configuration.
SECTIONS = ("ops", "resources", "execution", "loggers", "inputs")


def read_config(data: Any) -> Mapping[str, Any]:
    """A run configuration sent as an object or as YAML text; ``ValueError`` for anything else."""
    if isinstance(data, str):
        if len(data) > MAX_CONFIG:
            raise ValueError(f"A run configuration may have at most {MAX_CONFIG} bytes.")
        if "&" in data and "*" in data:
            raise ValueError("A run configuration may not use YAML aliases.")
        try:
            data = yaml.safe_load(data)
        except yaml.YAMLError as problem:
            raise ValueError(f"The run configuration is not YAML: {problem}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ValueError("A run configuration is an object.")
    return data


def config_mistakes(context: Context, job: JobEntry, config: Mapping[str, Any]) -> list[PipelineConfigValidationError]:
    """Return every mistake: by the job's schema where that is known, else by sections and names of ops."""
    if job.config:
        return [_mistake(*one) for one in mistakes_in(config, job.config)]
    mistakes = []
    known = op_names(context, job)
    for section, value in config.items():
        if section not in SECTIONS:
            words = f"There is no section {section!r}; the sections are {', '.join(SECTIONS)}."
            mistakes.append(_mistake(words, [section], EvaluationErrorReason.FIELD_NOT_DEFINED))
        elif not isinstance(value, dict):
            words = f"{section} is an object with an entry for each name."
            mistakes.append(_mistake(words, [section], EvaluationErrorReason.RUNTIME_TYPE_MISMATCH))
        elif section == "ops" and known:
            for name in value:
                if name not in known:
                    words = f"Job {job.name} has no op {name!r}; its ops are {', '.join(sorted(known))}."
                    mistakes.append(_mistake(words, ["ops", name], EvaluationErrorReason.FIELD_NOT_DEFINED))
    return mistakes


def op_names(context: Context, job: JobEntry) -> set[str]:
    """Return the names of a job's ops; none where only a run of its notebook knows them."""
    keys = set(job.assets)
    of_assets = {entry.op for entry in context.manifest.assets if entry.key in keys and entry.op}
    return {op["name"] for op in job.ops} | {"__".join(path) for path in job.assets} | of_assets


def _mistake(message: str, path: list[str], reason: EvaluationErrorReason) -> PipelineConfigValidationError:
    return PipelineConfigValidationError(message=message, path=path, reason=reason)


def unreadable(problem: ValueError) -> PipelineConfigValidationError:
    """Return what is wrong with a configuration that is no object at all."""
    return _mistake(str(problem), [], EvaluationErrorReason.RUNTIME_TYPE_MISMATCH)
