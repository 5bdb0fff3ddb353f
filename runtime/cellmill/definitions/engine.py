"""The one door by which a definition reaches up to the engine that runs it."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast


class Engine(Protocol):
    """What definitions ask of the engine; `cellmill.execution.entry` gives it."""

    def execute_in_process(self, job: Any, **options: Any) -> Any:
        """Run a job in this process and return its result."""
        ...

    def invoke(self, definition: Any, args: tuple[Any, ...], kwargs: dict[str, Any], alias: str | None = None) -> Any:
        """Call the function of a definition directly, as unit tests do; errors name it by its `alias`."""
        ...

    def load_asset_value(self, definitions: Any, asset_key: Any, **options: Any) -> Any:
        """Return the stored value of an asset."""
        ...

    def asset_value_loader(self, definitions: Any, instance: Any) -> Any:
        """Return what loads stored values of several assets."""
        ...

    def asset_graph(self, definitions: Any) -> Any:
        """Return the asset graph of a code location."""
        ...


@cache
def engine() -> Engine:
    """Return the engine, loaded on first use."""
    return cast(Engine, import_module("cellmill.execution.entry"))
