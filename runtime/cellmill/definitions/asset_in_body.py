"""Assets called in the body of a job: each stands for its materialization, with its upstreams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.asset_spec import AssetSpec
from cellmill.definitions.composition import Call, Composition, NodeOutput, Pending
from cellmill.definitions.external_asset import external_asset_from_spec


class AssetBody(Composition):
    """The body of a job; assets that are called in it become nodes together with the assets they need.

    Upstreams are looked for among `more_assets` (those of the code location) and the globals of the function.
    """

    def __init__(self, name: str, fn: Callable[..., Any], more_assets: Sequence[Any]) -> None:
        super().__init__(name, "job", self._node_of_asset)
        self._globals = getattr(fn, "__globals__", {})
        self._more = more_assets
        self._known: dict[AssetKey, Any] | None = None
        self.asset_nodes: dict[str, Any] = {}
        self.input_assets: dict[tuple[str, str], Any] = {}
        self._made: dict[int, str] = {}

    def _assets_by_key(self) -> dict[AssetKey, Any]:
        if self._known is None:
            found = [one for one in self._globals.values() if hasattr(one, "keys_by_output_name")]
            self._known = {key: one for one in (*found, *self._more) for key in one.keys}
        return self._known

    def _node_of_asset(self, assets: Any) -> Any:
        name = self._made.get(id(assets))
        if name is None:
            name = self._add(assets)
        return self.outputs_of(name, assets.node_def)

    def _add(self, assets: Any) -> str:
        pending = Pending(assets.node_def)
        name = self._free_name(pending)
        self._made[id(assets)] = name
        inputs: dict[str, Any] = {}
        for input_name, key in assets.node_keys_by_input_name.items():
            source = self._assets_by_key().get(key)
            if source is None or source is assets or not getattr(source, "is_executable", False):
                self.input_assets[(name, input_name)] = source if source is not None else key
                continue
            upstream = self._made.get(id(source)) or self._add(source)
            inputs[input_name] = NodeOutput(upstream, source.get_output_name_for_asset_key(key))
        self.calls[name] = Call(name, assets.node_def, inputs, pending)
        self.asset_nodes[name] = assets
        return name


def loaded_asset(value: Any) -> Any:
    """Return the asset whose stored value a value stands for in a body: an `AssetSpec` or an external asset; else
    None."""
    if hasattr(value, "keys_by_output_name"):
        return None if value.is_executable else value
    return external_asset_from_spec(value) if isinstance(value, AssetSpec) else None
