"""Notebooks as definitions in Python code: `load_notebook` and `load_assets_from_notebooks`."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.code_location import Definitions
from cellmill.errors import InvalidDefinitionError
from cellmill.notebooks.scan import scan_notebook
from cellmill.notebooks.workspace import WorkspaceScan, link_workspace
from cellmill.workspace.discovery import find_notebooks
from cellmill.workspace.export import export_module

_PYTHON = (sys.version_info[0], sys.version_info[1])


def load_assets_from_notebooks(*notebooks: str | os.PathLike[str], other_assets: Iterable[Any] = ()) -> list[Any]:
    """Return the asset cells of notebooks as definitions.

    The statements that the cells need (imports, helpers, constants) are executed now, the cells when they are run.

    Args:
        notebooks: Paths and globs, from the folder of the calling file.
        other_assets: Assets of elsewhere that the cells may read by name: definitions, keys or their texts.

    Raises:
        NotebookError: for what is wrong in a notebook.
        InvalidDefinitionError: for a path or glob without a notebook.
    """
    found = [_definitions(path, linked) for path, linked in _linked(notebooks, _caller_folder(), other_assets)]
    return [asset for definitions in found for asset in definitions.assets or ()]


def load_notebook(notebook: str | os.PathLike[str], *, other_assets: Iterable[Any] = ()) -> Definitions:
    """Return what a notebook declares with cells and line magics: assets, checks, jobs, schedules.

    The statements that the cells need (imports, helpers, constants) are executed now, the cells when they are run.

    Args:
        notebook: Path of the notebook, from the folder of the calling file.
        other_assets: Assets of elsewhere that the cells may read by name: definitions, keys or their texts.

    Returns:
        `Definitions`, which can be merged with others.

    Raises:
        NotebookError: for what is wrong in the notebook.
        InvalidDefinitionError: where there is no such notebook.
    """
    ((path, linked),) = _linked((notebook,), _caller_folder(), other_assets)
    return _definitions(path, linked)


def _definitions(path: Path, linked: WorkspaceScan) -> Definitions:
    text, _ = export_module(linked, os.fspath(path), code_versions=True)
    module = ModuleType(f"cellmill_notebook_{path.stem}")
    module.__file__ = os.fspath(path)
    folder = os.fspath(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    exec(compile(text, f"<{path.name} as a module>", "exec"), module.__dict__)
    definitions: Definitions = module.__dict__["defs"]
    return definitions


def _caller_folder() -> Path:
    """Return the folder of the file that calls into this module; the current one in a kernel."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    file = frame.f_globals.get("__file__") if frame is not None else None
    return Path(file).resolve().parent if file else Path.cwd()


def _linked(
    notebooks: Sequence[str | os.PathLike[str]], folder: Path, other_assets: Iterable[Any]
) -> list[tuple[Path, WorkspaceScan]]:
    paths: list[Path] = []
    for given in [os.fspath(notebook) for notebook in notebooks]:
        found = find_notebooks(folder, [given]) if any(mark in given for mark in "*?") else [folder / given]
        if not found or not found[0].is_file():
            raise InvalidDefinitionError(f"There is no notebook {given!r} in {folder}.")
        paths += found
    scans = {path: scan_notebook(path.read_bytes(), os.fspath(path), python=_PYTHON) for path in paths}
    made = {key for scan in scans.values() for d in scan.definitions if d.kind == "asset" for key in d.keys}
    keys = made | {key for item in other_assets for key in _keys(item)}
    linked = []
    for path, scan in scans.items():
        own = {key for d in scan.definitions if d.kind == "asset" for key in d.keys}
        linked.append((path, link_workspace([scan], other_assets=sorted(keys - own), python=_PYTHON)))
    return linked


def _keys(item: Any) -> Iterable[AssetKey]:
    if isinstance(item, str):
        return (AssetKey.from_user_string(item),)
    keys = getattr(item, "keys", None)
    return keys if keys is not None and not callable(keys) else (AssetKey.from_coercible_or_definition(item),)
