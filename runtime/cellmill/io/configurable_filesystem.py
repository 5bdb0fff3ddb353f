"""The IO manager of pickles in a folder as a class with config; apart from it, as such classes need pydantic."""

from __future__ import annotations

from cellmill.definitions.configurable_resource import ConfigurableIOManagerFactory
from cellmill.definitions.init_resource_context import InitResourceContext
from cellmill.io.filesystem import PickledObjectFilesystemIOManager
from cellmill.io.signing import key_folder


class FilesystemIOManager(ConfigurableIOManagerFactory[PickledObjectFilesystemIOManager]):
    """`fs_io_manager` as a class: `Definitions(resources={"io_manager": FilesystemIOManager(base_dir="values")})`.

    Without a `base_dir`, values lie in the instance's folder.
    """

    base_dir: str | None = None

    def create_io_manager(self, context: InitResourceContext) -> PickledObjectFilesystemIOManager:
        """Return the IO manager that stores the pickles."""
        instance = context.instance
        base = self.base_dir or (None if instance is None else instance.storage_directory())
        return PickledObjectFilesystemIOManager(base, key_folder=key_folder(instance))
