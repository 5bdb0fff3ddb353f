"""The graph of all assets of a place: what selection, staleness, automation, GraphQL and the lineage view read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_job import AssetCatalog, as_assets
from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.errors import InvalidDefinitionError, InvariantViolationError
from cellmill.first_use import on_first_use
from cellmill.planning.asset_node import AssetNode, note_of_stub

if TYPE_CHECKING:
    from cellmill.definitions.partitions import multi_mapping
else:
    multi_mapping = on_first_use("cellmill.definitions.partitions.multi_mapping")

_EMPTY: Mapping[str, Any] = {}


class AssetGraph:
    """All assets by key, with edges both ways.

    Responsibilities: neighbours, topological order, checks; circles are errors. Made by `AssetGraph.from_assets`.

    Args:
        catalog: The definitions by the keys of their assets and checks.
    """

    def __init__(self, catalog: AssetCatalog) -> None:
        self.catalog = catalog
        self.nodes: dict[AssetKey, AssetNode] = {}
        for key, one in catalog.by_key.items():
            parents = one.asset_deps.get(key, frozenset())
            self.nodes[key] = AssetNode(key, one, parents)
        for key, node in list(self.nodes.items()):
            for parent in node.parent_keys:
                if parent not in self.nodes:
                    self.nodes[parent] = AssetNode(parent, None, frozenset())
                self.nodes[parent].child_keys.add(key)
                if self.nodes[parent].spec is None and node.spec is not None:
                    note_of_stub(self.nodes[parent], node.spec)
        for check in catalog.by_check:
            if check.asset_key not in self.nodes:
                self.nodes[check.asset_key] = AssetNode(check.asset_key, None, frozenset())
            self.nodes[check.asset_key].check_keys.add(check)
        self._order: tuple[AssetKey, ...] | None = None

    @classmethod
    def from_assets(cls, items: Any) -> AssetGraph:
        """Return the graph of definitions.

        Args:
            items: Definitions of assets and checks, or a `Definitions`.
        """
        if isinstance(items, AssetCatalog):
            return cls(items)
        found = getattr(items, "assets_and_checks", None)
        if found is not None:
            return cls(AssetCatalog(found))
        return cls(AssetCatalog(as_assets(items)))

    # -- assets ---------------------------------------------------------------------------------------------------

    def get(self, key: AssetKey) -> AssetNode:
        """Return the asset with this key.

        Args:
            key: The key.

        Raises:
            InvariantViolationError: for a key that no asset has, with the nearest one that does.
        """
        try:
            return self.nodes[key]
        except KeyError:
            # for an error's text alone, in what every command loads
            from difflib import get_close_matches

            names = [one.to_user_string() for one in self.nodes]
            near = get_close_matches(key.to_user_string(), names, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvariantViolationError(f"There is no asset {key.to_user_string()!r}.{hint}") from None

    def has(self, key: AssetKey) -> bool:
        """Return whether there is such an asset.

        Args:
            key: The asset's key.
        """
        return key in self.nodes

    def __contains__(self, key: object) -> bool:
        return key in self.nodes

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[AssetNode]:
        return iter(self.nodes.values())

    @property
    def asset_nodes(self) -> Iterable[AssetNode]:
        """The assets."""
        return self.nodes.values()

    def get_all_asset_keys(self) -> AbstractSet[AssetKey]:
        """Return every key, those of external assets too."""
        return self.nodes.keys()

    def _keys(self, test: Any) -> set[AssetKey]:
        return {key for key, node in self.nodes.items() if test(node)}

    @property
    def materializable_asset_keys(self) -> set[AssetKey]:
        """The assets that a function here makes."""
        return self._keys(lambda node: node.is_materializable)

    @property
    def executable_asset_keys(self) -> set[AssetKey]:
        """The assets with a function to run."""
        return self._keys(lambda node: node.is_executable)

    @property
    def observable_asset_keys(self) -> set[AssetKey]:
        """The assets that a function here watches."""
        return self._keys(lambda node: node.is_observable)

    @property
    def external_asset_keys(self) -> set[AssetKey]:
        """The assets that nothing here makes."""
        return self._keys(lambda node: node.is_external)

    @property
    def partitioned_asset_keys(self) -> set[AssetKey]:
        """The assets with partitions."""
        return self._keys(lambda node: node.is_partitioned)

    @property
    def unpartitioned_asset_keys(self) -> set[AssetKey]:
        """The assets without partitions."""
        return self._keys(lambda node: not node.is_partitioned)

    @property
    def root_asset_keys(self) -> set[AssetKey]:
        """The assets without upstreams."""
        return self._keys(lambda node: not node.parent_keys)

    @property
    def root_materializable_asset_keys(self) -> set[AssetKey]:
        """The assets made here whose upstreams, if any, are not."""
        made = self.materializable_asset_keys
        return {key for key in made if not (self.nodes[key].parent_keys - {key}) & made}

    @property
    def group_names(self) -> list[str]:
        """The groups, sorted."""
        return sorted({node.group_name for node in self.nodes.values()})

    def asset_keys_for_group(self, group_name: str) -> set[AssetKey]:
        """Return the assets of a group.

        Args:
            group_name: The group.
        """
        return self._keys(lambda node: node.group_name == group_name)

    @property
    def assets_defs(self) -> list[Any]:
        """The definitions."""
        return self.catalog.definitions

    # -- edges ----------------------------------------------------------------------------------------------------

    def parents(self, key: AssetKey) -> frozenset[AssetKey]:
        """Return the direct upstreams.

        Args:
            key: The asset that reads them.
        """
        return self.get(key).parent_keys

    def children(self, key: AssetKey) -> set[AssetKey]:
        """Return the direct downstreams.

        Args:
            key: The asset that they read.
        """
        return self.get(key).child_keys

    get_parents = parents
    get_children = children

    def ancestors(self, key: AssetKey) -> set[AssetKey]:
        """Return all upstreams at any distance.

        Args:
            key: The asset whose upstreams they are.
        """
        return self._reach(key, lambda node: node.parent_keys)

    def descendants(self, key: AssetKey) -> set[AssetKey]:
        """Return all downstreams at any distance.

        Args:
            key: The asset whose downstreams they are.
        """
        return self._reach(key, lambda node: node.child_keys)

    get_ancestor_asset_keys = ancestors

    def _reach(self, key: AssetKey, near: Any) -> set[AssetKey]:
        found: set[AssetKey] = set()
        front = set(near(self.get(key)))
        while front:
            found |= front
            front = {one for each in front for one in near(self.nodes[each])} - found
        return found

    @property
    def toposorted_asset_keys(self) -> tuple[AssetKey, ...]:
        """The keys, each after those it depends on; a circle is an error."""
        if self._order is None:
            self._order = self._sorted()
        return self._order

    @property
    def toposorted_asset_keys_by_level(self) -> list[AbstractSet[AssetKey]]:
        """The keys by the length of the longest way that leads to them."""
        level: dict[AssetKey, int] = {}
        for key in self.toposorted_asset_keys:
            level[key] = max((level[one] + 1 for one in self.nodes[key].parent_keys if one != key), default=0)
        levels: list[set[AssetKey]] = [set() for _ in range(max(level.values(), default=-1) + 1)]
        for key, number in level.items():
            levels[number].add(key)
        return list(levels)

    def _sorted(self) -> tuple[AssetKey, ...]:
        waiting = {key: len(node.parent_keys - {key}) for key, node in self.nodes.items()}
        done = sorted(key for key, count in waiting.items() if not count)
        for key in done:
            for child in sorted(self.nodes[key].child_keys):
                if child != key:
                    waiting[child] -= 1
                    if not waiting[child]:
                        done.append(child)
        if len(done) < len(self.nodes):
            circle = sorted(key.to_user_string() for key, count in waiting.items() if count)
            raise InvalidDefinitionError(
                f"Circular reference detected between assets: {', '.join(circle)} need each other."
            )
        return tuple(done)

    # -- checks and partitions ------------------------------------------------------------------------------------

    @property
    def asset_check_keys(self) -> set[AssetCheckKey]:
        """The keys of all checks."""
        return set(self.catalog.by_check)

    def get_check_keys_for_assets(self, keys: Iterable[AssetKey]) -> set[AssetCheckKey]:
        """Return the checks on assets.

        Args:
            keys: The assets.
        """
        return {check for key in keys for check in self.nodes[key].check_keys}

    def get_check_spec(self, key: AssetCheckKey) -> Any:
        """Return the spec of a check.

        Args:
            key: The check.
        """
        return self.catalog.by_check[key].get_spec_for_check_key(key)

    def get_partition_mapping(self, key: AssetKey, parent_asset_key: AssetKey) -> Any:
        """Return the partition mapping between an asset and one of its upstreams.

        Args:
            key: The asset that reads.
            parent_asset_key: The asset that it reads.
        """
        node = self.get(key)
        declared = node.partition_mappings.get(parent_asset_key)
        return multi_mapping.infer_partition_mapping(
            declared, node.partitions_def, self.get(parent_asset_key).partitions_def
        )

    def get_partitions_def(self, key: AssetKey) -> Any:
        """Return the partitions of an asset, or None.

        Args:
            key: The asset.
        """
        return self.get(key).partitions_def

    def get_execution_set_asset_keys(self, key: AssetKey) -> frozenset[AssetKey]:
        """Return the assets that can only be made together with this one, itself among them.

        Args:
            key: The asset.
        """
        return self.get(key).execution_set_asset_keys
