"""What a definition of assets says: which assets its node makes, what they are, and the checks that come with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.asset_spec import AssetDep, AssetSpec
from cellmill.definitions.collected import note_made
from cellmill.definitions.output import normalized
from cellmill.errors import CheckError, InvalidDefinitionError, InvariantViolationError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import resource_requirements
    from cellmill.definitions.partitions import multi_mapping
else:
    multi_mapping = on_first_use("cellmill.definitions.partitions.multi_mapping")
    resource_requirements = on_first_use("cellmill.definitions.resource_requirements")


class AssetFacts:
    """What is asked of an `AssetsDefinition`, which adds what changes it; the arguments are described there."""

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
        _check_self_deps(self._specs, partition_mappings or {})
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
        declared = self.partition_mappings.get(upstream_asset_key)
        return multi_mapping.infer_partition_mapping(declared, self.partitions_def, upstream_partitions_def)

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

    @property
    def node_check_specs_by_output_name(self) -> Mapping[str, Any]:
        """The specs of all checks of the node, by output."""
        return self.check_specs_by_output_name

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
        ops = self.node_def.iterate_op_defs() if self.node_def.is_graph else [self.node_def]
        keys = {key for hook in self.hook_defs for key in hook.required_resource_keys}
        for op in ops:
            keys.update(one.key for one in resource_requirements.requirements_of_op(op))
            keys.update(out.io_manager_key for out in op.output_defs)
        return frozenset(keys)


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


def _check_self_deps(specs: Mapping[AssetKey, AssetSpec], mappings: Mapping[AssetKey, Any]) -> None:
    for key, spec in specs.items():
        for dep in spec.deps:
            if dep.asset_key == key and not _reads_earlier(dep.partition_mapping or mappings.get(key)):
                raise InvalidDefinitionError(
                    f'Asset "{key.to_user_string()}" depends on itself. Assets can only depend on themselves if they '
                    "read earlier partitions of their own: give the dependency a TimeWindowPartitionMapping with a "
                    "start_offset and an end_offset below 0, in the dimension of time where it has several dimensions."
                )


def _reads_earlier(mapping: Any) -> bool:
    by_dimension = getattr(mapping, "downstream_mappings_by_upstream_dimension", None)
    if by_dimension is not None:
        return any(_reads_earlier(one.partition_mapping) for one in by_dimension.values())
    return bool(getattr(mapping, "start_offset", 0) < 0 and getattr(mapping, "end_offset", 0) < 0)
