"""`materialize`: making assets in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_job import AssetCatalog, as_assets, build_asset_job, merged_resources
from cellmill.definitions.asset_selection_job import selected_keys, subset_of
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.loadable import unknown_inputs
from cellmill.errors import InvalidDefinitionError, InvalidSubsetError, InvariantViolationError
from cellmill.execution.in_process import execute_in_process
from cellmill.execution.result import ExecuteInProcessResult
from cellmill.io.memory import InMemoryIOManager

EPHEMERAL_JOB_NAME = "__ephemeral_asset_job__"


def materialize(
    assets: Sequence[Any],
    run_config: Any = None,
    instance: Any = None,
    resources: Mapping[str, object] | None = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    tags: Mapping[str, str] | None = None,
    selection: Any = None,
) -> ExecuteInProcessResult:
    """Make the assets in this process, one step after the other; values are stored by their IO managers.

    >>> @asset
    ... def orders() -> list[int]:
    ...     return [1, 2]
    >>> @asset
    ... def total(orders: list[int]) -> int:
    ...     return sum(orders)
    >>> materialize([orders, total]).asset_value("total")
    3

    Args:
        assets: Assets and checks to make, and source assets or specs of what they load.
        run_config: A dict or `RunConfig`: config of assets (under `ops`) and of resources.
        instance: Where run, events and values are kept; None keeps nothing of them after this process.
        resources: Resources by key: resource classes with their config, definitions, or any plain objects.
        partition_key: The partition to make, of partitioned assets.
        raise_on_error: Whether the error of a failed step is raised; with False it is in the result.
        tags: Tags of the run.
        selection: Which of the assets are made, in any form that `AssetSelection` takes; the others are loaded. None
            makes all that are executable.

    Returns:
        The result: whether it succeeded, its events, and the values (`output_for_node`, `asset_value`).

    Raises:
        InvalidDefinitionError: where a resource is missing, where an asset loads another one that is neither given nor
            known to the instance, or where the selection cuts apart what can only be made together.
    """
    return _made(assets, run_config, instance, resources, partition_key, raise_on_error, tags, selection, False)


def _made(
    assets: Sequence[Any],
    run_config: Any,
    instance: Any,
    resources: Mapping[str, object] | None,
    partition_key: str | None,
    raise_on_error: bool,
    tags: Mapping[str, str] | None,
    selection: Any,
    in_memory: bool,
    observing: bool = False,
) -> ExecuteInProcessResult:
    catalog = AssetCatalog(as_assets(assets))
    keys, checks = selected_keys(selection, catalog, "materialize")
    if selection is None and not observing:
        keys = frozenset(key for key in keys if not catalog.by_key[key].is_observable)
    try:
        chosen = subset_of(catalog, keys, checks)
    except InvalidSubsetError as error:
        raise InvalidDefinitionError(str(error)) from error
    _refuse_unknown_inputs(chosen, catalog, instance)
    given = checked_resources(resources, "materialize") if resources else {}
    merged_resources([one for one in catalog.definitions if one.resource_defs], None)
    job = build_asset_job(EPHEMERAL_JOB_NAME, chosen, catalog, resource_defs=given)
    with_input_resources(job, catalog)
    return execute_in_process(
        job,
        run_config=run_config,
        instance=instance,
        partition_key=partition_key,
        raise_on_error=raise_on_error,
        tags=tags,
        in_memory=in_memory,
    )


def _refuse_unknown_inputs(chosen: Sequence[AssetsDefinition], catalog: AssetCatalog, instance: Any) -> None:
    """Raise where an asset loads one that was not given and that the instance holds no value of."""
    for key, error in unknown_inputs(chosen, catalog.by_key):
        if instance is None or not instance.has_asset_key(key):
            raise error


def with_input_resources(job: Any, catalog: AssetCatalog) -> None:
    """Give the job the resources of assets that it only loads."""
    for source in job.input_assets.values():
        for key, resource in getattr(source, "resource_defs", {}).items():
            if key not in job.resource_defs:
                job.resource_defs = {**job.resource_defs, key: resource}


def materialize_to_memory(
    assets: Sequence[Any],
    run_config: Any = None,
    instance: Any = None,
    resources: Mapping[str, object] | None = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    tags: Mapping[str, str] | None = None,
    selection: Any = None,
) -> ExecuteInProcessResult:
    """Make the assets in this process without storing their values: each is handed on in memory, as unit tests want
    it.

    Args:
        assets: Assets and checks to make, and source assets or specs of what they load.
        run_config: A dict or `RunConfig`: config of assets (under `ops`) and of resources.
        instance: Where run and events are kept; None keeps nothing of them after this process.
        resources: Resources by key, without IO managers.
        partition_key: The partition to make, of partitioned assets.
        raise_on_error: Whether the error of a failed step is raised; with False it is in the result.
        tags: Tags of the run.
        selection: Which of the assets are made; None makes all that are executable.

    Returns:
        The result: whether it succeeded, its events, and the values (`output_for_node`, `asset_value`).

    Raises:
        InvariantViolationError: where there is an IO manager for any of the assets.
    """
    definitions = as_assets(assets)
    given = dict(resources or {})
    taken = given.keys() | {key for one in definitions for key in one.resource_defs}
    memory = InMemoryIOManager()
    for key in _manager_keys(definitions):
        if key in taken:
            raise InvariantViolationError(
                f"Attempted to call `materialize_to_memory` with a resource provided for io manager key '{key}'. Do "
                "not provide resources for io manager keys when calling `materialize_to_memory`, as it will override "
                "io management behavior for all keys. Use `materialize` to store values."
            )
        given[key] = memory
    return _made(definitions, run_config, instance, given, partition_key, raise_on_error, tags, selection, True)


def _manager_keys(definitions: Sequence[AssetsDefinition]) -> list[str]:
    """Return the keys of the IO managers that store the assets' values or load them."""
    found: dict[str, None] = {}
    for one in definitions:
        if not one.is_executable:
            found.update((one.get_io_manager_key_for_asset_key(key), None) for key in one.keys)
            continue
        for op in one.node_def.iterate_op_defs() if one.node_def.is_graph else [one.node_def]:
            found.update((out.io_manager_key, None) for out in op.output_defs)
    return list(found)


def observe(
    assets: Sequence[Any],
    run_config: Any = None,
    instance: Any = None,
    resources: Mapping[str, object] | None = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    tags: Mapping[str, str] | None = None,
) -> ExecuteInProcessResult:
    """Run the observing functions of source assets in this process: each records the version of data made elsewhere.

    Args:
        assets: Observable source assets.
        run_config: A dict or `RunConfig`.
        instance: Where run and observations are kept; None keeps nothing of them after this process.
        resources: Resources by key.
        partition_key: The partition to observe, of partitioned assets.
        raise_on_error: Whether the error of a failed step is raised; with False it is in the result.
        tags: Tags of the run.

    Returns:
        The result, with the observations among its events.
    """
    return _made(assets, run_config, instance, resources, partition_key, raise_on_error, tags, None, False, True)
