"""The run config of a job: its schema, and what each op, resource, logger and the executor get from a config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cellmill.definitions.config.configured import schema_of
from cellmill.definitions.config.env_var import is_env_var
from cellmill.definitions.config.process import post_process_config, validate_config
from cellmill.definitions.config.schema import DefinitionConfigSchema
from cellmill.definitions.run_config_schema import (
    RunConfigSchema,
    is_trivial,
    node_inputs,
    ops_config_type,
    run_config_schema,
)
from cellmill.errors import InvalidConfigError, ParameterCheckError

_NOTHING: Mapping[str, Any] = {}


class RunConfig:
    """Run config with config objects in it: ``RunConfig(ops={"load": LoadConfig(limit=3)})``.

    Args:
        ops: By op or asset (its name as an op: key parts joined by two underscores), a config object or a dict with
            `config`, `inputs` and `outputs`; ops of a graph are under its `ops`.
        resources: By key, a config object or a resource object, or a dict with `config`.
        loggers: By key, the loggers to use, with their config; empty uses the console.
        execution: Config of the executor, under `config`.
    """

    __slots__ = ("execution", "loggers", "ops", "resources")

    def __init__(
        self,
        ops: Mapping[str, Any] | None = None,
        resources: Mapping[str, Any] | None = None,
        loggers: Mapping[str, Any] | None = None,
        execution: Mapping[str, Any] | None = None,
    ) -> None:
        self.ops = dict(ops or {})
        self.resources = dict(resources or {})
        self.loggers = dict(loggers or {})
        self.execution = dict(execution or {})

    def to_config_dict(self) -> dict[str, Any]:
        """The dictionary that this is, with config objects as plain values."""
        return {
            "loggers": _sections(self.loggers),
            "resources": _sections(self.resources),
            "ops": _sections(self.ops),
            "execution": _plain(self.execution),
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunConfig) and self.to_config_dict() == other.to_config_dict()

    def __hash__(self) -> int:
        raise TypeError("a RunConfig can be changed and therefore has no hash")

    def __repr__(self) -> str:
        return f"RunConfig({self.to_config_dict()!r})"


def _sections(values: Mapping[str, Any]) -> dict[str, Any]:
    """Each entry as ``{"config": …}`` where it is a config object, as it stands where it is a dictionary."""
    return {key: _section(value) for key, value in values.items()}


def _section(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return {"config": _plain(value)}
    # the section of a graph: each of its ops is a section of its own
    inner = value.get("ops")
    made = {key: _plain(one) for key, one in value.items() if key != "ops"}
    return {**made, "ops": _sections(inner)} if isinstance(inner, Mapping) else _plain(value)


@dataclass(frozen=True, slots=True)
class OpConfig:
    """What one op gets: its config, the config of its unconnected inputs, and that of its outputs."""

    config: Any = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceConfig:
    """What one resource gets."""

    config: Any = None


class OpConfigs(dict[tuple[str, ...], OpConfig]):
    """The configs of ops by handle; an op that nothing is configured for has an empty one."""

    def __missing__(self, handle: tuple[str, ...]) -> OpConfig:
        return NO_OP_CONFIG


class ResourceConfigs(dict[str, ResourceConfig]):
    """The configs of resources by key; a resource that nothing is configured for has an empty one."""

    def __missing__(self, key: str) -> ResourceConfig:
        return NO_RESOURCE_CONFIG


@dataclass(frozen=True, slots=True)
class ResolvedRunConfig:
    """Run config checked, with defaults filled in, environment variables read and mappings applied."""

    ops: OpConfigs = field(default_factory=OpConfigs)
    resources: ResourceConfigs = field(default_factory=ResourceConfigs)
    #: Config of each logger that is to be used; empty: the default loggers.
    loggers: Mapping[str, Any] = field(default_factory=dict)
    execution: Any = None
    #: Config of the inputs of the job itself.
    inputs: Mapping[str, Any] = field(default_factory=dict)
    #: The config as given, after the job's own mapping.
    original: Mapping[str, Any] = field(default_factory=dict)


NO_OP_CONFIG = OpConfig()
NO_RESOURCE_CONFIG = ResourceConfig()
_EMPTY = ResolvedRunConfig()


def resolve_run_config(job: Any, run_config: Any = None) -> ResolvedRunConfig:
    """Return what everything in the job gets from a run config: checked, defaults filled in, environment variables
    read.

    Args:
        job: The job.
        run_config: A dict or `RunConfig`; None takes the job's own.

    Returns:
        A `ResolvedRunConfig`: configs of ops by handle, of resources and loggers by key, and of the executor.

    Raises:
        InvalidConfigError: with every problem, each with its path.
    """
    config = _completed(plain_run_config(run_config), job.run_config or _NOTHING)
    if not config and is_trivial(job):
        return _EMPTY
    if job.config_mapping is not None:
        config = plain_run_config(job.config_mapping.resolve_from_unvalidated_config(config))
    schema = run_config_schema(job)
    config = _bound_inputs(job, schema, _without_unselected(job, config))
    checked = validate_config(schema.config_type, config)
    if checked.success:
        checked = post_process_config(schema.config_type, config)
    if not checked.success:
        raise InvalidConfigError(f"Error in config for job {job.name}", checked.errors, config)
    value = checked.value
    ops = OpConfigs()
    top = value.get("ops", _NOTHING)
    if job.graph.config_mapping is not None:
        _resolve_graph(job, job.graph, {"config": top.get("config")}, (), ops, job.graph.name)
    else:
        _resolve_nodes(job, job.graph, top, (), ops)
    return ResolvedRunConfig(
        ops=ops,
        resources=_resolved_resources(schema, value.get("resources", _NOTHING)),
        loggers=_resolved_loggers(job, schema, value.get("loggers", _NOTHING)),
        execution=_resolved_execution(job, value.get("execution", _NOTHING)),
        inputs=value.get("inputs", _NOTHING),
        original=config,
    )


def validate_run_config(job_def: Any, run_config: Any = None) -> Mapping[str, Any]:
    """Return the run config with its defaults filled in, if it fits the job.

    Args:
        job_def: The job.
        run_config: A dict or `RunConfig`; None takes the job's own.

    Raises:
        InvalidConfigError: with every problem, each with its path.
    """
    resolved = resolve_run_config(job_def, run_config)
    schema = run_config_schema(job_def)
    filled: Mapping[str, Any] = post_process_config(schema.config_type, resolved.original).value
    return filled


def plain_run_config(run_config: Any) -> dict[str, Any]:
    """The dictionary that a RunConfig, a dictionary or None stands for, with only plain values inside."""
    if run_config is None:
        return {}
    to_dict = getattr(run_config, "to_config_dict", None)
    if to_dict is not None:
        run_config = to_dict()
    if not isinstance(run_config, Mapping):
        raise ParameterCheckError(f"run_config is a dictionary or a RunConfig; got {run_config!r}.")
    return {key: _plain(value) for key, value in run_config.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if is_env_var(value):
        return value.as_config_default()
    to_config = getattr(value, "_as_config_value", None)
    return to_config() if to_config is not None and not isinstance(value, type) else value


def _completed(config: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config with what the job itself says of each op, resource and logger that is not in it."""
    if not config or not own:
        return config or own
    made = {**own, **config}
    for section, given in config.items():
        default = own.get(section)
        if isinstance(given, Mapping) and isinstance(default, Mapping):
            made[section] = {**default, **given}
    return made


def _without_unselected(job: Any, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config without the nodes that the whole job has and this selection of it has not."""
    whole = getattr(job, "whole_job", None)
    ops = config.get("ops")
    if whole is None or not isinstance(ops, Mapping):
        return config
    return {**config, "ops": _selected_only(job.graph, whole.graph, ops)}


def _selected_only(graph: Any, whole: Any, ops: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in ops.items():
        if not graph.has_node_named(name):
            if not whole.has_node_named(name):
                result[name] = value
            continue
        node = graph.node_named(name)
        if node.is_graph and isinstance(value, Mapping) and isinstance(value.get("ops"), Mapping):
            inner = _selected_only(node.definition, whole.node_named(name).definition, value["ops"])
            value = {**value, "ops": inner}
        result[name] = value
    return result


def _bound_inputs(job: Any, schema: RunConfigSchema, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config with values under an op without a schema moved to its unconnected inputs of the same names."""
    ops = config.get("ops")
    if not isinstance(ops, Mapping) or job.graph.config_mapping is not None:
        return config
    return {**config, "ops": _bound_nodes(job, job.graph, ops, top=True)}


def _bound_nodes(job: Any, graph: Any, ops: Mapping[str, Any], top: bool) -> Mapping[str, Any]:
    result = dict(ops)
    for name, value in ops.items():
        if not isinstance(value, Mapping) or not graph.has_node_named(name):
            continue
        definition = graph.node_named(name).definition
        if definition.is_graph:
            if isinstance(value.get("ops"), Mapping):
                result[name] = {**value, "ops": _bound_nodes(job, definition, value["ops"], top=False)}
        elif isinstance(value.get("config"), Mapping) and not definition.has_config_field:
            result[name] = _bound_op(node_inputs(job, graph, name, top), value)
    return result


def _bound_op(inputs: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    given = value.get("inputs") or {}
    bound = {name: one for name, one in value["config"].items() if name in inputs and name not in given}
    if not bound:
        return value
    rest = {name: one for name, one in value["config"].items() if name not in bound}
    wrapped = {
        name: {"value": one} if inputs[name].takes_choice and not isinstance(one, Mapping) else one
        for name, one in bound.items()
    }
    result = {**value, "inputs": {**given, **wrapped}}
    if rest:
        result["config"] = rest
    else:
        del result["config"]
    return result


def _resolve_nodes(job: Any, graph: Any, values: Mapping[str, Any], prefix: tuple[str, ...], ops: OpConfigs) -> None:
    for name, node in graph.node_dict.items():
        value = values.get(name) or _NOTHING
        handle = (*prefix, name)
        definition = node.definition
        if definition.is_graph:
            _resolve_graph(job, definition, value, handle, ops, name)
            continue
        schema = schema_of(definition)
        config = _applied(schema, value.get("config"), f"Error in config for op '{name}'")
        _check_object(definition, config, name)
        inputs = value.get("inputs") or _NOTHING
        outputs = value.get("outputs") or _NOTHING
        if config is not None or inputs or outputs:
            ops[handle] = OpConfig(config, inputs, outputs)


def _check_object(definition: Any, config: Any, name: str) -> None:
    """Make the object of a config class once before anything runs, so that its constraints and validators speak now."""
    annotation = getattr(getattr(definition, "shape", None), "config_type", None)
    if not isinstance(annotation, type) or not hasattr(annotation, "to_config_field"):
        return
    config_class: Any = annotation
    try:
        config_class._from_config_value(config or {})
    except Exception as error:
        error.add_note(f"In the config of op '{name}' ({annotation.__name__}).")
        raise


def _resolve_graph(
    job: Any, graph: Any, value: Mapping[str, Any], handle: tuple[str, ...], ops: OpConfigs, name: str
) -> None:
    if value.get("inputs"):
        ops[handle] = OpConfig(None, value["inputs"], _NOTHING)
    if graph.config_mapping is None:
        _resolve_nodes(job, graph, value.get("ops") or _NOTHING, handle, ops)
        return
    outer = _applied(schema_of(graph), value.get("config"), f"Error in config for graph {name}")
    stack = ":".join(handle) or name
    what = f"The config mapping function on graph '{name}' in job '{job.name}'"
    at = f'The definition is instantiated at stack "{stack}"'
    inner = graph.config_mapping.resolve_from_validated_config(outer, what, at)
    inner = plain_run_config(inner) if isinstance(inner, Mapping) else inner
    if job.whole_job is not None and isinstance(inner, Mapping):
        inner = _selected_only(graph, _graph_at(job.whole_job, handle), inner)
    config_type = ops_config_type(job, graph, top=False)
    checked = validate_config(config_type, inner)
    if checked.success:
        checked = post_process_config(config_type, inner)
    if not checked.success:
        where = (
            f'In job {job.name} at stack {stack}: \nOp "{name}" with definition "{graph.name}"'
            if handle
            else f"In job '{job.name}', top level graph '{name}'"
        )
        raise InvalidConfigError(
            f"{where} has a configuration error. It has produced config via its config_fn that fails to pass "
            "validation in the ops that it contains. Correct the mapping function so that its config fits its nodes. "
            "The paths are relative to what the function returns: ",
            checked.errors,
            inner,
        )
    _resolve_nodes(job, graph, checked.value, handle, ops)


def _graph_at(job: Any, handle: tuple[str, ...]) -> Any:
    here = job.graph
    for name in handle:
        here = here.node_named(name).definition
    return here


def _applied(schema: DefinitionConfigSchema, config: Any, preamble: str) -> Any:
    result = schema.apply(config)
    if not result.success:
        raise InvalidConfigError(preamble, result.errors, config)
    return result.value


def _resolved_resources(schema: RunConfigSchema, values: Mapping[str, Any]) -> ResourceConfigs:
    result = ResourceConfigs()
    for key, definition in schema.resource_defs.items():
        value = values.get(key)
        if value is None and key not in schema.needed_resources:
            continue
        own = schema_of(definition)
        config = _applied(own, (value or _NOTHING).get("config"), f"Error in config for resource '{key}'")
        if config is not None:
            result[key] = ResourceConfig(config)
    return result


def _resolved_loggers(job: Any, schema: RunConfigSchema, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _applied(
            schema_of(schema.logger_defs[key]), (value or _NOTHING).get("config"), f"Error in config for logger '{key}'"
        )
        for key, value in values.items()
    }


def _resolved_execution(job: Any, value: Mapping[str, Any]) -> Any:
    config = (value or _NOTHING).get("config")
    executor = job.given_executor_def
    if executor is None or not hasattr(executor, "config_schema"):
        return config
    return _applied(schema_of(executor), config, f"Error in config for the executor of job '{job.name}'")
