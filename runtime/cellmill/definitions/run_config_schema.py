"""The schema of a job's run config, built from its graph, resources, loggers and executor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from cellmill.definitions.config.alternatives import ScalarUnion
from cellmill.definitions.config.config_type import ConfigType
from cellmill.definitions.config.configured import schema_of
from cellmill.definitions.config.field import Field, Selector, Shape, optional_field
from cellmill.definitions.config.schema import ANY_FIELD, PlainConfigSchema
from cellmill.definitions.logger import default_loggers

#: Schemas of the jobs alive; a job never changes, changed copies are other objects.
_SCHEMAS: WeakKeyDictionary[Any, RunConfigSchema] = WeakKeyDictionary()
_TRIVIAL: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


@dataclass(frozen=True)
class RunConfigSchema:
    """What the run config of a job may be."""

    config_type: ConfigType
    resource_defs: Mapping[str, Any]
    needed_resources: frozenset[str]
    logger_defs: Mapping[str, Any]

    @property
    def run_config_schema_type(self) -> ConfigType:
        """The type of the whole run config, as `config_type`."""
        return self.config_type


@dataclass(frozen=True, slots=True)
class InputField:
    """An unconnected input that config may give a value for."""

    field: Field
    definition: Any

    @property
    def takes_choice(self) -> bool:
        """Whether the loader reads the value from a chosen source (``value:``, ``json:`` …)."""
        config_type = self.field.config_type
        chosen = config_type.non_scalar_type if isinstance(config_type, ScalarUnion) else config_type
        return isinstance(chosen, Selector) and "value" in chosen.fields


def run_config_schema(job: Any) -> RunConfigSchema:
    """The schema of the job's run config, built once."""
    schema = _SCHEMAS.get(job)
    if schema is None:
        schema = _SCHEMAS[job] = _build(job)
    return schema


def is_trivial(job: Any) -> bool:
    """Whether the job runs without config and nothing in it gets any, so that there is nothing to resolve."""
    known = _TRIVIAL.get(job)
    if known is None:
        known = _TRIVIAL[job] = (
            job.config_mapping is None
            and _graph_is_trivial(job, job.graph, True)
            and not any(_has_config(one) or _configures_ports(one) for one in job.resource_defs.values())
            and not _has_config(job.given_executor_def)
        )
    return known


def _configures_ports(definition: Any) -> bool:
    """Whether it is an IO manager or input manager whose outputs or inputs have config of their own."""
    return (
        getattr(definition, "output_config_schema", None) is not None
        or getattr(definition, "input_config_schema", None) is not None
    )


def _has_config(definition: Any) -> bool:
    if getattr(definition, "configured_with", None) is not None:
        return True
    schema = getattr(definition, "config_schema", None)
    return schema is not None and not (isinstance(schema, PlainConfigSchema) and not schema.declared)


def _graph_is_trivial(job: Any, graph: Any, top: bool) -> bool:
    if graph.config_mapping is not None:
        return False
    for name, node in graph.node_dict.items():
        definition = node.definition
        if definition.is_graph:
            if not _graph_is_trivial(job, definition, False):
                return False
        elif definition.has_config_field or definition.configured_with is not None:
            return False
        connected = graph.wiring[name]
        if len(connected) < len(definition.input_defs) and node_inputs(job, graph, name, top):
            return False
    return not _job_inputs(job) if top else True


def ops_config_type(job: Any, graph: Any, top: bool) -> Shape:
    """What the config of a graph's nodes may be."""
    return Shape({name: _node_field(job, graph, name, top) for name in graph.node_dict})


def _node_field(job: Any, graph: Any, name: str, top: bool) -> Field:
    definition = graph.node_dict[name].definition
    fields: dict[str, Field] = {}
    inputs = node_inputs(job, graph, name, top)
    if inputs:
        fields["inputs"] = Field(Shape({key: one.field for key, one in inputs.items()}))
    if definition.is_graph and definition.config_mapping is None:
        fields["ops"] = Field(ops_config_type(job, definition, top=False))
    else:
        fields["config"] = _config_field(definition)
    outputs = _output_fields(job, definition)
    if outputs:
        fields["outputs"] = Field(Shape(outputs))
    return Field(Shape(fields))


def _config_field(definition: Any) -> Field:
    if definition.is_graph and definition.configured_with is None:
        mapping_field: Field = definition.config_mapping.field
        return mapping_field
    return schema_of(definition).as_field()


def node_inputs(job: Any, graph: Any, name: str, top: bool) -> dict[str, InputField]:
    """The inputs of a node that nothing is connected to and that config may therefore give."""
    definition = graph.node_dict[name].definition
    connected = graph.wiring[name]
    mapped = {(mapping.mapped_node_name, mapping.mapped_node_input_name) for mapping in graph.input_mappings}
    result: dict[str, InputField] = {}
    for one in definition.input_defs:
        # An input manager of its own may take config although the input is connected; it loads the value.
        if (one.name in connected and not one.input_manager_key) or (name, one.name) in mapped:
            continue
        if (top and (name, one.name) in job.input_assets) or (name, one.name) in graph.input_assets:
            continue
        field = _input_field(job, definition, one)
        if field is not None:
            result[one.name] = field
    return result


def _input_field(job: Any, definition: Any, one: Any) -> InputField | None:
    if one.input_manager_key:
        manager = job.resource_defs.get(one.input_manager_key)
        schema = getattr(manager, "input_config_schema", None)
        field = getattr(schema, "as_field", lambda: schema)()
        return InputField(field, one) if isinstance(field, Field) else None
    if one.asset_key is not None or one.dagster_type.is_nothing or one.dagster_type.loader is None:
        return None
    config_type = one.dagster_type.loader.schema_type
    if one.has_default_value:
        return InputField(optional_field(config_type), one)
    return InputField(Field(config_type), one)


def _output_fields(job: Any, definition: Any) -> dict[str, Field]:
    if definition.is_graph:
        return {}
    result: dict[str, Field] = {}
    for one in definition.output_defs:
        manager = job.resource_defs.get(one.io_manager_key or "io_manager")
        schema = getattr(manager, "output_config_schema", None)
        field = getattr(schema, "as_field", lambda schema=schema: schema)()
        if isinstance(field, Field):
            result[one.name] = field
    return result


def _job_inputs(job: Any) -> dict[str, InputField]:
    result: dict[str, InputField] = {}
    for one in job.graph.input_defs:
        if one.name in job.input_values:
            continue
        field = _input_field(job, job.graph, one)
        if field is not None:
            result[one.name] = field
    return result


def _build(job: Any) -> RunConfigSchema:
    resource_defs = dict(job.resource_defs)
    needed = needed_resource_keys(job.graph.iterate_op_defs(), resource_defs)
    logger_defs = dict(job.loggers) or default_loggers()
    graph = job.graph
    fields: dict[str, Field] = {}
    inputs = _job_inputs(job)
    if inputs:
        fields["inputs"] = Field(Shape({name: one.field for name, one in inputs.items()}))
    if graph.config_mapping is not None:
        fields["ops"] = Field(Shape({"config": _config_field(graph)}))
    else:
        fields["ops"] = Field(ops_config_type(job, graph, top=True))
    resources = {key: _resource_field(one, key in needed) for key, one in resource_defs.items()}
    # A job that provides no IO manager has the default one, which takes any config.
    resources.setdefault("io_manager", optional_field(Shape({"config": ANY_FIELD})))
    fields["resources"] = Field(Shape(resources))
    fields["loggers"] = Field(Shape({key: _logger_field(one) for key, one in logger_defs.items()}))
    fields["execution"] = Field(Shape({"config": _executor_field(job.executor_def)}))
    return RunConfigSchema(Shape(fields), resource_defs, needed, logger_defs)


def _resource_field(definition: Any, needed: bool) -> Field:
    own = Shape({"config": schema_of(definition).as_field()})
    return Field(own) if needed else optional_field(own)


def _logger_field(definition: Any) -> Field:
    return optional_field(Shape({"config": schema_of(definition).as_field()}))


def _executor_field(executor: Any) -> Field:
    if executor is None or not hasattr(executor, "config_schema"):
        return ANY_FIELD
    return schema_of(executor).as_field()


def needed_resource_keys(op_defs: Iterable[Any], resource_defs: Mapping[str, Any]) -> frozenset[str]:
    """The keys of the resources that these ops, their types and IO managers, and those resources themselves need."""
    wanted: set[str] = set()
    for op in op_defs:
        wanted.update(op.required_resource_keys)
        for one in op.input_defs:
            if one.input_manager_key:
                wanted.add(one.input_manager_key)
        wanted.update(one.io_manager_key or "io_manager" for one in op.output_defs)
    found: set[str] = set()
    while wanted:
        key = wanted.pop()
        if key in found or key not in resource_defs:
            continue
        found.add(key)
        wanted.update(resource_defs[key].get_required_resource_keys(resource_defs))
    return frozenset(found)
