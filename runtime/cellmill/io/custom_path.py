"""Pickles at paths that outputs name in their metadata."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from cellmill.definitions.config.field import Field
from cellmill.definitions.init_resource_context import InitResourceContext
from cellmill.definitions.io_manager import IOManager, io_manager
from cellmill.definitions.metadata import MetadataValue
from cellmill.errors import CheckError


class CustomPathIOManager(IOManager):
    """Stores each output at the path that its metadata gives under ``path``."""

    def __init__(self, base_dir: str | None = None) -> None:
        self.base_dir = base_dir
        self.write_mode = "wb"
        self.read_mode = "rb"

    def _path(self, metadata: Any, name: str) -> Path:
        path = (metadata or {}).get("path")
        path = getattr(path, "value", path)
        if not isinstance(path, str) or not path:
            raise CheckError(f"The output {name!r} needs metadata 'path' that says where its value is stored.")
        return Path(self.base_dir or ".") / path

    def handle_output(self, context: Any, obj: Any) -> None:
        """Write the pickle."""
        path = self._path(context.definition_metadata, context.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            pickle.dump(obj, file)
        context.add_output_metadata({"path": MetadataValue.path(str(path.resolve()))})

    def load_input(self, context: Any) -> Any:
        """Return the value of the upstream output."""
        output = context.upstream_output
        with self._path(output.definition_metadata, output.name).open("rb") as file:
            return pickle.load(file)


@io_manager(
    config_schema={"base_dir": Field(str, is_required=False, description="Folder that the paths are relative to.")},
    description="Pickles at paths that outputs name in their metadata.",
)
def custom_path_fs_io_manager(init_context: InitResourceContext) -> CustomPathIOManager:
    """Pickles at the paths that outputs name in their metadata under ``path``."""
    config: Any = init_context.resource_config or {}
    return CustomPathIOManager(config.get("base_dir"))
