"""Getting the inputs of a step: from IO managers, config, loaders, defaults."""

from __future__ import annotations

from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.input_context import InputContext
from cellmill.definitions.output import NO_VALUE
from cellmill.definitions.output_context import OutputContext
from cellmill.errors import (
    CellmillError,
    InvalidDefinitionError,
    LoadInputError,
    TypeCheckDidNotPassError,
    TypeLoadingError,
)
from cellmill.execution.partitions_of_input import input_subset
from cellmill.execution.step_events import check_type, event, record_user_event, type_label
from cellmill.planning.event import PASSED_CHECK, EventType, LoadedInputData, StepInputData
from cellmill.planning.plan import (
    FromAsset,
    FromCollect,
    FromConfig,
    FromGraphInput,
    FromInnerInput,
    FromMany,
    FromOutput,
)

_SKIP = object()


class StepInputs:
    """Loads the inputs of one step, one after the other."""

    __slots__ = ("_context", "_emit", "_mapping", "_services", "_step")

    def __init__(self, step: Any, services: Any, emit: Any, context: Any, mapping: Any) -> None:
        self._step = step
        self._services = services
        self._emit = emit
        self._context = context
        #: (step key, output name) -> mapping keys, for collects.
        self._mapping = mapping

    def load(self) -> dict[str, Any]:
        """Return the values by input name; inputs without a value are left out."""
        values: dict[str, Any] = {}
        for one in self._step.inputs:
            if one.is_nothing:
                continue
            value = self._value(one, one.source)
            if value is _SKIP:
                continue
            self._check(one, value)
            values[one.name] = value
        return values

    def _check(self, one: Any, value: Any) -> None:
        if one.is_untyped:
            message = f'Got input "{one.name}" of type "Any". (Type check passed).'
            self._emit(
                event(EventType.STEP_INPUT, self._step, self._services, message, StepInputData(one.name, PASSED_CHECK))
            )
            return
        data, failed = check_type(one, value, self._context, f'input "{one.name}"')
        label = type_label(one)
        word = "passed" if failed is None else "failed"
        self._emit(
            event(
                EventType.STEP_INPUT,
                self._step,
                self._services,
                f'Got input "{one.name}" of type "{label}". (Type check {word}).',
                StepInputData(one.name, data),
            )
        )
        if failed is not None:
            raise TypeCheckDidNotPassError(
                f'Type check failed for step input "{one.name}" - expected type "{label}". '
                f"Description: {failed.description}",
                failed.metadata,
                one.definition.dagster_type,
            )

    # -- where from -----------------------------------------------------------------------------------------------

    def _value(self, one: Any, source: Any) -> Any:
        if isinstance(source, FromOutput):
            if one.definition.input_manager_key:
                return self._by_manager(one, source, one.definition.input_manager_key)
            return self._from_output(one, source.step_key, source.output_name, self._mapping_key(source))
        if isinstance(source, FromAsset):
            return self._from_asset(one, source.asset_key, source.source)
        if isinstance(source, FromConfig):
            return self._from_config(one, self._services.config.ops[self._step.handle].inputs, one.name)
        if isinstance(source, FromCollect):
            return [
                self._from_output(one, self._made_by(source, key), source.output_name, self._made_key(source, key))
                for key in self._mapping.get((source.step_key, source.output_name), ())
            ]
        if isinstance(source, FromMany):
            return self._from_many(one, source)
        if isinstance(source, FromGraphInput):
            return self._from_graph_input(one, source)
        if isinstance(source, FromInnerInput):
            given = self._services.config.ops[source.handle].inputs
            return self._from_config(one, given, source.definition.name, source.definition)
        return _SKIP

    def _mapping_key(self, source: Any) -> str | None:
        return self._step.mapping_key if source.dynamic else None

    def _made_by(self, source: Any, key: str) -> str:
        return f"{source.step_key}[{key}]" if self._mapping.is_mapped(source.step_key) else source.step_key

    def _made_key(self, source: Any, key: str) -> str | None:
        return None if self._mapping.is_mapped(source.step_key) else key

    def _from_many(self, one: Any, source: FromMany) -> list[Any]:
        values = []
        for part in source.sources:
            if isinstance(part, FromOutput) and not self._mapping.has_output(self._key_of(part), part.output_name):
                continue
            value = self._value(one, part)
            if isinstance(part, FromCollect):
                values.extend(value)
            elif value is not _SKIP:
                values.append(value)
        return values

    def _key_of(self, source: FromOutput) -> str:
        if not source.dynamic and self._mapping.is_mapped(source.step_key):
            return f"{source.step_key}[{self._step.mapping_key}]"
        return source.step_key

    def _from_graph_input(self, one: Any, source: FromGraphInput) -> Any:
        services = self._services
        for given in (services.input_values, services.job.input_values):
            if source.name in given:
                return given[source.name]
        manager = one.definition.input_manager_key
        if manager:
            return self._by_manager(one, source, manager)
        return self._from_config(one, services.config.inputs, source.name, source.definition)

    def _from_config(self, one: Any, given: Any, name: str, outer: Any = None) -> Any:
        declared = one.definition
        if declared.input_manager_key:
            return self._by_manager(one, None, declared.input_manager_key)
        if name in given:
            return self._loaded(one, declared if outer is None else outer, given[name])
        for each in (declared, outer):
            if each is not None and each.has_default_value:
                return each.default_value
        raise InvalidDefinitionError(
            f'The input "{one.name}" of op "{self._step.handle}" must get a value from the output of a previous node, '
            "from config, or as a default value."
        )

    def _loaded(self, one: Any, declared: Any, config: Any) -> Any:
        loader = declared.dagster_type.loader
        if loader is None:
            return config
        try:
            return loader.construct_from_config_value(self._context, config)
        except CellmillError:
            raise
        except Exception as error:
            raise TypeLoadingError(
                f'Error occurred while loading input "{one.name}" of step "{self._step.key}":', error
            ) from error

    # -- IO managers ----------------------------------------------------------------------------------------------

    def _from_output(self, one: Any, step_key: str, output_name: str, mapping_key: str | None) -> Any:
        services = self._services
        if mapping_key is None and self._step.mapping_key and self._mapping.is_mapped(step_key):
            step_key = f"{step_key}[{self._step.mapping_key}]"
        upstream = services.output_contexts.get((step_key, output_name, mapping_key))
        if upstream is None:
            upstream = self._rebuilt(step_key, output_name, mapping_key)
        key = self._mapping.manager_key(step_key, output_name)
        context = self._input_context(one, upstream, key)
        return self._load(one, context, key, output_name, step_key)

    def _rebuilt(self, step_key: str, output_name: str, mapping_key: str | None) -> OutputContext:
        """Return the context of an output that another process made."""
        services = self._services
        base = step_key.split("[")[0]
        output = self._mapping.output(base, output_name)
        run_id = self._mapping.run_of(step_key)
        return OutputContext(
            step_key=step_key,
            name=output_name,
            job_name=services.job_name,
            run_id=run_id,
            mapping_key=mapping_key,
            definition_metadata=output.metadata,
            op_def=self._mapping.op(base),
            asset_key=output.asset_key,
            partition_key=services.partition_key,
            value_ref=services.refs.get((step_key, output_name, mapping_key)),
            instance=services.instance,
            log_manager=self._context.log,
        )

    def _input_context(self, one: Any, upstream: OutputContext | None, manager_key: str) -> InputContext:
        services = self._services
        subset = None
        definition = one.partitions_def
        if definition is not None:
            subset = input_subset(one, self._step, services)
        declared = one.definition
        asset_key = one.asset_key
        if asset_key is None and upstream is not None and upstream.has_asset_key:
            # inside of a graph, what another op made as an asset is read as that asset
            asset_key = upstream.asset_key
            if upstream.has_asset_partitions:
                definition = upstream.asset_partitions_def
                subset = definition.subset_with_partition_keys(upstream.asset_partition_keys)
        resource_config, resources = services.io_given(manager_key)
        return InputContext(
            name=one.name,
            job_name=services.job_name,
            op_def=self._step.op,
            config=services.config.ops[self._step.handle].inputs.get(one.name),
            definition_metadata=declared.metadata,
            upstream_output=upstream,
            dagster_type=None if declared.is_untyped else declared.dagster_type,
            log_manager=self._context.log,
            resource_config=resource_config,
            resources=resources,
            step_context=self._context,
            asset_key=asset_key,
            partition_key=services.partition_key,
            asset_partitions_subset=subset,
            asset_partitions_def=definition,
            instance=services.instance,
            find_ref=services.find_ref,
        )

    def _from_asset(self, one: Any, key: AssetKey, source: Any) -> Any:
        manager_key = one.definition.input_manager_key or manager_key_of(source, key)
        upstream = self._stored_asset(key, source)
        return self._load(one, self._input_context(one, upstream, manager_key), manager_key, None, None)

    def _stored_asset(self, key: AssetKey, source: Any) -> OutputContext:
        spec = None if source is None else source.specs_by_key.get(key)
        return OutputContext(
            name=key.path[-1],
            asset_key=key,
            definition_metadata=getattr(source, "raw_metadata", None) or (spec.metadata if spec is not None else None),
            partition_key=self._services.partition_key,
            instance=self._services.instance,
            log_manager=self._context.log,
            job_name=self._services.job_name,
            op_def=None if source is None else source.node_def,
            asset_spec=spec,
        )

    def _by_manager(self, one: Any, source: Any, key: str) -> Any:
        upstream = None
        if isinstance(source, FromOutput):
            mapping_key = self._mapping_key(source)
            at = (self._key_of(source), source.output_name, mapping_key)
            upstream = self._services.output_contexts.get(at) or self._rebuilt(*at)
        elif one.asset_key is not None:
            upstream = self._stored_asset(one.asset_key, one.source_assets)
        name = source.output_name if isinstance(source, FromOutput) else None
        step_key = source.step_key if isinstance(source, FromOutput) else None
        return self._load(one, self._input_context(one, upstream, key), key, name, step_key)

    def _load(self, one: Any, context: InputContext, manager_key: str, output: str | None, step_key: str | None) -> Any:
        manager = self._services.io_manager(manager_key)
        try:
            value = manager.load_input(context)
        except Exception as error:
            raise LoadInputError(
                f'Error occurred while loading input "{one.name}" of step "{self._step.key}":', error
            ) from error
        metadata: dict[str, Any] = {}
        if context._events is not None or context._logged_metadata is not None:
            for observed in context.consume_events():
                record_user_event(self._step, self._services, self._emit, observed)
            metadata = dict(context.consume_logged_metadata())
        origin = f', from output "{output}" of step "{step_key}"' if output is not None else ""
        self._emit(
            event(
                EventType.LOADED_INPUT,
                self._step,
                self._services,
                f'Loaded input "{one.name}" using input manager "{manager_key}"{origin}',
                LoadedInputData(one.name, manager_key, output, step_key, metadata),
            )
        )
        return value


def manager_key_of(source: Any, key: AssetKey) -> str:
    """Return the key of the IO manager that stores an asset."""
    if source is None:
        return "io_manager"
    own = getattr(source, "io_manager_key", None)
    if own:
        return str(own)
    if source.node_def is not None and key in source.node_keys_by_output_name.values():
        node = source.node_def
        name = source.get_output_name_for_asset_key(key)
        while node.is_graph:
            mapping = node.get_output_mapping(name)
            node, name = node.node_dict[mapping.mapped_node_name].definition, mapping.mapped_node_output_name
        return str(node.output_dict[name].io_manager_key)
    spec = source.specs_by_key.get(key)
    given = None if spec is None else spec.metadata.get("dagster/io_manager_key")
    return str(getattr(given, "value", given) or "io_manager")


__all__ = ["NO_VALUE", "StepInputs", "manager_key_of"]
