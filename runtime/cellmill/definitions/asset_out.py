"""The outputs of functions that make several assets: which assets they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey, key_prefix_from_coercible
from cellmill.definitions.asset_spec import AssetDep, AssetSpec
from cellmill.definitions.output import NO_VALUE
from cellmill.errors import CheckError, InvalidDefinitionError


class AssetOut:
    """One asset of a multi-asset, as an output of its function.

    Args:
        key_prefix: Parts before the output's name in the key; excludes `key`.
        key: The asset's key; None takes the output's name.
        dagster_type: Type that the value is checked against; left out, the return annotation counts where there is one
            output.
        description: What the asset is.
        is_required: Whether the function must give the output; with False it may leave it out, and what is downstream
            is skipped.
        io_manager_key: Key of the resource that stores and loads the value; None is `"io_manager"`.
        metadata: What is known of the asset, by name.
        group_name: Its group; None takes that of the `@multi_asset`.
        code_version: Version of its logic: another one than at the last materialization makes it stale.
        automation_condition: When it is to be made without being asked.
        backfill_policy: How the partitions of a backfill are spread over runs. The assets of one function are made by
            the same runs: all outputs that say a policy, and the `@multi_asset`, say the same one.
        owners: E-mail addresses and teams (`team:name`).
        tags: Short keys and values to find and select it by.
        kinds: Up to three words for what it is made with or kept in.
        freshness_policy: How old it may become before it counts as late.
        auto_materialize_policy: Older form of `automation_condition`.
        is_virtual: Whether it is not stored by itself, as a view of its upstreams is not.
        legacy_freshness_policy: Older name of `freshness_policy`.
    """

    __slots__ = ("backfill_policy", "dagster_type", "io_manager_key", "is_required", "key", "key_prefix", "spec_parts")

    def __init__(
        self,
        key_prefix: Any = None,
        key: Any = None,
        dagster_type: Any = NO_VALUE,
        description: str | None = None,
        is_required: bool = True,
        io_manager_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        group_name: str | None = None,
        code_version: str | None = None,
        automation_condition: Any = None,
        backfill_policy: Any = None,
        owners: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
        kinds: Iterable[str] | None = None,
        freshness_policy: Any = None,
        auto_materialize_policy: Any = None,
        legacy_freshness_policy: Any = None,
        is_virtual: bool = False,
    ) -> None:
        if key is not None and key_prefix is not None:
            raise CheckError("AssetOut: only one of key_prefix and key should be provided.")
        self.key = None if key is None else AssetKey.from_coercible(key)
        self.key_prefix = None if key_prefix is None else key_prefix_from_coercible(key_prefix)
        self.dagster_type = dagster_type
        self.is_required = is_required
        self.io_manager_key = io_manager_key or "io_manager"
        self.backfill_policy = backfill_policy
        self.spec_parts = {
            "description": description,
            "metadata": metadata,
            "group_name": group_name,
            "code_version": code_version,
            "automation_condition": automation_condition,
            "owners": owners,
            "tags": tags,
            "kinds": kinds,
            "freshness_policy": freshness_policy or legacy_freshness_policy,
            "auto_materialize_policy": auto_materialize_policy,
            "is_virtual": is_virtual,
        }

    def __getattr__(self, name: str) -> Any:
        if name == "spec_parts" or name not in self.spec_parts:
            raise AttributeError(f"AssetOut has no attribute {name!r}.")
        given = self.spec_parts[name]
        empty: dict[str, Any] = {"owners": [], "tags": {}, "kinds": set()}
        return empty.get(name) if given is None else given

    @classmethod
    def from_spec(
        cls,
        spec: AssetSpec,
        dagster_type: Any = NO_VALUE,
        is_required: bool = True,
        io_manager_key: str | None = None,
        backfill_policy: Any = None,
    ) -> AssetOut:
        """Return the output that is the asset of `spec`.

        Args:
            spec: What describes the asset; it has no `deps`, which belong in `internal_asset_deps`.
            dagster_type: Type that the value is checked against.
            is_required: Whether the function must give the output; a skippable spec makes it optional in any case.
            io_manager_key: Key of the resource that stores and loads the value; None is `"io_manager"`.
            backfill_policy: How the partitions of a backfill are spread over runs; as for `AssetOut`.

        Raises:
            InvalidDefinitionError: where the spec has `deps`.
        """
        if spec.deps:
            raise InvalidDefinitionError(
                "Converting AssetSpec to AssetOut: AssetOut does not support `deps`; use internal_asset_deps."
            )
        made = cls(
            key=spec.key,
            dagster_type=dagster_type,
            is_required=is_required and not spec.skippable,
            io_manager_key=io_manager_key,
            backfill_policy=backfill_policy,
        )
        parts = spec._parts()
        made.spec_parts = {name: parts[name] for name in made.spec_parts if name in parts}
        return made

    def to_spec(self, key: AssetKey, deps: Iterable[AssetDep] = (), **more: Any) -> AssetSpec:
        """Return the spec of the asset.

        Args:
            key: The asset's key.
            deps: What it depends on.
            more: Attributes of the spec that are not None win over the output's own.
        """
        parts = {**self.spec_parts, **{name: value for name, value in more.items() if value is not None}}
        return AssetSpec(key, deps=deps, skippable=not self.is_required, **parts)
