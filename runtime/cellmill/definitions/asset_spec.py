"""What is known of an asset apart from how it is made: `AssetSpec`, and the dependencies in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey, CoercibleToAssetKey, key_prefix_from_coercible
from cellmill.definitions.output import NO_VALUE, normalized
from cellmill.definitions.tags import (
    KIND_PREFIX,
    checked_group,
    checked_kinds,
    checked_owners,
    checked_tags,
    kind_tags,
)
from cellmill.errors import CheckError, InvalidDefinitionError, InvariantViolationError, ParameterCheckError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import auto_materialize
else:
    auto_materialize = on_first_use("cellmill.definitions.auto_materialize")

_EMPTY: Mapping[str, Any] = {}


class AssetDep:
    """A dependency on an asset whose value is not loaded.

    Args:
        asset: The asset: its key, the key's text, a spec or the definition of one asset.
        partition_mapping: Which of its partitions a partition of the dependent asset needs; None infers it from the
            partitions of both.
        metadata: What is known of the dependency, by name.

    Raises:
        InvalidDefinitionError: where the definition makes several assets, so that it is not clear which is meant.
    """

    __slots__ = ("asset_key", "metadata", "partition_mapping")

    def __init__(self, asset: Any, *, partition_mapping: Any = None, metadata: Mapping[str, Any] | None = None) -> None:
        if isinstance(asset, (list, tuple)):
            asset = AssetKey(asset)
        if hasattr(asset, "keys_by_output_name") and len(asset.keys) > 1:
            raise InvalidDefinitionError(
                "Cannot create an AssetDep from a multi_asset AssetsDefinition: name the asset keys that are needed, "
                f"of {sorted(asset.keys)}."
            )
        if not isinstance(asset, (str, AssetKey)) and not isinstance(getattr(asset, "key", None), AssetKey):
            raise ParameterCheckError(
                'Param "asset" is not one of an AssetKey, a str, an AssetSpec or the definition of an asset. Got '
                f"{asset!r} which is type {type(asset)}."
            )
        self.asset_key = (
            AssetKey.from_user_string(asset) if isinstance(asset, str) else AssetKey.from_coercible_or_definition(asset)
        )
        self.partition_mapping = partition_mapping
        self.metadata = metadata or _EMPTY

    @staticmethod
    def from_coercible(arg: Any) -> AssetDep:
        """Return `arg` if it is a dependency, else the dependency on the asset it names.

        Args:
            arg: An `AssetDep`, or an asset in any form that it takes.
        """
        return arg if isinstance(arg, AssetDep) else AssetDep(arg)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, AssetDep)
            and self.asset_key == other.asset_key
            and self.partition_mapping == other.partition_mapping
        )

    def __hash__(self) -> int:
        return hash(self.asset_key)

    def __lt__(self, other: AssetDep) -> bool:
        return self.asset_key < other.asset_key

    def __repr__(self) -> str:
        return f"AssetDep({self.asset_key.to_user_string()!r})"


def coerced_deps(deps: Iterable[Any] | None) -> list[AssetDep]:
    """Return the dependencies; the same asset twice is an error unless both say the same."""
    if not deps:
        return []
    found: dict[AssetKey, AssetDep] = {}
    for one in deps:
        if hasattr(one, "keys_by_output_name") and len(one.keys) > 1:
            for key in one.keys:
                found[key] = AssetDep(key)
            continue
        dep = AssetDep.from_coercible(one)
        other = found.get(dep.asset_key)
        if other is not None and other.partition_mapping != dep.partition_mapping:
            raise InvariantViolationError(f"Cannot set a dependency on asset {dep.asset_key} more than once per asset.")
        found[dep.asset_key] = dep
    return list(found.values())


class AssetSpec:
    """An asset's key with all that describes it, apart from how it is made.

    In `Definitions(assets=[…])` a spec alone is an external asset: it is known, and nothing here makes it.

    >>> prices = AssetSpec("raw/prices", group_name="shop", owners=["team:sales"], kinds={"csv"})
    >>> @multi_asset(specs=[AssetSpec("report", deps=[prices])])
    ... def report():
    ...     return MaterializeResult(metadata={"rows": 3})

    Args:
        key: The asset's key: an `AssetKey`, a list of its parts, or a text with slashes between them.
        deps: The assets that it depends on: keys, texts, specs, definitions or `AssetDep`s.
        description: What the asset is.
        metadata: What is known of it, by name: plain values or `MetadataValue`s.
        skippable: Whether the function that makes it may leave it out.
        group_name: Group under which it is shown and selected; None is `default`.
        code_version: Version of the logic: another one than at the last materialization makes the asset stale.
        freshness_policy: How old it may become before it counts as late.
        automation_condition: When it is to be made without being asked.
        owners: E-mail addresses and teams (`team:name`).
        tags: Short keys and values to find and select it by: at most 63 letters, digits, `_`, `-` and `.` each.
        kinds: Up to three words for what it is made with or kept in.
        partitions_def: Its partitions; None for an asset without.
        auto_materialize_policy: Older form of `automation_condition`.
        legacy_freshness_policy: Older name of `freshness_policy`.
        is_virtual: Whether it is not stored by itself but follows from its upstreams at once, as a view of a database
            does: what reads it is stale when those are newer.
        origin: Where it is written, as cells of notebooks tell it; code leaves it out.
    """

    __slots__ = (
        "_tags",
        "auto_materialize_policy_given",
        "automation_condition",
        "code_version",
        "deps",
        "description",
        "freshness_policy",
        "given_metadata",
        "given_owners",
        "group_name",
        "is_virtual",
        "key",
        "origin",
        "partitions_def",
        "skippable",
    )

    def __init__(
        self,
        key: CoercibleToAssetKey,
        *,
        deps: Iterable[Any] | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        skippable: bool = False,
        group_name: str | None = None,
        code_version: str | None = None,
        freshness_policy: Any = None,
        automation_condition: Any = None,
        owners: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
        kinds: Iterable[str] | None = None,
        partitions_def: Any = None,
        auto_materialize_policy: Any = None,
        legacy_freshness_policy: Any = None,
        is_virtual: bool = False,
        origin: Any = None,
    ) -> None:
        self.key = key if type(key) is AssetKey else AssetKey.from_coercible(key)
        own = f"asset {self.key.to_user_string()!r}" if (tags or kinds or owners) else ""
        self.deps = coerced_deps(deps)
        self.description = description
        self.given_metadata = metadata or _EMPTY
        self.skippable = skippable
        self.group_name = None if group_name is None else checked_group(group_name)
        self.code_version = code_version
        self.freshness_policy = freshness_policy or legacy_freshness_policy
        self.automation_condition = _condition(automation_condition, auto_materialize_policy)
        self.auto_materialize_policy_given = auto_materialize_policy
        self.given_owners = checked_owners(owners, own) if owners else ()
        self._tags: Mapping[str, str] = _EMPTY
        if tags or kinds:
            named = kind_tags(checked_kinds(kinds, own))
            self._tags = {**checked_tags(tags, own, strict=True), **named}
            checked_kinds({tag for tag in self._tags if tag.startswith(KIND_PREFIX)}, own)
        if partitions_def is not None and not hasattr(partitions_def, "get_partition_keys"):
            raise CheckError(f"partitions_def of an asset is a PartitionsDefinition; got {partitions_def!r}.")
        self.partitions_def = partitions_def
        if is_virtual is not False and is_virtual is not True:
            raise ParameterCheckError(
                f'Param "is_virtual" of asset {self.key.to_user_string()!r} is not a bool. Got {is_virtual!r} which is '
                f"type {type(is_virtual)}."
            )
        self.is_virtual = is_virtual
        #: Where the asset is written: a notebook's cell, a place in a module.
        self.origin = origin

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata as given."""
        return self.given_metadata

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags, those that stand for kinds too."""
        return self._tags

    @property
    def owners(self) -> Sequence[str]:
        """The owners."""
        return list(self.given_owners)

    @property
    def kinds(self) -> set[str]:
        """The kinds."""
        return {tag[len(KIND_PREFIX) :] for tag in self._tags if tag.startswith(KIND_PREFIX)}

    @property
    def auto_materialize_policy(self) -> Any:
        """The automation as an AutoMaterializePolicy, or None."""
        if self.auto_materialize_policy_given is None and self.automation_condition is not None:
            return auto_materialize.AutoMaterializePolicy.from_automation_condition(self.automation_condition)
        return self.auto_materialize_policy_given

    def _parts(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "deps": self.deps,
            "description": self.description,
            "metadata": self.given_metadata,
            "skippable": self.skippable,
            "group_name": self.group_name,
            "code_version": self.code_version,
            "freshness_policy": self.freshness_policy,
            "automation_condition": self.automation_condition,
            "owners": self.given_owners,
            "tags": {tag: value for tag, value in self._tags.items() if not tag.startswith(KIND_PREFIX)},
            "kinds": self.kinds,
            "partitions_def": self.partitions_def,
            "is_virtual": self.is_virtual,
            "origin": self.origin,
        }

    def replace_attributes(self, **changed: Any) -> AssetSpec:
        """Return a copy with some attributes replaced.

        Args:
            changed: The new attributes, by the names of the constructor's arguments; given `tags` that hold kinds
                replace the kinds too.
        """
        parts = self._parts()
        if changed.get("tags", NO_VALUE) is not NO_VALUE and "kinds" not in changed:
            if any(tag.startswith(KIND_PREFIX) for tag in changed["tags"] or {}):
                parts["kinds"] = ()
        parts.update({name: value for name, value in changed.items() if value is not NO_VALUE})
        made = AssetSpec(**parts)
        if changed.get("automation_condition", NO_VALUE) is NO_VALUE:
            made.auto_materialize_policy_given = self.auto_materialize_policy_given
        return made

    _replace = replace_attributes

    def merge_attributes(
        self,
        *,
        deps: Iterable[Any] = (),
        metadata: Mapping[str, Any] | None = None,
        owners: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
        kinds: Iterable[str] = (),
    ) -> AssetSpec:
        """Return a copy with more dependencies, metadata, owners, tags and kinds.

        Args:
            deps: Dependencies that are added.
            metadata: Entries that are added; they win over those of the same name.
            owners: Owners that are added.
            tags: Tags that are added; they win over those of the same key.
            kinds: Kinds that are added.
        """
        own = self._parts()
        return self.replace_attributes(
            deps=[*self.deps, *deps],
            metadata={**self.given_metadata, **(metadata or {})},
            owners=[*self.given_owners, *owners],
            tags={**own["tags"], **(tags or {})},
            kinds=self.kinds | set(kinds),
        )

    def with_io_manager_key(self, io_manager_key: str) -> AssetSpec:
        """Return a copy whose value the IO manager of this key loads.

        Args:
            io_manager_key: Key of the resource; it is kept in the metadata `dagster/io_manager_key`.
        """
        return self.merge_attributes(metadata={"dagster/io_manager_key": io_manager_key})

    @property
    def normalized_metadata(self) -> Mapping[str, Any]:
        """The metadata with every value as a metadata value."""
        return normalized(self.given_metadata)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetSpec) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"AssetSpec({self.key.to_user_string()!r})"


def _condition(condition: Any, policy: Any) -> Any:
    if condition is not None and policy is not None:
        raise InvariantViolationError(
            "An asset has both `automation_condition` and `auto_materialize_policy`; give one of them."
        )
    if policy is not None:
        return policy.to_automation_condition()
    if condition is not None and not hasattr(condition, "with_children"):
        raise CheckError(
            f"automation_condition is an AutomationCondition; got {condition!r}. Write for example "
            "automation_condition=AutomationCondition.eager()."
        )
    return condition


class AssetIn:
    """How an input of an asset's function is loaded: from which asset, under which mapping, by which manager.

    >>> @asset(ins={"orders": AssetIn(key_prefix="raw")})
    ... def total(orders: list[int]) -> int:
    ...     return sum(orders)
    >>> list(total.dependency_keys)
    [AssetKey(['raw', 'orders'])]

    Args:
        key: The asset; None takes the parameter's name.
        metadata: What the IO manager finds in `context.definition_metadata` when it loads the input.
        key_prefix: Parts before the parameter's name in the key; excludes `key`.
        input_manager_key: Key of the resource that loads the input; None asks the IO manager of the asset.
        partition_mapping: Which partitions of the asset one partition of this one needs; None infers it from the
            partitions of both.
        dagster_type: Type that the value is checked against; left out, the parameter's annotation counts, and `Nothing`
            loads no value.
    """

    __slots__ = ("dagster_type", "input_manager_key", "key", "key_prefix", "metadata", "partition_mapping")

    def __init__(
        self,
        key: Any = None,
        metadata: Mapping[str, Any] | None = None,
        key_prefix: Any = None,
        input_manager_key: str | None = None,
        partition_mapping: Any = None,
        dagster_type: Any = NO_VALUE,
    ) -> None:
        if key is not None and key_prefix is not None:
            raise CheckError("AssetIn: key and key_prefix cannot both be given.")
        self.key = None if key is None else AssetKey.from_coercible_or_definition(key)
        self.key_prefix = None if key_prefix is None else key_prefix_from_coercible(key_prefix)
        self.metadata = metadata
        self.input_manager_key = input_manager_key
        self.partition_mapping = partition_mapping
        self.dagster_type = dagster_type

    @classmethod
    def from_coercible(cls, coercible: Any) -> AssetIn:
        """Return `coercible` if it is an AssetIn, else the input that is this asset.

        Args:
            coercible: An `AssetIn`, or an asset key in any form.
        """
        return coercible if isinstance(coercible, AssetIn) else cls(key=coercible)


def specs_by_key(specs: Iterable[AssetSpec]) -> dict[AssetKey, AssetSpec]:
    """Return the specs by key."""
    return {spec.key: spec for spec in specs}


def map_asset_specs(func: Any, iterable: Iterable[Any]) -> list[Any]:
    """Apply a function to the spec of each asset.

    Args:
        func: Takes a spec and returns the one in its place, with the same key.
        iterable: Specs and definitions of assets.

    Returns:
        The specs and definitions in their order, with the new specs.
    """
    return [func(one) if isinstance(one, AssetSpec) else one.map_asset_specs(func) for one in iterable]
