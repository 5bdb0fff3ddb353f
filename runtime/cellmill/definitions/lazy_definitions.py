"""Functions that return the definitions of a code location, and folders whose modules hold them."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import update_wrapper
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from cellmill.definitions.code_location import Definitions
from cellmill.definitions.code_repository import Repository
from cellmill.definitions.load_assets import load_definitions_from_module, modules_of
from cellmill.errors import InvalidDefinitionError, InvariantViolationError


class LazyDefinitions:
    """A function that returns `Definitions`, made by `@definitions`; a module is loaded by calling it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        update_wrapper(self, function)

    def __call__(self) -> Any:
        """Return what the function does."""
        made = self._function()
        if not isinstance(made, (Definitions, Repository)):
            raise InvariantViolationError(
                f"@definitions {self._name} must return Definitions, not {type(made).__name__} {made!r}."
            )
        return made

    @property
    def _name(self) -> str:
        return getattr(self._function, "__qualname__", repr(self._function))


def definitions(fn: Callable[[], Any]) -> LazyDefinitions:
    """Decorate a function that returns the `Definitions` of its module; it is called when the module is loaded.

    Args:
        fn: A function without parameters.

    Returns:
        What can be called like the function.
    """
    if inspect.signature(fn).parameters:
        raise InvariantViolationError(
            f"@definitions {getattr(fn, '__qualname__', fn)} must take no parameters: it is called when its module is "
            "loaded, and there is no context of components."
        )
    return LazyDefinitions(fn)


def load_from_defs_folder(*, path_within_project: Path | None = None, project_root: Path | None = None) -> Definitions:
    """Return everything that the modules in a project's folder of definitions define, as one `Definitions`.

    The project is the nearest folder upwards with a `dg.toml`, or a `pyproject.toml` with a table `tool.dg`: its
    `project.root_module` and `project.defs_module` (by default `defs` in the root module) name the folder. A module
    gives its `Definitions`, or what its functions with `@definitions` return, or else all that it defines.

    Args:
        path_within_project: A file or folder in the project.
        project_root: Older name of `path_within_project`.
    """
    path = path_within_project or project_root
    if path is None:
        raise InvariantViolationError("load_from_defs_folder needs path_within_project, such as Path(__file__).parent.")
    package = import_module(_defs_module(Path(path).absolute()))
    _refuse_components(package)
    return Definitions.merge(*(_defined_in(module) for module in modules_of(package)))


def lazy_definitions_in(module: ModuleType) -> Iterator[tuple[str, LazyDefinitions]]:
    """Yield the functions with `@definitions` of a module, by name."""
    yield from ((name, one) for name, one in vars(module).items() if isinstance(one, LazyDefinitions))


def _defined_in(module: ModuleType) -> Definitions:
    lazy = {id(one): one for _, one in lazy_definitions_in(module)}
    ready = {id(one): one for one in vars(module).values() if isinstance(one, Definitions)}
    if len(ready) > 1 or (ready and lazy):
        raise InvalidDefinitionError(
            f"{module.__name__} holds {len(ready)} Definitions and {len(lazy)} functions with @definitions: keep one "
            "Definitions, or functions only."
        )
    found = [*ready.values(), *(one() for one in lazy.values())] or [load_definitions_from_module(module)]
    return Definitions.merge(*(one.definitions if isinstance(one, Repository) else one for one in found))


def _refuse_components(package: ModuleType) -> None:
    for folder in package.__path__:
        found = sorted(path for name in ("defs.yaml", "component.yaml") for path in Path(folder).rglob(name))
        if found:
            raise InvalidDefinitionError(
                f"{found[0]} declares a component; components are not here. Write what it makes as Python definitions."
            )


def _defs_module(path: Path) -> str:
    for folder in (path, *path.parents):
        settings = _project_settings(folder)
        if settings is None:
            continue
        project = settings.get("project", {})
        root = project.get("root_module", folder.name.replace("-", "_"))
        return str(project.get("defs_module", f"{root}.defs"))
    raise InvalidDefinitionError(
        f"No folder from {path} upwards has a dg.toml, or a pyproject.toml with [tool.dg.project]: add one with "
        'root_module = "the name of your package".'
    )


def _project_settings(folder: Path) -> Mapping[str, Any] | None:
    if (folder / "dg.toml").is_file():
        return tomllib.loads((folder / "dg.toml").read_text())
    if (folder / "pyproject.toml").is_file():
        found: Mapping[str, Any] | None = (
            tomllib.loads((folder / "pyproject.toml").read_text()).get("tool", {}).get("dg")
        )
        return found
    return None
