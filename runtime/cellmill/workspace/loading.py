"""Loading a location's definitions in this process: only hosts and run workers do it, since it runs user code."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from cellmill.definitions.code_location import Definitions
from cellmill.definitions.code_repository import Repository
from cellmill.definitions.lazy_definitions import lazy_definitions_in
from cellmill.definitions.load_assets import load_definitions_from_module
from cellmill.errors import InvalidDefinitionError


def load_location_definitions(request: Mapping[str, Any]) -> Definitions:
    """Return the definitions of a module, package or file.

    `request` is what `location_request` made. Raises: whatever the code raises; InvalidDefinitionError where the module
    holds no definitions, or several.
    """
    target, attribute = request["targets"][0], request.get("attribute")
    with _import_path(request["working_directory"]):
        module = _import_file(Path(request["working_directory"]), target) if request["kind"] == "file" else None
        module = module or importlib.import_module(target)
        return definitions_of(module, attribute)


def definitions_of(module: ModuleType, attribute: str | None = None) -> Definitions:
    """Return the `Definitions` (or repository) in a module; without one, all its assets, jobs and the like."""
    if attribute:
        try:
            found = getattr(module, attribute)
        except AttributeError:
            raise InvalidDefinitionError(f"{module.__name__} has no attribute {attribute!r}.") from None
        return _as_definitions(found, f"{module.__name__}.{attribute}")
    named = {name: value for name, value in vars(module).items() if isinstance(value, Definitions)}
    lazy = [_as_definitions(one, f"{module.__name__}.{name}") for name, one in lazy_definitions_in(module)]
    if lazy:
        named["@definitions"] = Definitions.merge(*lazy)
    distinct = {id(value): value for value in named.values()}
    if len(distinct) > 1:
        raise InvalidDefinitionError(
            f"{module.__name__} has several Definitions ({', '.join(named)}): name one with attribute."
        )
    if distinct:
        return next(iter(distinct.values()))
    repositories = [value for value in vars(module).values() if isinstance(value, Repository)]
    if len(repositories) > 1:
        names = ", ".join(repository.name for repository in repositories)
        raise InvalidDefinitionError(f"{module.__name__} has several repositories ({names}): name one with attribute.")
    if repositories:
        return _as_definitions(repositories[0], module.__name__)
    loaded: Definitions = load_definitions_from_module(module)
    return loaded


def _as_definitions(found: Any, where: str) -> Definitions:
    if callable(found) and not isinstance(found, (Definitions, Repository)):
        found = found()
    if isinstance(found, Definitions):
        return found
    if isinstance(found, Repository):
        return definitions_of_repository(found)
    raise InvalidDefinitionError(f"{where} is {type(found).__name__}, not Definitions or a repository.")


def definitions_of_repository(repository: Repository) -> Definitions:
    """Return what a repository holds as `Definitions`."""
    found: Definitions = repository.definitions
    return found


@contextmanager
def _import_path(folder: str) -> Iterator[None]:
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    yield


def _import_file(folder: Path, target: str) -> ModuleType:
    path = Path(target) if Path(target).is_absolute() else folder / target
    if not path.is_file():
        raise InvalidDefinitionError(f"There is no file {path}.")
    beside = str(path.parent)
    if beside not in sys.path:
        sys.path.insert(0, beside)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
