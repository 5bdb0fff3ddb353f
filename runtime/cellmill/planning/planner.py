"""How the plan of a run is made from a job's graph: nested graphs are flattened, and every input finds its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.dependency import DynamicCollectDependencyDefinition, MultiDependencyDefinition, NodeHandle
from cellmill.definitions.output import NO_VALUE
from cellmill.errors import InvalidDefinitionError
from cellmill.planning.plan import (
    FromAsset,
    FromCollect,
    FromConfig,
    FromGraphInput,
    FromInnerInput,
    FromMany,
    FromNothing,
    FromOutput,
    Plan,
    Step,
    StepInput,
)

_NOTHING = FromNothing()
_CONFIG = FromConfig()


class _Builder:
    """Walks the graphs of a job once and leaves flat steps."""

    def __init__(self, job: Any) -> None:
        self.job = job
        self.steps: dict[str, Step] = {}
        #: handle of a node -> the graph that it is, for outputs of nested graphs.
        self.graphs: dict[NodeHandle, Any] = {}

    def build(self) -> Plan:
        graph_def = self.job.graph
        given = {one.name: FromGraphInput(one.name, one) for one in graph_def.input_defs}
        self._add_graph(graph_def, NodeHandle(), given, None)
        for name, waits in self.job.extra_order.items():
            self._add_order(name, waits)
        ordered = self._sorted()
        if any(one.is_dynamic for step in ordered.values() for one in step.outputs):
            # In this order each step's sources have their axis already.
            for step in ordered.values():
                self._find_axis(step)
        return Plan(self.job.name, ordered)

    def _sorted(self) -> dict[str, Step]:
        done: dict[str, Step] = {}
        waiting = {key: len(step.needs) for key, step in self.steps.items()}
        below: dict[str, list[str]] = {key: [] for key in self.steps}
        for key, step in self.steps.items():
            for need in step.needs:
                below[need].append(key)
        ready = [key for key, count in waiting.items() if not count]
        for key in ready:
            done[key] = self.steps[key]
            for child in below[key]:
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return done

    def _add_order(self, name: str, waits: Iterable[str]) -> None:
        own = [step for step in self.steps.values() if step.handle[0] == name]
        before = frozenset(step.key for step in self.steps.values() if step.handle[0] in set(waits))
        for step in own:
            step.needs = step.needs | before

    def _add_graph(
        self,
        graph_def: Any,
        handle: NodeHandle,
        given: Mapping[str, Any],
        assets: Any,
        hooks: frozenset[Any] = frozenset(),
    ) -> None:
        mapped: dict[tuple[str, str], Any] = {}
        for one in graph_def.input_mappings:
            at = (one.mapped_node_name, one.mapped_node_input_name)
            if one.fan_in_index is None:
                mapped[at] = given[one.graph_input_name]
            else:
                mapped.setdefault(at, {})[one.fan_in_index] = given[one.graph_input_name]
        top = not handle
        for name in graph_def.node_order:
            node = graph_def.node_dict[name]
            own = NodeHandle((*handle, name))
            own_assets = self.job.asset_nodes.get(name) if top else assets
            if node.is_graph:
                self.graphs[own] = node.definition
                inner = {
                    one.name: self._source(graph_def, handle, name, one, mapped, own, own_assets if top else None)
                    for one in node.definition.input_defs
                }
                inner = {
                    key: value if value is not None else FromInnerInput(own, node.definition.input_dict[key])
                    for key, value in inner.items()
                }
                self._add_graph(node.definition, own, inner, own_assets, hooks | node.hook_defs)
                if top and own_assets is not None:
                    self._mark_graph_outputs(own, own_assets)
                    if own_assets.is_subset:
                        self._keep_needed(own, own_assets)
            else:
                self._add_step(graph_def, handle, node, own, mapped, own_assets, top, hooks)

    def _add_step(
        self,
        graph_def: Any,
        parent: NodeHandle,
        node: Any,
        handle: NodeHandle,
        mapped: Mapping[tuple[str, str], Any],
        assets: Any,
        top: bool,
        hooks: frozenset[Any],
    ) -> None:
        step = Step(handle, node)
        step.assets = assets
        keys = assets.node_keys_by_input_name if assets is not None and top else {}
        inputs = []
        needs: set[str] = set()
        for one in node.definition.input_defs:
            source = self._source(graph_def, parent, node.name, one, mapped, handle, assets if top else None)
            if source is None:
                source = self._unconnected(one, node, handle)
            key = keys.get(one.name)
            if key is None and isinstance(source, FromAsset):
                key = source.asset_key
            if key is None and one.asset_key is not None:
                key = one.get_asset_key()
            catalog = self.job.selected_assets_of
            found = source.source if isinstance(source, FromAsset) else None
            if found is None and key is not None and catalog is not None:
                found = catalog.by_key.get(key)
            inputs.append(StepInput(one, source, key, found))
            needs.update(source.step_keys())
        step.inputs = tuple(inputs)
        step.needs = frozenset(needs)
        if assets is not None and top:
            self._mark_outputs(step, assets)
        if hooks or self.job.hook_defs:
            step.hooks = step.hooks | hooks | self.job.hook_defs
        if step.retry_policy is None:
            step.retry_policy = self.job.op_retry_policy
        self.steps[step.key] = step

    def _mark_outputs(self, step: Step, assets: Any) -> None:
        keys = assets.node_keys_by_output_name
        checks = assets.check_specs_by_output_name
        for output in step.outputs:
            key = keys.get(output.name)
            if key is not None:
                output.asset_key = key
                output.assets = assets
            elif output.name in checks:
                output.check_spec = checks[output.name]
                output.assets = assets

    def _mark_graph_outputs(self, handle: NodeHandle, assets: Any) -> None:
        for name, key in assets.node_keys_by_output_name.items():
            leaf, output_name, _ = self._leaf(handle, name)
            output = self.steps[".".join(leaf)].outputs_by_name[output_name]
            output.asset_key = key
            output.assets = assets
            output.metadata = {**(output.metadata or {}), **assets.specs_by_key[key].metadata}
        for name, spec in assets.check_specs_by_output_name.items():
            leaf, output_name, _ = self._leaf(handle, name)
            output = self.steps[".".join(leaf)].outputs_by_name[output_name]
            output.check_spec = spec
            output.assets = assets

    def _keep_needed(self, handle: NodeHandle, assets: Any) -> None:
        """Leave out the steps of a graph that only assets need which are not selected."""
        own = {key: step for key, step in self.steps.items() if step.handle[: len(handle)] == tuple(handle)}
        needed = {
            key
            for key, step in own.items()
            for output in step.outputs
            if (output.asset_key is not None and output.asset_key in assets.keys)
            or (output.check_spec is not None and output.check_spec.key in assets.check_keys)
        }
        waiting = list(needed)
        while waiting:
            above = (own[waiting.pop()].needs & own.keys()) - needed
            needed |= above
            waiting += above
        for key in own.keys() - needed:
            del self.steps[key]
        read = {(source.step_key, source.output_name) for source in _sources(own[key] for key in needed)}
        for key in needed:
            for output in own[key].outputs:
                if (key, output.name) in read and output.asset_key is not None and output.asset_key not in assets.keys:
                    output.asset_key = None  # another op of the graph needs it, nobody its asset

    def _leaf(self, handle: NodeHandle, output_name: str) -> tuple[NodeHandle, str, bool]:
        """Return the op's output that an output of a node is."""
        inner = self.graphs.get(handle)
        if inner is None:
            step = self.steps[".".join(handle)]
            return handle, output_name, step.outputs_by_name[output_name].is_dynamic
        mapping = inner.get_output_mapping(output_name)
        return self._leaf(NodeHandle((*handle, mapping.mapped_node_name)), mapping.mapped_node_output_name)

    def _from_output(self, parent: NodeHandle, dependency: Any) -> Any:
        leaf, output_name, dynamic = self._leaf(NodeHandle((*parent, dependency.node)), dependency.output)
        key = ".".join(leaf)
        if isinstance(dependency, DynamicCollectDependencyDefinition):
            return FromCollect(key, output_name)
        return FromOutput(key, output_name, dynamic)

    def _source(
        self,
        graph_def: Any,
        parent: NodeHandle,
        name: str,
        declared: Any,
        mapped: Mapping[tuple[str, str], Any],
        handle: NodeHandle,
        assets: Any,
    ) -> Any:
        """Return where the input of a node comes from; None where nothing is connected."""
        dependency = graph_def.wiring[name].get(declared.name)
        given = mapped.get((name, declared.name))
        if dependency is not None:
            if isinstance(dependency, MultiDependencyDefinition):
                return self._fan_in(parent, dependency, given, declared)
            return self._from_output(parent, dependency)
        if given is not None:
            return given if not isinstance(given, dict) else FromMany([given[index] for index in sorted(given)])
        loaded = graph_def.input_assets.get((name, declared.name)) if graph_def.input_assets else None
        if loaded is not None:
            return _NOTHING if declared.is_nothing else FromAsset(loaded.key, loaded)
        if not parent:
            if (name, declared.name) in self.job.input_assets:
                if declared.is_nothing:
                    return _NOTHING
                found = self.job.input_assets[(name, declared.name)]
                if isinstance(found, AssetKey):
                    return self._from_asset(found)
                key = assets.node_keys_by_input_name[declared.name] if assets is not None else found.key
                return FromAsset(key, found)
        return None

    def _fan_in(self, parent: NodeHandle, dependency: Any, given: Any, declared: Any) -> FromMany:
        sources = []
        for index, one in enumerate(dependency.dependencies):
            if hasattr(one, "node"):
                sources.append(self._from_output(parent, one))
            else:
                sources.append(given[index])
        return FromMany(sources)

    def _unconnected(self, declared: Any, node: Any, handle: NodeHandle) -> Any:
        if declared.is_nothing:
            return _NOTHING
        if declared.asset_key is not None and not declared.input_manager_key:
            return self._from_asset(declared.get_asset_key())
        if declared.input_manager_key or declared.has_default_value or declared.is_untyped:
            return _CONFIG
        if declared.dagster_type.loader is not None:
            return _CONFIG
        raise unsatisfied(declared, handle)

    def _from_asset(self, key: AssetKey) -> FromAsset:
        catalog = self.job.selected_assets_of
        return FromAsset(key, catalog.by_key.get(key) if catalog is not None else None)

    # -- dynamic outputs ------------------------------------------------------------------------------------------

    def _find_axis(self, step: Step) -> None:
        axes = {axis for one in step.inputs for axis in self._axes(one.source)}
        if axes:
            step.axis = next(iter(axes))

    def _axes(self, source: Any) -> set[tuple[str, str]]:
        if isinstance(source, FromMany):
            return {axis for one in source.sources for axis in self._axes(one)}
        if isinstance(source, FromOutput):
            if source.dynamic:
                return {(source.step_key, source.output_name)}
            axis = self._axis_of(source.step_key)
            return {axis} if axis is not None else set()
        return set()

    def _axis_of(self, step_key: str) -> tuple[str, str] | None:
        return self.steps[step_key].axis


def _sources(steps: Iterable[Step]) -> Iterator[FromOutput]:
    """The outputs that steps read."""
    waiting: list[Any] = [one.source for step in steps for one in step.inputs]
    while waiting:
        source = waiting.pop()
        if isinstance(source, FromOutput):
            yield source
        else:
            waiting += getattr(source, "sources", ())


def unsatisfied(declared: Any, handle: NodeHandle) -> InvalidDefinitionError:
    """Return the error about an input that can get no value."""
    name = declared.dagster_type.display_name if declared.declared_type is not NO_VALUE else "Any"
    return InvalidDefinitionError(
        f'Input "{declared.name}" of op "{handle}" is not connected to the output of a previous node and can not be '
        "loaded from configuration, creating an impossible to execute job. Possible solutions are:\n"
        f'  * add a type loader for the type "{name}"\n'
        f'  * connect "{declared.name}" to the output of another node\n'
        "  * give it a default value, or an input manager"
    )


def plan_job(job: Any) -> Plan:
    """Return the plan of a job, made once for each job object."""
    plan: Plan | None = job.plan_cache
    if plan is None:
        plan = job.plan_cache = _Builder(job).build()
    return plan
