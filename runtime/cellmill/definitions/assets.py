"""Assets with the function that makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey, key_prefix_from_coercible
from cellmill.definitions.asset_spec import AssetDep, AssetSpec
from cellmill.definitions.collected import note_made
from cellmill.definitions.composition import checked_hooks, current
from cellmill.definitions.engine import engine
from cellmill.definitions.output import normalized
from cellmill.errors import CheckError, InvalidDefinitionError, InvalidInvocationError, InvariantViolationError

_EMPTY: Mapping[str, Any] = {}


class AssetsDefinition:
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
        auto_observe_interval_minutes: Kept for code that reads it; automation conditions say when to observe.
    """

    def __init__(
        self,
        *,
        keys_by_input_name: Mapping[str, AssetKey] | None = None,
        keys_by_output_name: Mapping[str, AssetKey] | None = None,
        node_def: Any = None,
        specs: Sequence[AssetSpec] | None = None,
        partitions_def: Any = None,
        partition_mappings: Mapping[AssetKey, Any] | None = None,
        asset_deps: Mapping[AssetKey, AbstractSet[AssetKey]] | None = None,
        can_subset: bool = False,
        resource_defs: Mapping[str, Any] | None = None,
        hook_defs: AbstractSet[Any] | None = None,
        check_specs_by_output_name: Mapping[str, Any] | None = None,
        backfill_policy: Any = None,
        execution_type: str = "MATERIALIZATION",
        selected_asset_keys: frozenset[AssetKey] | None = None,
        selected_check_keys: frozenset[AssetCheckKey] | None = None,
        is_checks: bool = False,
        auto_observe_interval_minutes: float | None = None,
        group_names_by_key: Mapping[AssetKey, str] | None = None,
        metadata_by_key: Mapping[AssetKey, Mapping[str, Any]] | None = None,
        tags_by_key: Mapping[AssetKey, Mapping[str, str]] | None = None,
        descriptions_by_key: Mapping[AssetKey, str] | None = None,
        owners_by_key: Mapping[AssetKey, Sequence[str]] | None = None,
        automation_conditions_by_key: Mapping[AssetKey, Any] | None = None,
        auto_materialize_policies_by_key: Mapping[AssetKey, Any] | None = None,
    ) -> None:
        if node_def is None:
            _check_without_node(
                specs,
                {
                    "keys_by_input_name": keys_by_input_name,
                    "keys_by_output_name": keys_by_output_name,
                    "backfill_policy": backfill_policy,
                    "can_subset": can_subset,
                },
            )
        self.node_def = node_def
        self.node_keys_by_input_name = dict(keys_by_input_name or {})
        self.node_keys_by_output_name = dict(keys_by_output_name or {})
        _check_keys(self.node_keys_by_output_name, self.node_keys_by_input_name, partition_mappings)
        self._specs = {spec.key: spec for spec in specs or ()}
        described: dict[str, Mapping[AssetKey, Any]] = {
            "group_name": group_names_by_key or {},
            "metadata": metadata_by_key or {},
            "tags": tags_by_key or {},
            "description": descriptions_by_key or {},
            "owners": owners_by_key or {},
            "automation_condition": automation_conditions_by_key or {},
            "auto_materialize_policy": auto_materialize_policies_by_key or {},
        }
        for name, key in self.node_keys_by_output_name.items():
            if key not in self._specs:
                deps = (asset_deps or {}).get(key, set(self.node_keys_by_input_name.values()))
                own = {part: by_key[key] for part, by_key in described.items() if key in by_key}
                out = getattr(node_def, "output_dict", {}).get(name)
                self._specs[key] = AssetSpec(
                    key, deps=[AssetDep(one) for one in deps], skippable=not getattr(out, "is_required", True), **own
                )
        self._partitions_def = partitions_def
        self._partition_mappings = dict(partition_mappings or {})
        self.can_subset = can_subset
        self.resource_defs: Mapping[str, Any] = dict(resource_defs or {})
        self.hook_defs = frozenset(hook_defs or ())
        self.check_specs_by_output_name: dict[str, Any] = dict(check_specs_by_output_name or {})
        self.backfill_policy = backfill_policy
        self.execution_type = execution_type
        self._selected = selected_asset_keys
        self._selected_checks = selected_check_keys
        self.is_checks = is_checks
        self.auto_observe_interval_minutes = auto_observe_interval_minutes
        self._keys_cache: frozenset[AssetKey] | None = None
        self._deps_cache: dict[AssetKey, frozenset[AssetKey]] | None = None
        fn = getattr(node_def, "compute_fn", None) or getattr(node_def, "composition_fn", None)
        if fn is not None:
            self.__wrapped__ = fn
            self.__doc__ = fn.__doc__
        note_made(self)

    # -- which assets ---------------------------------------------------------------------------------------------

    @property
    def keys(self) -> frozenset[AssetKey]:
        """The keys of the assets, of the selected ones in a subset."""
        if self._keys_cache is None:
            if self._selected is not None:
                self._keys_cache = self._selected
            elif self.is_checks:
                self._keys_cache = frozenset()
            else:
                self._keys_cache = frozenset(self._specs)
        return self._keys_cache

    selected_asset_keys = property(lambda self: self.keys)
    asset_and_check_keys = property(lambda self: self.keys | self.check_keys)

    @property
    def key(self) -> AssetKey:
        """The key of the only asset."""
        if len(self.keys) != 1:
            raise InvalidDefinitionError(
                "Tried to retrieve asset key from an assets definition with multiple asset keys: "
                f"{', '.join(sorted(str(key.to_string()) for key in self.keys))}."
            )
        return next(iter(self.keys))

    asset_key = key

    @property
    def has_keys(self) -> bool:
        """Whether there is any asset (a definition may consist of checks only)."""
        return bool(self.keys)

    @property
    def keys_by_output_name(self) -> Mapping[str, AssetKey]:
        """The keys of the (selected) assets by the output that they are."""
        own = self.keys
        return {name: key for name, key in self.node_keys_by_output_name.items() if key in own}

    @property
    def keys_by_input_name(self) -> Mapping[str, AssetKey]:
        """The keys of the assets that the inputs are, of those that the selected assets need."""
        if self._selected is None:
            return self.node_keys_by_input_name
        needed = {key for own in self.keys for key in self.asset_deps[own]}
        return {name: key for name, key in self.node_keys_by_input_name.items() if key in needed}

    @property
    def asset_deps(self) -> Mapping[AssetKey, frozenset[AssetKey]]:
        """For each asset of the node the assets it depends on."""
        if self._deps_cache is None:
            self._deps_cache = {
                key: frozenset([dep.asset_key for dep in spec.deps]) for key, spec in self._specs.items()
            }
        return self._deps_cache

    @property
    def dependency_keys(self) -> Iterable[AssetKey]:
        """The assets that the (selected) assets depend on, those of the node itself left out."""
        own = self.keys
        return {key for one in own for key in self.asset_deps.get(one, ()) if key not in own}

    @property
    def specs(self) -> list[AssetSpec]:
        """The specs of the (selected) assets."""
        return [spec for key, spec in self._specs.items() if key in self.keys]

    @property
    def specs_by_key(self) -> Mapping[AssetKey, AssetSpec]:
        """The specs of all assets of the node."""
        return self._specs

    def get_asset_spec(self, key: AssetKey | None = None) -> AssetSpec:
        """Return the spec of an asset.

        Args:
            key: The asset; None is the only one.
        """
        return self._specs[key or self.key]

    def to_source_asset(self, key: Any = None) -> Any:
        """Return the asset as one that is only loaded.

        Args:
            key: The asset; None is the only one.
        """
        from cellmill.definitions.source_asset import SourceAsset

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

    def to_source_assets(self) -> list[Any]:
        """Return the assets as ones that are only loaded."""
        return [self.to_source_asset(key) for key in sorted(self.keys)]

    # -- what they are --------------------------------------------------------------------------------------------

    @property
    def is_executable(self) -> bool:
        """Whether there is a function to run."""
        return self.node_def is not None and self.execution_type != "UNEXECUTABLE"

    @property
    def is_materializable(self) -> bool:
        """Whether running the function makes the assets."""
        return self.node_def is not None and self.execution_type == "MATERIALIZATION" and not self.is_checks

    @property
    def is_observable(self) -> bool:
        """Whether running the function only looks at the assets."""
        return self.execution_type == "OBSERVATION"

    @property
    def is_external(self) -> bool:
        """Whether nothing here makes the assets."""
        return self.execution_type != "MATERIALIZATION"

    @property
    def op(self) -> Any:
        """The op, for assets that are made by one."""
        if self.node_def is None or self.node_def.is_graph:
            raise CheckError("The NodeDefinition for this AssetsDefinition is not of type OpDefinition.")
        return self.node_def

    computation = property(lambda self: self.node_def)

    @property
    def partitions_def(self) -> Any:
        """The partitions of the assets, or None."""
        if self._partitions_def is not None:
            return self._partitions_def
        for key in self.keys:
            found = self._specs[key].partitions_def
            if found is not None:
                return found
        return None

    @property
    def partition_mappings(self) -> Mapping[AssetKey, Any]:
        """The partition mappings by upstream key."""
        if self._partition_mappings:
            return self._partition_mappings
        return {
            dep.asset_key: dep.partition_mapping
            for spec in self._specs.values()
            for dep in spec.deps
            if dep.partition_mapping is not None
        }

    def get_partition_mapping(self, in_asset_key: AssetKey) -> Any:
        """Return the partition mapping to an upstream, or None where none is declared.

        Args:
            in_asset_key: The upstream asset.
        """
        return self.partition_mappings.get(in_asset_key)

    def infer_partition_mapping(self, upstream_asset_key: AssetKey, upstream_partitions_def: Any) -> Any:
        """Return the partition mapping to an upstream: the declared one, else what the partitions of both suggest.

        Args:
            upstream_asset_key: The upstream asset.
            upstream_partitions_def: Its partitions, or None.
        """
        from cellmill.definitions.partitions.multi_mapping import infer_partition_mapping

        declared = self.partition_mappings.get(upstream_asset_key)
        return infer_partition_mapping(declared, self.partitions_def, upstream_partitions_def)

    def _by_key(self, attribute: str) -> dict[AssetKey, Any]:
        return {spec.key: getattr(spec, attribute) for spec in self.specs if getattr(spec, attribute)}

    @property
    def group_names_by_key(self) -> Mapping[AssetKey, str]:
        """The groups."""
        return {spec.key: spec.group_name or "default" for spec in self.specs}

    @property
    def descriptions_by_key(self) -> Mapping[AssetKey, str]:
        """The descriptions."""
        return self._by_key("description")

    @property
    def metadata_by_key(self) -> Mapping[AssetKey, Mapping[str, Any]]:
        """The metadata."""
        return {spec.key: spec.metadata for spec in self.specs}

    @property
    def normalized_metadata_by_key(self) -> Mapping[AssetKey, Mapping[str, Any]]:
        """The metadata with every value as a metadata value."""
        return {spec.key: normalized(spec.metadata) for spec in self.specs}

    @property
    def tags_by_key(self) -> Mapping[AssetKey, Mapping[str, str]]:
        """The tags."""
        return {spec.key: spec.tags for spec in self.specs}

    @property
    def owners_by_key(self) -> Mapping[AssetKey, Sequence[str]]:
        """The owners."""
        return self._by_key("owners")

    @property
    def code_versions_by_key(self) -> Mapping[AssetKey, str | None]:
        """The code versions."""
        return {spec.key: spec.code_version for spec in self.specs}

    @property
    def automation_conditions_by_key(self) -> Mapping[AssetKey, Any]:
        """The automation conditions."""
        return self._by_key("automation_condition")

    @property
    def freshness_policies_by_key(self) -> Mapping[AssetKey, Any]:
        """The freshness policies."""
        return self._by_key("freshness_policy")

    @property
    def auto_materialize_policies_by_key(self) -> Mapping[AssetKey, Any]:
        """The auto-materialize policies."""
        return self._by_key("auto_materialize_policy")

    # -- checks ---------------------------------------------------------------------------------------------------

    @property
    def check_specs_by_key(self) -> dict[AssetCheckKey, Any]:
        """The specs of the (selected) checks."""
        found = {spec.key: spec for spec in self.check_specs_by_output_name.values()}
        if self._selected_checks is None:
            return found
        return {key: spec for key, spec in found.items() if key in self._selected_checks}

    @property
    def check_specs(self) -> list[Any]:
        """The specs of the (selected) checks."""
        return list(self.check_specs_by_key.values())

    @property
    def check_keys(self) -> set[AssetCheckKey]:
        """The keys of the (selected) checks."""
        return set(self.check_specs_by_key)

    selected_asset_check_keys = check_keys

    @property
    def check_key(self) -> AssetCheckKey:
        """The key of the only check."""
        if len(self.check_keys) != 1:
            raise CheckError(f"Expected one check, got {sorted(self.check_keys)}.")
        return next(iter(self.check_keys))

    def get_spec_for_check_key(self, key: AssetCheckKey) -> Any:
        """Return the spec of a check.

        Args:
            key: The check.
        """
        return self.check_specs_by_key[key]

    # -- names ----------------------------------------------------------------------------------------------------

    @property
    def input_names(self) -> Iterable[str]:
        """The names of the inputs."""
        return self.keys_by_input_name.keys()

    def get_op_def_for_asset_key(self, key: AssetKey) -> Any:
        """Return the op that makes an asset, also where a graph does; None where nothing is executed.

        Args:
            key: The asset.
        """
        node: Any = self.node_def if self.is_executable else None
        name = self.get_output_name_for_asset_key(key) if node is not None else None
        while node is not None and getattr(node, "is_graph", False):
            mapping = node.get_output_mapping(name)
            node, name = node.node_dict[mapping.maps_from.node_name].definition, mapping.maps_from.output_name
        return node

    def get_io_manager_key_for_asset_key(self, key: AssetKey) -> str:
        """Return the key of the resource that stores an asset.

        Args:
            key: The asset.
        """
        from_spec = self._specs[key].metadata.get("dagster/io_manager_key")
        if not self.is_executable:
            return str(from_spec or "io_manager")
        out = self.node_def.output_dict[self.get_output_name_for_asset_key(key)]
        return str(from_spec or getattr(out, "io_manager_key", None) or "io_manager")

    def get_output_name_for_asset_check_key(self, key: AssetCheckKey) -> str:
        """Return the output that is a check.

        Args:
            key: The check.

        Raises:
            InvariantViolationError: where the definition does not evaluate it.
        """
        for name, spec in self.check_specs_by_output_name.items():
            if spec.key == key:
                return name
        raise InvariantViolationError(f"Could not find asset check key {key} in AssetsDefinition")

    def get_partition_mapping_for_dep(self, dep_key: AssetKey) -> Any:
        """Return the mapping declared for an upstream asset, None where none is.

        Args:
            dep_key: The upstream asset.
        """
        return self._partition_mappings.get(dep_key)

    @property
    def has_check_keys(self) -> bool:
        """Whether there is any check."""
        return bool(self.check_keys)

    def get_output_name_for_asset_key(self, key: AssetKey) -> str:
        """Return the output that an asset is.

        Args:
            key: The asset.

        Raises:
            CheckError: where the definition does not make it.
        """
        for name, own in self.node_keys_by_output_name.items():
            if own == key:
                return name
        raise CheckError(f"Asset key {key.to_user_string()} not found in AssetsDefinition")

    @property
    def required_resource_keys(self) -> frozenset[str]:
        """The resources that running the assets needs, those of IO managers too."""
        if self.node_def is None:
            return frozenset()
        keys: set[str] = set(self.node_def.required_resource_keys)
        for hook in self.hook_defs:
            keys |= hook.required_resource_keys
        if not self.node_def.is_graph:
            for out in self.node_def.output_defs:
                keys.add(out.io_manager_key)
        return frozenset(keys)

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
        made = self.copy_with(_specs=dict(specs))
        if new_inputs - known and self.node_def is not None and not self.node_def.is_graph:
            from cellmill.definitions.asset_inputs import with_order_inputs

            made.node_def, made.node_keys_by_input_name = with_order_inputs(
                self.node_def, self.node_keys_by_input_name, new_inputs - known
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
                AssetDep(above.get(dep.asset_key, dep.asset_key), partition_mapping=dep.partition_mapping)
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

    # -- calling --------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        body = current()
        if body is not None:
            return body.asset_value(self)
        if self.node_def is None or self.node_def.is_graph:
            raise InvalidInvocationError(
                f"Asset {sorted(self.keys)} cannot be called: it is made by "
                f"{'a graph' if self.node_def is not None else 'nothing here'}; use `materialize`."
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
        from cellmill.definitions.graph_asset import assets_from_node

        return assets_from_node(graph_def, **options)

    @staticmethod
    def from_op(op_def: Any, **options: Any) -> AssetsDefinition:
        """Return the assets that an op makes, one for each of its outputs.

        Args:
            op_def: The op.
            options: As of `from_graph`.
        """
        from cellmill.definitions.graph_asset import assets_from_node

        return assets_from_node(op_def, **options)

    @property
    def node_check_specs_by_output_name(self) -> Mapping[str, Any]:
        """The specs of all checks of the node, by output."""
        return self.check_specs_by_output_name

    def __repr__(self) -> str:
        return f"AssetsDefinition({[key.to_user_string() for key in sorted(self.keys)]})"


def _check_without_node(specs: Sequence[AssetSpec] | None, given: Mapping[str, Any]) -> None:
    if specs is None:
        raise CheckError("If specs are not provided, a node_def must be provided.")
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise CheckError(
            f"An AssetsDefinition without node_def is not computed here, so it takes no {', '.join(wrong)}."
        )


def _check_keys(
    outputs: Mapping[str, AssetKey], inputs: Mapping[str, AssetKey], mappings: Mapping[AssetKey, Any] | None
) -> None:
    if len(set(outputs.values())) < len(outputs):
        raise CheckError(f"Each asset key should correspond to a single output. Got {dict(outputs)}.")
    unknown = set(mappings or ()) - set(inputs.values()) - set(outputs.values())
    if unknown:
        raise CheckError(
            f"The AssetsDefinition of {sorted(outputs.values())} received a partition mapping for {sorted(unknown)}, "
            "which is none of its upstreams."
        )
