"""What definitions ask of the engine: fills the port `cellmill.definitions.engine.Engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cellmill.execution.asset_values import AssetValueLoader
from cellmill.execution.asset_values import load_asset_value as load
from cellmill.execution.hook_context import invoke_hook
from cellmill.execution.in_process import execute_in_process
from cellmill.execution.invoke import invoke_node
from cellmill.first_use import on_first_use
from cellmill.instance.instance import Instance
from cellmill.planning.asset_graph import AssetGraph

if TYPE_CHECKING:
    from cellmill.definitions.engine import Engine
    from cellmill.execution import entry
    from cellmill.execution.executors import in_process, multiprocess

    _FILLED: Engine = entry
else:
    in_process = on_first_use("cellmill.execution.executors.in_process")
    multiprocess = on_first_use("cellmill.execution.executors.multiprocess")

__all__ = [
    "asset_graph",
    "asset_value_loader",
    "ephemeral_instance",
    "execute_in_process",
    "in_process_executor",
    "invoke",
    "load_asset_value",
    "multiprocess_executor",
]


def invoke(definition: Any, args: tuple[Any, ...], kwargs: dict[str, Any], alias: str | None = None) -> Any:
    """Call the function of an op, asset, check or hook directly."""
    if hasattr(definition, "hook_fn"):
        return invoke_hook(definition, args, kwargs)
    return invoke_node(definition, args, kwargs, alias)


def ephemeral_instance() -> Any:
    """Return an instance that forgets everything at its end."""
    return Instance.ephemeral()


def load_asset_value(definitions: Any, asset_key: Any, **options: Any) -> Any:
    """Return the stored value of an asset."""
    return load(definitions, asset_key, **options)


def asset_value_loader(definitions: Any, instance: Any) -> Any:
    """Return what loads stored values of several assets."""
    return AssetValueLoader(definitions, instance)


def asset_graph(definitions: Any) -> Any:
    """Return the asset graph of a code location."""
    return AssetGraph.from_assets(definitions)


def in_process_executor(context: Any) -> Any:
    """Return what carries out the steps of a run one after the other in the run's own process."""
    return in_process.InProcessExecutor.from_context(context)


def multiprocess_executor(context: Any) -> Any:
    """Return what carries out each step of a run in one of several worker processes."""
    return multiprocess.MultiprocessExecutor.from_context(context)
