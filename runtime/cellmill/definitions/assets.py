"""Assets with the function that makes them, and assets that are only loaded; each can become another of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.asset_facts import AssetFacts
from cellmill.definitions.asset_inputs import with_order_inputs, without_inputs
from cellmill.definitions.asset_key import AssetCheckKey, AssetKey, key_prefix_from_coercible
from cellmill.definitions.asset_node import assets_of_node
from cellmill.definitions.asset_spec import AssetDep, AssetSpec
from cellmill.definitions.composition import checked_hooks, current
from cellmill.definitions.engine import engine
from cellmill.definitions.inference import FunctionShape
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.op import OpDefinition
from cellmill.definitions.output import DEFAULT_OUTPUT
from cellmill.definitions.port import DEFAULT_IO_MANAGER_KEY, OutputDefinition
from cellmill.errors import CheckError, InvalidDefinitionError, InvalidInvocationError, InvariantViolationError


class AssetsDefinition(AssetFacts):
    """One op or graph, and the assets that its inputs and outputs are; the asset decorators make it.

    Args:
        keys_by_input_name: By input of the node, the asset that is loaded or waited for.
        keys_by_output_name: By output of the node, the asset that it is.
        node_def: The op or graph that does the work; None where nothing here does.
        specs: What describes the assets; those left out depend on all inputs.
        partitions_def: The partitions of all the assets; None takes that of the specs.
        partition_mappings: By upstream asset, which of its partitions a partition needs; None takes those of the specs'
            deps.
        asset_deps: By asset, the assets that it depends on, for assets without a spec.
        can_subset: Whether a run may make some of the assets only.
        resource_defs: Resources by key for these assets only.
        hook_defs: Hooks that are called after each step.
        check_specs_by_output_name: By output of the node, the check that it stands for.
        backfill_policy: How the partitions of a backfill are spread over runs.
        execution_type: What running the node does: `MATERIALIZATION`, `OBSERVATION`, or `UNEXECUTABLE`.
        selected_asset_keys: The assets that this part of a larger definition makes; None is all.
        selected_check_keys: The checks that this part of a larger definition evaluates; None is all.
        is_checks: Whether the node only evaluates checks and makes no asset.
        auto_observe_interval_minutes: Minutes from one observation by the daemon to the next, of an asset that is only
            observed; None leaves observing to others.
    """

    # -- changing -------------------------------------------------------------------------------------------------

    def copy_with(self, **changed: Any) -> AssetsDefinition:
        """Return a copy with some attributes changed."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.__dict__.update(changed)
        made._keys_cache = None
        made._deps_cache = None
        return made

    @property
    def is_subset(self) -> bool:
        """Whether assets or checks of the node were left out."""
        return self._selected is not None or self._selected_checks is not None

    def subset_for(
        self,
        selected_asset_keys: AbstractSet[AssetKey],
        selected_asset_check_keys: AbstractSet[AssetCheckKey] | None = None,
    ) -> AssetsDefinition:
        """Return the part of the definition that makes just these assets.

        Args:
            selected_asset_keys: The assets; those of others are left out.
            selected_asset_check_keys: The checks; None keeps all.

        Raises:
            InvalidDefinitionError: where the definition cannot be subset.
        """
        selected = frozenset(selected_asset_keys) & self.keys
        if not self.can_subset and selected != self.keys:
            raise CheckError(
                f"Attempted to subset {sorted(self.keys)}, which cannot be subset: it has can_subset=False. Declare it "
                "with can_subset=True."
            )
        checks = None if selected_asset_check_keys is None else frozenset(selected_asset_check_keys)
        return self.copy_with(_selected=selected, _selected_checks=checks)

    def map_asset_specs(self, fn: Callable[[AssetSpec], AssetSpec]) -> AssetsDefinition:
        """Return the definition with a function applied to each spec.

        Args:
            fn: Takes a spec and returns the one in its place, with the same key.

        Raises:
            InvalidDefinitionError: where the function changes a key.
        """
        specs = {}
        for key, spec in self._specs.items():
            made = fn(spec)
            if made.key != key:
                raise InvalidDefinitionError(
                    f"Asset key {key.to_user_string()} was changed to {made.key.to_user_string()}. Mapping functions "
                    "must not change keys."
                )
            specs[key] = made
        return self.with_specs(specs)

    def with_specs(self, specs: Mapping[AssetKey, AssetSpec]) -> AssetsDefinition:
        """Return the definition with other specs for its assets, inputs renamed to the new dependencies.

        Args:
            specs: By asset, its new spec.
        """
        new_inputs = {dep.asset_key for spec in specs.values() for dep in spec.deps}
        known = set(self.node_keys_by_input_name.values()) | set(specs)
        left = {dep.asset_key for spec in self._specs.values() for dep in spec.deps} - new_inputs
        gone = [name for name, key in self.node_keys_by_input_name.items() if key in left]
        made = self.copy_with(_specs=dict(specs))
        if gone and self.node_def is not None and not self.node_def.is_graph:
            made.node_def, made.node_keys_by_input_name = without_inputs(
                self.node_def, self.node_keys_by_input_name, gone
            )
        if new_inputs - known and self.node_def is not None and not self.node_def.is_graph:
            made.node_def, made.node_keys_by_input_name = with_order_inputs(
                made.node_def, made.node_keys_by_input_name, new_inputs - known
            )
        return made

    def with_attributes(
        self,
        *,
        asset_key_replacements: Mapping[AssetKey, AssetKey] | None = None,
        input_asset_key_replacements: Mapping[AssetKey, AssetKey] | None = None,
        group_names_by_key: Mapping[AssetKey, str] | None = None,
        hook_defs: AbstractSet[Any] | None = None,
        resource_defs: Mapping[str, Any] | None = None,
        backfill_policy: Any = None,
        **changed_by_key: Any,
    ) -> AssetsDefinition:
        """Return a copy with other keys, groups, hooks or resources.

        Args:
            asset_key_replacements: By key, the new key; upstream keys are replaced too.
            input_asset_key_replacements: By upstream key, the new one.
            group_names_by_key: By (old) key, the new group.
            hook_defs: The new hooks; None keeps them.
            resource_defs: The new resources; None keeps them.
            backfill_policy: The new policy; None keeps it.
            changed_by_key: Taken for the sake of code written for Dagster and not used.
        """
        own = asset_key_replacements or {}
        above = {**(input_asset_key_replacements or {}), **own}
        groups = group_names_by_key or {}
        specs: dict[AssetKey, AssetSpec] = {}
        for key, spec in self._specs.items():
            deps = [
                AssetDep(
                    above.get(dep.asset_key, dep.asset_key),
                    partition_mapping=dep.partition_mapping,
                    metadata=dep.metadata,
                )
                for dep in spec.deps
            ]
            group = groups.get(key, spec.group_name)
            specs[own.get(key, key)] = spec.replace_attributes(key=own.get(key, key), deps=deps, group_name=group)
        checks = {
            name: spec.replace_key(AssetCheckKey(own.get(spec.asset_key, spec.asset_key), spec.name))
            for name, spec in self.check_specs_by_output_name.items()
        }
        return self.copy_with(
            _specs=specs,
            node_keys_by_input_name={n: above.get(k, k) for n, k in self.node_keys_by_input_name.items()},
            node_keys_by_output_name={n: own.get(k, k) for n, k in self.node_keys_by_output_name.items()},
            _partition_mappings={above.get(k, k): m for k, m in self._partition_mappings.items()},
            _selected=None if self._selected is None else frozenset(own.get(k, k) for k in self._selected),
            hook_defs=self.hook_defs if hook_defs is None else frozenset(hook_defs),
            resource_defs=self.resource_defs if resource_defs is None else dict(resource_defs),
            check_specs_by_output_name=checks,
            backfill_policy=backfill_policy or self.backfill_policy,
        )

    def with_prefix_or_group(
        self,
        prefix: Any = None,
        group_name: str | None = None,
    ) -> AssetsDefinition:
        """Return a copy with a prefix before each key, or in a group.

        Args:
            prefix: One part or several; None keeps the keys.
            group_name: The group; None keeps it.
        """
        replacements = {}
        if prefix is not None:
            parts = key_prefix_from_coercible(prefix)
            replacements = {key: key.with_prefix(parts) for key in self._specs}
        groups = {key: group_name for key in self._specs} if group_name is not None else {}
        return self.with_attributes(asset_key_replacements=replacements, group_names_by_key=groups)

    def with_resources(self, resource_defs: Mapping[str, Any]) -> AssetsDefinition:
        """Return a copy with resources that it uses where it has none of its own.

        Args:
            resource_defs: Resources by key.
        """
        return self.copy_with(resource_defs={**resource_defs, **self.resource_defs})

    def with_hooks(self, hook_defs: AbstractSet[Any]) -> AssetsDefinition:
        """Return a copy with more hooks.

        Args:
            hook_defs: Hooks that are called after each step, beside those it has.
        """
        return self.copy_with(hook_defs=self.hook_defs | checked_hooks(hook_defs))

    def to_source_asset(self, key: Any = None) -> SourceAsset:
        """Return the asset as one that is only loaded.

        Args:
            key: The asset; None is the only one.
        """
        wanted = AssetKey.from_coercible(key) if key is not None else self.key
        spec = self._specs[wanted]
        out = self.node_def.output_dict.get(self.get_output_name_for_asset_key(wanted))
        return SourceAsset(
            key=wanted,
            metadata=spec.metadata,
            io_manager_key=getattr(out, "io_manager_key", None),
            description=spec.description,
            resource_defs=self.resource_defs,
            partitions_def=self.partitions_def,
            group_name=spec.group_name,
            tags=spec.tags,
        )

    def to_source_assets(self) -> list[SourceAsset]:
        """Return the assets as ones that are only loaded."""
        return [self.to_source_asset(key) for key in sorted(self.keys)]

    # -- calling --------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        body = current()
        if body is not None:
            return body.asset_value(self)
        if self.node_def is not None and self.node_def.is_graph:
            raise InvariantViolationError(
                f"Attempted to call graph '{self.node_def.name}' outside of a composition function. Invoking graphs is "
                f"only valid in a function decorated with @job or @graph; `materialize` makes the assets "
                f"{[key.to_user_string() for key in sorted(self.keys)]}."
            )
        if self.node_def is None:
            raise InvalidInvocationError(
                f"Asset {sorted(self.keys)} cannot be called: it is made by nothing here; `load_asset_value` loads it."
            )
        return engine().invoke(self, args, kwargs)

    @staticmethod
    def from_graph(graph_def: Any, **options: Any) -> AssetsDefinition:
        """Return the assets that a graph makes, one for each of its outputs.

        Args:
            graph_def: The graph.
            options: `keys_by_input_name`, `keys_by_output_name`, `key_prefix`, `internal_asset_deps`, `partitions_def`,
                `partition_mappings`, `resource_defs`, `group_name`, `can_subset`, `check_specs`, `hooks`,
                `backfill_policy`, and attributes of the assets by output: `descriptions_by_output_name`,
                `metadata_by_output_name` and so on.
        """
        return AssetsDefinition(**assets_of_node(graph_def, **options))

    @staticmethod
    def from_op(op_def: Any, **options: Any) -> AssetsDefinition:
        """Return the assets that an op makes, one for each of its outputs.

        Args:
            op_def: The op.
            options: As of `from_graph`.
        """
        return AssetsDefinition(**assets_of_node(op_def, **options))

    def __repr__(self) -> str:
        return f"AssetsDefinition({[key.to_user_string() for key in sorted(self.keys)]})"


class SourceAsset(AssetsDefinition):
    """An asset that something else makes; assets here load it, and a function may watch it.

    Args:
        key: The asset's key, in any form.
        metadata: What is known of it, by name; what its IO manager needs to load it.
        io_manager_key: Key of the resource that loads it; None is `"io_manager"`.
        io_manager_def: The IO manager itself, for this asset only.
        description: What the asset is.
        partitions_def: Its partitions; None for an asset without.
        group_name: Group under which it is shown and selected; None is `default`.
        resource_defs: Resources by key for this asset only.
        observe_fn: Function that returns the `DataVersion` it sees (or one for each partition); None for an asset that
            is not watched.
        op_tags: Tags of the op that watches it.
        automation_condition: When it is to be observed without being asked.
        auto_observe_interval_minutes: Minutes from one observation by the daemon to the next; None leaves observing to
            others.
        freshness_policy: How old it may become before it counts as late.
        tags: Short keys and values to find and select it by.
        required_resource_keys: Keys of resources that `observe_fn` reads from `context.resources`.
        deps: The assets that it depends on.
        kinds: Up to three words for what it is made with or kept in.
        owners: E-mail addresses and teams (`team:name`).
    """

    def __init__(
        self,
        key: Any,
        metadata: Mapping[str, Any] | None = None,
        io_manager_key: str | None = None,
        io_manager_def: object | None = None,
        description: str | None = None,
        partitions_def: Any = None,
        group_name: str | None = None,
        resource_defs: Mapping[str, object] | None = None,
        observe_fn: Callable[..., Any] | None = None,
        op_tags: Mapping[str, Any] | None = None,
        automation_condition: Any = None,
        auto_observe_interval_minutes: float | None = None,
        freshness_policy: Any = None,
        tags: Mapping[str, str] | None = None,
        required_resource_keys: AbstractSet[str] | None = None,
        deps: Iterable[Any] | None = None,
        kinds: AbstractSet[str] | None = None,
        owners: Sequence[str] | None = None,
        **_: Any,
    ) -> None:
        own = AssetKey.from_coercible(key)
        owner = f"source asset '{own.to_user_string()}'"
        resources = checked_resources(resource_defs, owner) if resource_defs else {}
        if io_manager_def is not None:
            io_manager_key = io_manager_key or own.to_python_identifier("io_manager")
            resources = {**resources, **checked_resources({io_manager_key: io_manager_def}, owner)}
        spec = AssetSpec(
            own,
            deps=deps,
            description=description,
            metadata=metadata,
            group_name=group_name,
            automation_condition=automation_condition,
            freshness_policy=freshness_policy,
            tags=tags,
            kinds=kinds,
            owners=owners,
            partitions_def=partitions_def,
        )
        node_def = None
        if observe_fn is not None:
            node_def = _observing_op(own, observe_fn, required_resource_keys, op_tags, io_manager_key)
        super().__init__(
            keys_by_input_name={},
            keys_by_output_name={DEFAULT_OUTPUT: own} if node_def is not None else {},
            node_def=node_def,
            specs=[spec],
            partitions_def=partitions_def,
            resource_defs=resources,
            execution_type="OBSERVATION" if node_def is not None else "UNEXECUTABLE",
            auto_observe_interval_minutes=auto_observe_interval_minutes,
        )
        self.io_manager_key = io_manager_key
        self.io_manager_def = resources.get(io_manager_key) if io_manager_key else None
        self.observe_fn = observe_fn
        self.description = description
        self.group_name = group_name or "default"

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata with every value as a metadata value."""
        return self.specs[0].normalized_metadata

    @property
    def raw_metadata(self) -> Mapping[str, Any]:
        """The metadata as given."""
        return self.specs[0].metadata

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags."""
        return self.specs[0].tags

    def get_io_manager_key(self) -> str:
        """Return the key of the IO manager that loads the asset."""
        return self.io_manager_key or DEFAULT_IO_MANAGER_KEY

    def get_io_manager_key_for_asset_key(self, key: AssetKey) -> str:
        """Return the key of the IO manager that loads the asset.

        Args:
            key: The asset.
        """
        return self.io_manager_key or super().get_io_manager_key_for_asset_key(key)

    def with_resources(self, resource_defs: Mapping[str, Any]) -> SourceAsset:
        """Return a copy with resources that it uses where it has none of its own.

        Args:
            resource_defs: Resources by key.
        """
        made = super().with_resources(resource_defs)
        assert isinstance(made, SourceAsset)
        return made

    def with_attributes(self, *, group_name: str | None = None, key: Any = None, **changed: Any) -> Any:
        """Return a copy in a group, or with another key.

        Args:
            group_name: The group; None keeps it.
            key: The new key; None keeps it.
            changed: Further arguments of `AssetsDefinition.with_attributes`.
        """
        own = next(iter(self._specs))
        if group_name is not None:
            changed["group_names_by_key"] = {own: group_name}
        if key is not None:
            changed["asset_key_replacements"] = {own: key}
        made = super().with_attributes(**changed)
        if group_name is not None:
            made.__dict__["group_name"] = group_name
        return made

    def __repr__(self) -> str:
        return f"SourceAsset({next(iter(self._specs)).to_user_string()!r})"


def _observing_op(
    key: AssetKey,
    fn: Callable[..., Any],
    required_resource_keys: AbstractSet[str] | None,
    op_tags: Mapping[str, Any] | None,
    io_manager_key: str | None,
) -> OpDefinition:
    """Return the op that observes; its output names the manager that loads what nothing here stores."""
    shape = FunctionShape(fn)
    if shape.input_names:
        raise CheckError(
            f"The observing function of {key.to_user_string()!r} takes a context and resources only; it has the "
            f"parameters {list(shape.input_names)}."
        )
    return OpDefinition(
        fn,
        name=key.to_python_identifier(),
        shape=shape,
        input_defs=[],
        output_defs=[OutputDefinition(None, DEFAULT_OUTPUT, io_manager_key=io_manager_key)],
        required_resource_keys=frozenset(required_resource_keys or ()),
        tags=op_tags,
    )
