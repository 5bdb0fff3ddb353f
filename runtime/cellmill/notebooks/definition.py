"""Asset cells as the definitions that the decorators make: one `AssetsDefinition` a cell, from text alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any

from cellmill.definitions.asset_check import AssetCheckSpec
from cellmill.definitions.asset_decorator import asset
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.asset_out import AssetOut
from cellmill.definitions.asset_spec import AssetDep, AssetIn
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.multi_asset import multi_asset
from cellmill.definitions.tags import NON_DETERMINISTIC_TAG
from cellmill.errors import InvalidInvocationError

from .asset_cell import AssetCell, Upstream
from .magic import Header
from .options_text import (
    Lookup,
    automation_of,
    backfill_policy_of,
    config_of,
    freshness_of,
    partition_mapping_of,
    partitions_of,
    retry_of,
)
from .place import describe_place

#: What makes the value of a cell: context and loaded upstream values by name in, outputs and check results out.
Compute = Callable[[Any, Mapping[str, Any]], Iterable[Any]]


def assets_definition(
    cell: AssetCell,
    compute: Compute | None = None,
    *,
    lookup: Lookup | None = None,
    given: Iterable[AssetKey] = (),
    resource_defs: Mapping[str, object] | None = None,
) -> AssetsDefinition:
    """The definition of an asset cell.

    Without `compute` it can be planned, but is computed in its notebook only. `given` are upstreams whose values
    `compute` has already: they order, and are not loaded.
    """
    taken = set(given)
    loaded = {up.name: up for up in cell.upstreams if up.loaded and up.name and up.key not in taken}
    ordered = [up for up in cell.upstreams if up.name not in loaded and up.key not in cell.keys]
    fn = _function(cell, tuple(loaded), compute or _elsewhere(cell))
    header = cell.header
    mappings = {name: partition_mapping_of(text, lookup) for name, text in header.pairs("partition_mapping").items()}
    common: dict[str, Any] = {
        "ins": {name: AssetIn(key=up.key, partition_mapping=_mapping(up, mappings)) for name, up in loaded.items()},
        "deps": [AssetDep(up.key, partition_mapping=_mapping(up, mappings)) for up in ordered] or None,
        "description": cell.definition.description or None,
        "check_specs": check_specs(cell) or None,
        "resource_defs": resource_defs,
        "partitions_def": _optional(header.text("partitions_def"), lambda text: partitions_of(text, lookup)),
        "backfill_policy": _optional(header.text("backfill_policy"), backfill_policy_of),
        "retry_policy": retry_of(header),
        "required_resource_keys": set(header.items("required_resource_keys")) or None,
        "config_schema": _optional(header.options.get("config_schema"), config_of),
        "op_tags": header.pairs("op_tags") or None,
        "pool": header.text("pool"),
        "group_name": header.text("group_name"),
        "code_version": cell.code_version or None,
    }
    described: dict[str, Any] = {
        "metadata": {**header.pairs("metadata"), **_origin_metadata(cell)},
        "tags": _tags(header) or None,
        "owners": list(header.items("owners")) or None,
        "kinds": set(header.items("kinds")) or None,
        "io_manager_key": header.text("io_manager_key"),
        "automation_condition": _optional(
            header.text("automation_condition"), lambda text: automation_of(text, lookup)
        ),
    }
    if len(cell.keys) == 1:
        made: AssetsDefinition = asset(
            key=cell.key,
            compute_kind=header.text("compute_kind"),
            freshness_policy=_optional(header.text("freshness_policy"), freshness_of),
            output_required=header.options.get("output_required") is not False,
            origin=cell.origin,
            **common,
            **described,
        )(fn)
        return made
    common.pop("code_version")
    required = header.options.get("output_required") is not False and not header.options.get("can_subset")
    outs = {
        name: AssetOut(key=key, is_required=required, code_version=cell.code_version or None, **described)
        for name, key in zip(cell.definition.names, cell.keys, strict=True)
    }
    return multi_asset(
        outs=outs,
        name="__".join(cell.keys[0].parts) + "_and_more",
        can_subset=bool(header.options.get("can_subset")),
        compute_kind=header.text("compute_kind"),
        **common,
    )(fn)


def check_specs(cell: AssetCell) -> list[AssetCheckSpec]:
    """The specs of the ``--check`` conditions of a cell: ``check_1``, ``check_2`` … on its first asset."""
    return [AssetCheckSpec(name, asset=cell.key, description=condition) for name, condition in conditions(cell).items()]


def conditions(cell: AssetCell) -> dict[str, str]:
    """The ``--check`` conditions by the name of their check."""
    return {f"check_{number}": text for number, text in enumerate(cell.header.items("check"), start=1)}


def _mapping(upstream: Upstream, mappings: Mapping[str, Any]) -> Any:
    return mappings.get(upstream.name) or mappings.get(upstream.key.to_user_string())


def _optional(value: Any, build: Callable[[Any], Any]) -> Any:
    return None if value is None else build(value)


def _tags(header: Header) -> dict[str, str]:
    tags = dict(header.pairs("tags"))
    if header.options.get("non_deterministic"):
        tags[NON_DETERMINISTIC_TAG] = "true"
    return tags


def _origin_metadata(cell: AssetCell) -> dict[str, Any]:
    origin = cell.origin
    if not origin.path:
        return {}
    return {
        "cellmill/notebook": origin.path,
        "cellmill/cell": origin.cell_index + 1,
        "cellmill/cell_id": origin.cell_id,
    }


def _elsewhere(cell: AssetCell) -> Compute:
    place = str(cell.origin)

    def compute(context: Any, values: Mapping[str, Any]) -> Iterable[Any]:
        raise InvalidInvocationError(
            f"The asset {cell.key.to_user_string()!r} is a cell ({place}): it is computed in its notebook's kernel. "
            f"Run: cellmill materialize {cell.key.to_user_string()}"
        )

    return compute


def _function(cell: AssetCell, names: Sequence[str], compute: Compute) -> Callable[..., Any]:
    """A function whose parameters are the upstreams, as the decorators expect."""

    source = (
        f"def {_identifier(cell)}(context{''.join(', ' + name for name in names)}):\n    yield from __run__(context, {{"
    )
    source += ", ".join(f"{name!r}: {name}" for name in names) + "})\n"
    if any(name == "context" for name in names):
        raise InvalidInvocationError("An upstream cannot be named 'context' in a cell; use --ins ALIAS=context.")
    namespace: dict[str, Any] = {"__run__": compute, "__name__": "cellmill.cell"}
    exec(_compiled(source, f"<{cell.key.to_user_string()}>"), namespace)
    fn: Callable[..., Any] = namespace[_identifier(cell)]
    fn.__doc__ = cell.definition.description or None
    # Errors about the definition name the cell, whose first line is the definition's.
    fn.__dict__["place"] = describe_place(cell.origin.path, cell.origin.cell_index, 1)
    return fn


@lru_cache(maxsize=1024)
def _compiled(source: str, filename: str) -> CodeType:
    return compile(source, filename, "exec")


def _identifier(cell: AssetCell) -> str:
    return cell.definition.names[0]
