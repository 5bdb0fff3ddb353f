"""Reading stored values of assets outside of runs, and inside of them by hand."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.graph import GraphDefinition
from cellmill.definitions.init_resource_context import NO_RESOURCES, Resources
from cellmill.definitions.input_context import InputContext
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.op import OpDefinition
from cellmill.definitions.output_context import OutputContext
from cellmill.definitions.port import resolve_type
from cellmill.definitions.run_config import resolve_run_config
from cellmill.errors import InvariantViolationError
from cellmill.execution.resources import ResourceScope
from cellmill.execution.step_inputs import manager_key_of
from cellmill.instance.instance import Instance
from cellmill.io.default import stored_values


@dataclass(frozen=True)
class Manager:
    """An IO manager with what its contexts say of it."""

    manager: Any
    config: Any = None
    resources: Resources = NO_RESOURCES


class AssetValueLoader:
    """Loads stored values of assets; the resources that this needs are made once, and taken down at the end.

    Use it in a `with` block.

    Args:
        definitions: The code location's `Definitions`.
        instance: Where the values are known; None takes that of the workspace.
        resource_config: By resource, a dict with `config`.
    """

    def __init__(
        self, definitions: Any, instance: Any = None, resource_config: Mapping[str, Any] | None = None
    ) -> None:
        self._repository = definitions.bound_repository()
        self._own = instance is None
        self._instance = Instance.get() if instance is None else instance
        self._config = resource_config or {}
        self._scopes: dict[str, ResourceScope] = {}
        self._managers: dict[str, Manager] = {}

    def __enter__(self) -> AssetValueLoader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the resources down."""
        for scope in self._scopes.values():
            scope.close()
        self._scopes.clear()
        if self._own:
            self._instance.close()

    def load_asset_value(
        self,
        asset_key: Any,
        *,
        python_type: Any = None,
        partition_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        resource_config: Any = None,
    ) -> Any:
        """Return the stored value of an asset, or of one of its partitions, by its IO manager.

        Args:
            asset_key: The asset's key, in any form.
            python_type: Class that the value is to be loaded as, such as `polars.DataFrame`; None leaves it to the IO
                manager.
            partition_key: The partition; None loads all partitions of a partitioned asset, as a dict by key.
            metadata: What the IO manager finds in `context.definition_metadata`.
            resource_config: By resource, a dict with `config`; None takes that of the loader.

        Raises:
            ValueNotFoundError: where nothing is stored.
            InvariantViolationError: where the IO manager is not provided, or a partition of an unpartitioned asset is
                asked for.
        """
        key = AssetKey.from_coercible(asset_key)
        source = self._repository.catalog.by_key.get(key)
        if source is None:
            graph = self._repository.asset_graph
            graph.get(key)
        return _loaded(
            key,
            source,
            self._manager(source, key, resource_config),
            self._instance,
            python_type,
            partition_key,
            metadata,
        )

    def _manager(self, source: Any, key: AssetKey, resource_config: Any) -> Manager:
        wanted = manager_key_of(source, key)
        defs = {**self._repository.resources, **(source.resource_defs if source is not None else {})}
        if wanted not in defs:
            if wanted != "io_manager":
                raise InvariantViolationError(
                    f"The IO manager {wanted!r} of {key.to_user_string()} is not provided; there are {sorted(defs)}."
                )
            return Manager(stored_values(self._instance))
        name = f"{wanted}:{id(defs[wanted])}"
        if name not in self._managers:
            # only what something requires has config
            reads = OpDefinition(
                lambda _context, _inputs: None, name="load_asset_value", outs={}, required_resource_keys={wanted}
            )
            job = JobDefinition(graph_def=GraphDefinition("load_asset_values", node_defs=[reads]), resource_defs=defs)
            config = resolve_run_config(job, {"resources": resource_config or self._config})
            scope = self._scopes[name] = ResourceScope(defs, config.resources, instance=self._instance)
            needed = scope.resources(defs[wanted].get_required_resource_keys(defs))
            manager = getattr(scope.resources([wanted]), wanted)
            self._managers[name] = Manager(manager, config.resources[wanted].config, needed)
        return self._managers[name]


def _loaded(
    key: AssetKey,
    source: Any,
    manager: Manager,
    instance: Any,
    python_type: Any,
    partition_key: str | None,
    metadata: Mapping[str, Any] | None,
) -> Any:
    definition = None if source is None else source.partitions_def
    subset = None
    if definition is not None:
        keys = (
            [partition_key]
            if partition_key is not None
            else definition.get_partition_keys(dynamic_partitions_store=instance)
        )
        subset = definition.subset_with_partition_keys(keys)
    elif partition_key is not None:
        raise InvariantViolationError(f"{key.to_user_string()} is not partitioned; it has no {partition_key!r}.")
    spec = None if source is None else source.specs_by_key[key]
    log = logging.getLogger("cellmill")
    upstream = OutputContext(
        name="result",
        asset_key=key,
        definition_metadata=None if spec is None else spec.metadata,
        partition_key=partition_key,
        instance=instance,
        log_manager=log,
        asset_spec=spec,
        asset_partitions_def=definition,
        asset_partitions_subset=subset,
        dagster_type=None,
        op_def=None if source is None else source.node_def,
        resource_config=manager.config,
        resources=manager.resources,
    )
    declared = None
    if python_type is not None:
        declared = resolve_type(python_type)
    context = InputContext(
        asset_key=key,
        upstream_output=upstream,
        dagster_type=declared,
        partition_key=partition_key,
        asset_partitions_def=definition,
        asset_partitions_subset=subset,
        definition_metadata=metadata,
        instance=instance,
        log_manager=log,
        find_ref=instance.find_value_ref,
        resource_config=manager.config,
        resources=manager.resources,
    )
    return manager.manager.load_input(context)


def load_asset_value(
    definitions: Any,
    asset_key: Any,
    *,
    python_type: Any = None,
    instance: Any = None,
    partition_key: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    resource_config: Any = None,
) -> Any:
    """Return the stored value of an asset of a code location."""
    with AssetValueLoader(definitions, instance, resource_config) as loader:
        return loader.load_asset_value(
            asset_key, python_type=python_type, partition_key=partition_key, metadata=metadata
        )


def load_from_job(services: Any, asset_key: Any, python_type: Any, partition_key: str | None) -> Any:
    """Return the stored value of an asset, by the IO managers of a run."""
    key = AssetKey.from_coercible(asset_key)
    catalog = services.job.selected_assets_of
    source = None if catalog is None else catalog.by_key.get(key)
    wanted = manager_key_of(source, key)
    config, resources = services.io_given(wanted)
    manager = Manager(services.io_manager(wanted), config, resources or NO_RESOURCES)
    return _loaded(key, source, manager, services.instance, python_type, partition_key, None)
