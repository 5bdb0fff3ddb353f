"""The plan of a run: flat steps with what each needs, made once from a job's graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.dependency import NodeHandle
from cellmill.definitions.resource_requirements import resource_keys_of_op

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
        "metadata",
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
        #: What IO managers find as `definition_metadata`.
        self.metadata: Mapping[str, Any] | None = definition.metadata
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
