"""One asset of a graph, with its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.errors import InvalidDefinitionError

_EMPTY: Mapping[str, Any] = {}
#: Metadata of assets that are only named as upstreams, under Dagster's name.
STUB_KEY = "dagster/auto_created_stub_asset"


class AssetNode:
    """One asset with its neighbours."""

    __slots__ = ("assets_def", "check_keys", "child_keys", "key", "parent_keys", "spec", "stub_metadata")

    def __init__(self, key: AssetKey, assets_def: Any, parents: frozenset[AssetKey]) -> None:
        self.key = key
        #: The definition; None for an asset that is only named as an upstream.
        self.assets_def = assets_def
        self.spec = None if assets_def is None else assets_def.specs_by_key[key]
        self.parent_keys = parents
        self.child_keys: set[AssetKey] = set()
        self.check_keys: set[AssetCheckKey] = set()
        #: What is known of an asset that is only named, from those who name it.
        self.stub_metadata: Mapping[str, Any] = _EMPTY if assets_def is not None else {STUB_KEY: True}

    def _spec(self, name: str, default: Any = None) -> Any:
        return default if self.spec is None else getattr(self.spec, name)

    @property
    def group_name(self) -> str:
        """The group."""
        return self._spec("group_name") or "default"

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags."""
        tags: Mapping[str, str] = self._spec("tags", _EMPTY)
        return tags

    @property
    def kinds(self) -> set[str]:
        """The kinds."""
        kinds: set[str] = self._spec("kinds", set())
        return kinds

    @property
    def owners(self) -> Sequence[str]:
        """The owners."""
        owners: Sequence[str] = self._spec("owners", ())
        return owners

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata as given."""
        metadata: Mapping[str, Any] = self._spec("metadata", self.stub_metadata)
        return metadata

    @property
    def description(self) -> str | None:
        """The description."""
        text: str | None = self._spec("description")
        return text

    @property
    def code_version(self) -> str | None:
        """The code version."""
        version: str | None = self._spec("code_version")
        return version

    @property
    def is_virtual(self) -> bool:
        """Whether it is not stored by itself, as a view of its upstreams is not."""
        virtual: bool = self._spec("is_virtual", False)
        return virtual

    @property
    def origin(self) -> Any:
        """Where the asset is written: a notebook's cell, a place in a module."""
        return self._spec("origin")

    @property
    def automation_condition(self) -> Any:
        """The automation condition."""
        return self._spec("automation_condition")

    @property
    def freshness_policy(self) -> Any:
        """The freshness policy."""
        return self._spec("freshness_policy")

    @property
    def auto_materialize_policy(self) -> Any:
        """The auto-materialize policy."""
        return self._spec("auto_materialize_policy")

    @property
    def partitions_def(self) -> Any:
        """The partitions, or None."""
        return None if self.assets_def is None else self.assets_def.partitions_def

    @property
    def is_partitioned(self) -> bool:
        """Whether the asset is partitioned."""
        return self.partitions_def is not None

    @property
    def partition_mappings(self) -> Mapping[AssetKey, Any]:
        """The declared partition mappings by upstream."""
        return {} if self.assets_def is None else self.assets_def.partition_mappings

    @property
    def backfill_policy(self) -> Any:
        """How backfills of the asset are cut into runs."""
        return None if self.assets_def is None else self.assets_def.backfill_policy

    @property
    def is_materializable(self) -> bool:
        """Whether a function here makes the asset."""
        return self.assets_def is not None and bool(self.assets_def.is_materializable)

    @property
    def is_observable(self) -> bool:
        """Whether a function here watches the asset."""
        return self.assets_def is not None and bool(self.assets_def.is_observable)

    @property
    def is_external(self) -> bool:
        """Whether nothing here makes the asset."""
        return self.assets_def is None or bool(self.assets_def.is_external)

    @property
    def is_executable(self) -> bool:
        """Whether there is a function to run."""
        return self.assets_def is not None and bool(self.assets_def.is_executable)

    @property
    def execution_set_asset_keys(self) -> frozenset[AssetKey]:
        """The assets that can only be made together with this one."""
        one = self.assets_def
        if one is None or one.can_subset or len(one.keys) < 2:
            return frozenset((self.key,))
        keys: frozenset[AssetKey] = one.keys
        return keys

    execution_set_entity_keys = execution_set_asset_keys

    @property
    def op_names(self) -> Sequence[str]:
        """The names of the ops that make the asset."""
        if self.assets_def is None or self.assets_def.node_def is None:
            return ()
        return (self.assets_def.node_def.name,)

    def __repr__(self) -> str:
        return f"AssetNode({self.key.to_user_string()!r})"


def note_of_stub(stub: AssetNode, child: Any) -> None:
    """Take the metadata that a dependent asset gives of an asset that is only named."""
    for dep in child.deps:
        if dep.asset_key != stub.key or not dep.metadata:
            continue
        clash = [name for name, value in dep.metadata.items() if stub.stub_metadata.get(name, value) != value]
        if clash:
            raise InvalidDefinitionError(
                f"Conflicting metadata found on AssetDeps referencing {stub.key.to_string()}: {', '.join(clash)}. "
                "Declare the asset with an AssetSpec that has the metadata."
            )
        stub.stub_metadata = {**stub.stub_metadata, **dep.metadata}
