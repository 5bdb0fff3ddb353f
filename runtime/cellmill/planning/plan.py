"""The plan of a run: flat steps with what each needs, made once from a job's graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.dependency import (
    DynamicCollectDependencyDefinition,
    MultiDependencyDefinition,
    NodeHandle,
)
from cellmill.definitions.output import NO_VALUE
from cellmill.definitions.resource_requirements import resource_keys_of_op
from cellmill.errors import InvalidDefinitionError

PRIORITY_TAG = "dagster/priority"


class FromOutput:
    """The input is one output of one step."""

    __slots__ = ("dynamic", "output_name", "step_key")

    def __init__(self, step_key: str, output_name: str, dynamic: bool) -> None:
        self.step_key = step_key
        self.output_name = output_name
        #: The output comes once for each mapping key, and the step with it.
        self.dynamic = dynamic

    def step_keys(self) -> tuple[str, ...]:
        """Return the steps that must have ended."""
        return (self.step_key,)


class FromCollect:
    """The input is the list of all values of a dynamic output, or of an output of a mapped step."""

    __slots__ = ("output_name", "step_key")

    def __init__(self, step_key: str, output_name: str) -> None:
        self.step_key = step_key
        self.output_name = output_name

    def step_keys(self) -> tuple[str, ...]:
        """Return the steps that must have ended."""
        return (self.step_key,)


class FromMany:
    """The input is the list of what several sources give."""

    __slots__ = ("sources",)

    def __init__(self, sources: Sequence[Any]) -> None:
        self.sources = tuple(sources)

    def step_keys(self) -> tuple[str, ...]:
        """Return the steps that must have ended."""
        return tuple(key for one in self.sources for key in one.step_keys())


class FromGraphInput:
    """The input is one of the job's own inputs: given at the start, by config, or by default."""

    __slots__ = ("definition", "name")

    def __init__(self, name: str, definition: Any) -> None:
        self.name = name
        self.definition = definition

    def step_keys(self) -> tuple[str, ...]:
        """Return no step."""
        return ()


class FromInnerInput:
    """The input is one of a nested graph that config or a default gives."""

    __slots__ = ("definition", "handle", "inner")

    def __init__(self, handle: NodeHandle, definition: Any, inner: Any = None) -> None:
        self.handle = handle
        self.definition = definition
        self.inner = inner

    def step_keys(self) -> tuple[str, ...]:
        """Return no step."""
        return ()


class FromAsset:
    """The input is an asset that this run does not make."""

    __slots__ = ("asset_key", "source")

    def __init__(self, asset_key: AssetKey, source: Any) -> None:
        self.asset_key = asset_key
        #: The asset's definition, where it is known.
        self.source = source

    def step_keys(self) -> tuple[str, ...]:
        """Return no step."""
        return ()


class FromConfig:
    """The input is loaded by its type's loader from config, by its input manager, or is its default."""

    __slots__ = ()

    def step_keys(self) -> tuple[str, ...]:
        """Return no step."""
        return ()


class FromNothing:
    """Nothing feeds this input and nothing needs to: it only gives an order."""

    __slots__ = ()

    def step_keys(self) -> tuple[str, ...]:
        """Return no step."""
        return ()


_NOTHING = FromNothing()
_CONFIG = FromConfig()


class StepInput:
    """One input of a step: its definition and where its value comes from."""

    __slots__ = (
        "asset_key",
        "definition",
        "is_nothing",
        "is_untyped",
        "name",
        "partitions_def",
        "source",
        "source_assets",
    )

    def __init__(self, definition: Any, source: Any, asset_key: AssetKey | None, source_assets: Any = None) -> None:
        self.name: str = definition.name
        self.definition = definition
        self.source = source
        self.asset_key = asset_key
        #: The definition of the asset that is loaded.
        self.source_assets = source_assets
        self.partitions_def: Any = None if asset_key is None or source_assets is None else source_assets.partitions_def
        self.is_nothing: bool = definition.is_nothing
        self.is_untyped: bool = definition.is_untyped


class StepOutput:
    """One output of a step: its definition and the asset or check that it is."""

    __slots__ = (
        "asset_key",
        "assets",
        "check_spec",
        "definition",
        "is_dynamic",
        "is_nothing",
        "is_required",
        "is_untyped",
        "io_manager_key",
        "name",
    )

    def __init__(self, definition: Any) -> None:
        self.name: str = definition.name
        self.definition = definition
        self.is_dynamic: bool = definition.is_dynamic
        self.is_nothing: bool = definition.is_nothing
        self.is_untyped: bool = definition.is_untyped
        self.is_required: bool = definition.is_required
        self.io_manager_key: str = definition.io_manager_key
        self.asset_key: AssetKey | None = None
        self.assets: Any = None
        self.check_spec: Any = None


class Step:
    """One thing to do: an op with its inputs and outputs."""

    __slots__ = (
        "assets",
        "axis",
        "handle",
        "hooks",
        "inputs",
        "key",
        "mapping_key",
        "needs",
        "node_name",
        "op",
        "outputs",
        "outputs_by_name",
        "priority",
        "retry_policy",
        "tags",
    )

    def __init__(self, handle: NodeHandle, node: Any) -> None:
        self.handle = handle
        self.key = ".".join(handle)
        self.node_name: str = node.name
        self.op = node.definition
        self.inputs: tuple[StepInput, ...] = ()
        self.outputs: tuple[StepOutput, ...] = tuple([StepOutput(one) for one in node.definition.output_defs])
        self.outputs_by_name = {one.name: one for one in self.outputs}
        #: The AssetsDefinition that the step belongs to, or None.
        self.assets: Any = None
        self.needs: frozenset[str] = frozenset()
        #: The dynamic output by which the step is multiplied, as (step key, output name).
        self.axis: tuple[str, str] | None = None
        self.mapping_key: str | None = None
        self.tags: Mapping[str, str] = node.tags
        self.priority = _priority(node.tags) if node.tags else 0
        self.hooks: frozenset[Any] = node.hook_defs
        self.retry_policy = node.retry_policy or node.definition.retry_policy

    @property
    def resource_keys(self) -> frozenset[str]:
        """The resources that the step's body, types and loaders read, managers left out."""
        made = (FromOutput, FromCollect, FromAsset)
        return resource_keys_of_op(self.op, [one.name for one in self.inputs if not isinstance(one.source, made)])

    def mapped(self, mapping_key: str) -> Step:
        """Return the step for one mapping key."""
        made = object.__new__(Step)
        for name in Step.__slots__:
            setattr(made, name, getattr(self, name))
        made.key = f"{self.key}[{mapping_key}]"
        made.mapping_key = mapping_key
        return made

    @property
    def unresolved_key(self) -> str:
        """The key before any mapping key is known."""
        return f"{'.'.join(self.handle)}[?]" if self.axis else self.key

    @property
    def asset_keys(self) -> tuple[AssetKey, ...]:
        """The assets that the step makes."""
        return tuple(one.asset_key for one in self.outputs if one.asset_key is not None)

    def __repr__(self) -> str:
        return f"Step({self.key!r})"


def _sources(steps: Iterable[Step]) -> Iterator[FromOutput]:
    """The outputs that steps read."""
    waiting: list[Any] = [one.source for step in steps for one in step.inputs]
    while waiting:
        source = waiting.pop()
        if isinstance(source, FromOutput):
            yield source
        else:
            waiting += getattr(source, "sources", ())


def _priority(tags: Mapping[str, str]) -> int:
    try:
        return int(tags.get(PRIORITY_TAG, "0"))
    except ValueError:
        return 0


class Plan:
    """The steps of a run in an order in which each comes after those it needs."""

    __slots__ = ("children", "job_name", "steps")

    def __init__(self, job_name: str, steps: dict[str, Step]) -> None:
        self.job_name = job_name
        self.steps = steps
        self.children: dict[str, list[str]] = {key: [] for key in steps}
        for key, step in steps.items():
            for need in step.needs:
                self.children[need].append(key)

    @property
    def step_keys_to_execute(self) -> list[str]:
        """The keys of the steps; those of mapped steps without their mapping key."""
        return [step.unresolved_key for step in self.steps.values()]

    def has_step(self, key: str) -> bool:
        """Return whether there is such a step."""
        return key in self.steps

    def get_step_by_key(self, key: str) -> Step:
        """Return the step with this key."""
        return self.steps[key]

    def in_degrees(self) -> dict[str, int]:
        """Return for each step how many steps must have ended before it."""
        return {key: len(step.needs) for key, step in self.steps.items()}

    def asset_keys(self) -> list[AssetKey]:
        """Return the assets that the run means to make."""
        return [
            output.asset_key
            for step in self.steps.values()
            if step.assets is not None
            for output in step.outputs
            if output.asset_key is not None
        ]


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
        dependency = graph_def.dependencies[name].get(declared.name)
        given = mapped.get((name, declared.name))
        if dependency is not None:
            if isinstance(dependency, MultiDependencyDefinition):
                return self._fan_in(parent, dependency, given, declared)
            return self._from_output(parent, dependency)
        if given is not None:
            return given if not isinstance(given, dict) else FromMany([given[index] for index in sorted(given)])
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
