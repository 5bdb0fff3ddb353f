"""The assets of a job, as its `asset_layer` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellmill.definitions.port import not_found


class JobAssets:
    """The assets that a job makes.

    Args:
        job_name: The job's name.
        asset_nodes: By node, the definition of the assets it is.
    """

    __slots__ = ("_job_name", "_nodes")

    def __init__(self, job_name: str, asset_nodes: Mapping[str, Any]) -> None:
        self._job_name = job_name
        self._nodes = asset_nodes

    @property
    def executable_asset_keys(self) -> set[Any]:
        """The keys of the assets that runs of the job make."""
        return {key for one in self._nodes.values() for key in one.keys}

    selected_asset_keys = executable_asset_keys
    target_asset_keys = executable_asset_keys
    asset_keys = executable_asset_keys

    @property
    def assets_defs(self) -> list[Any]:
        """The definitions of the assets."""
        return list(self._nodes.values())

    def get(self, key: Any) -> Any:
        """Return the definition that makes the asset."""
        for one in self._nodes.values():
            if key in one.keys:
                return one
        raise not_found("asset", key, self.executable_asset_keys, f"job {self._job_name!r}")
