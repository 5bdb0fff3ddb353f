"""What definitions reach up to: see `cellmill.definitions.engine`."""

from __future__ import annotations

from typing import Any

from cellmill.execution.in_process import execute_in_process

__all__ = ["asset_graph", "asset_value_loader", "execute_in_process", "invoke", "load_asset_value"]


def invoke(definition: Any, args: tuple[Any, ...], kwargs: dict[str, Any], alias: str | None = None) -> Any:
    """Call the function of an op, asset, check or hook directly."""
    if hasattr(definition, "hook_fn"):
        from cellmill.execution.hook_context import invoke_hook

        return invoke_hook(definition, args, kwargs)
    from cellmill.execution.invoke import invoke_node

    return invoke_node(definition, args, kwargs, alias)


def load_asset_value(definitions: Any, asset_key: Any, **options: Any) -> Any:
    """Return the stored value of an asset."""
    from cellmill.execution.asset_values import load_asset_value as load

    return load(definitions, asset_key, **options)


def asset_value_loader(definitions: Any, instance: Any) -> Any:
    """Return what loads stored values of several assets."""
    from cellmill.execution.asset_values import AssetValueLoader

    return AssetValueLoader(definitions, instance)


def asset_graph(definitions: Any) -> Any:
    """Return the asset graph of a code location."""
    from cellmill.planning.asset_graph import AssetGraph

    return AssetGraph.from_assets(definitions)
