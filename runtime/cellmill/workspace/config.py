"""`cellmill.toml`, `[tool.cellmill]` and Dagster's `workspace.yaml`, read into one `WorkspaceConfig`."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NoReturn

from cellmill.errors import DefinitionError
from cellmill.instance.home import CONFIG_FILE, DAGSTER_FILE, find_workspace_root, has_tool_table
from cellmill.workspace.settings import TABLES, setting_problems

#: Glob of notebooks where no file says which.
EVERY_NOTEBOOK = "**/*.ipynb"

LocationKind = Literal["notebooks", "module", "package", "file"]
_KINDS: tuple[LocationKind, ...] = ("notebooks", "module", "package", "file")
#: Settings that list locations of one kind.
_KINDS_BY_KEY: dict[str, LocationKind] = {"modules": "module", "packages": "package", "files": "file"}

_TOP_KEYS = ("name", "home", "notebooks", "modules", "packages", "files", "exclude", "python", "kernel", "env",
             "location", "locations", *TABLES)  # fmt: skip
_LOCATION_KEYS = ("name", *_KINDS, "attribute", "working_directory", "python", "kernel", "env", "exclude")


class WorkspaceConfigError(DefinitionError):
    """The workspace's file cannot be used; correct the line that the message names."""

    def __init__(self, problem: str, *, path: str, line: int | None = None, remedy: str = "") -> None:
        self.problem, self.path, self.line, self.remedy = problem, path, line, remedy
        place = path if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {problem}" + (f"\n{remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.problem, self.path, self.line, self.remedy)


def _rebuild(problem: str, path: str, line: int | None, remedy: str) -> WorkspaceConfigError:
    return WorkspaceConfigError(problem, path=path, line=line, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationConfig:
    """One code location as the workspace's file declares it."""

    name: str
    kind: LocationKind
    #: Globs of notebooks relative to the root, or the one module, package or file.
    targets: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    attribute: str | None = None
    working_directory: Path
    #: Python executable of the host; None is the one that runs cellmill.
    python: str | None = None
    #: Kernelspec of the host; given instead of `python`.
    kernel: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceConfig:
    """Where a workspace's code is, and what its file says to the other rooms."""

    root: Path
    #: The file that was read, None where there is none.
    path: Path | None = None
    name: str = ""
    locations: tuple[LocationConfig, ...] = ()
    #: True where no file names notebooks, so that only those that load cellmill count.
    implicit: bool = False
    home: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def find_workspace(start: Path | None = None) -> WorkspaceConfig:
    """Return the configuration of the workspace that `start` (default: the current folder) lies in.

    The nearest folder upwards with a workspace file, a `.cellmill` folder or a repository is the root; else `start`.
    Raises: WorkspaceConfigError naming file and line.
    """
    root = find_workspace_root(start)
    if (root / CONFIG_FILE).is_file():
        return read_config(root / CONFIG_FILE)
    if has_tool_table(root):
        return read_config(root / "pyproject.toml")
    if (root / DAGSTER_FILE).is_file():
        return read_config(root / DAGSTER_FILE)
    return implicit_config(root)


def implicit_config(root: Path) -> WorkspaceConfig:
    """Return the configuration without a file: every notebook under `root` that loads cellmill."""
    location = LocationConfig(name="notebooks", kind="notebooks", targets=(EVERY_NOTEBOOK,), working_directory=root)
    return WorkspaceConfig(root=root, name=root.name, locations=(location,), implicit=True)


def with_locations(
    config: WorkspaceConfig, files: Sequence[str], modules: Sequence[str], folder: Path
) -> WorkspaceConfig:
    """Return the configuration with these files and modules as its only locations; itself where none is given.

    `folder` is what relative names start from. Raises: FileNotFoundError.
    """
    found = []
    kind: LocationKind
    for name in files:
        path = (folder / name).resolve()
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {name!r}.")
        if path.suffix == ".ipynb":
            targets, kind = (os.path.relpath(path, folder),), "notebooks"
        else:
            targets, kind = (str(path),), "file"
        found.append(LocationConfig(name=path.name, kind=kind, targets=targets, working_directory=folder))
    for name in modules:
        found.append(LocationConfig(name=name, kind="module", targets=(name,), working_directory=folder))
    return replace(config, locations=tuple(found), implicit=False) if found else config


def read_config(path: Path) -> WorkspaceConfig:
    """Return what a `cellmill.toml`, `pyproject.toml` or `workspace.yaml` says.

    Raises: WorkspaceConfigError naming file and line.
    """
    path = path.resolve()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceConfigError(f"it cannot be read ({error})", path=str(path)) from None
    if path.suffix in (".yaml", ".yml"):
        return _Reader(text, path, _load_yaml(text, path)).dagster()
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise WorkspaceConfigError(
            f"not valid TOML: {error}", path=str(path), line=int(line[1]) if line else None
        ) from None
    except RecursionError:
        raise WorkspaceConfigError("its tables and lists are nested too deeply", path=str(path)) from None
    if path.name == "pyproject.toml":
        data = data.get("tool", {}).get("cellmill", {})
    return _Reader(text, path, data).cellmill()


def _load_yaml(text: str, path: Path) -> Any:
    yaml = import_module("yaml")  # 15 ms that only Dagster's own file needs
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise WorkspaceConfigError(
            f"not valid YAML: {problem}", path=str(path), line=mark.line + 1 if mark else None
        ) from None


class _Reader:
    """Checks the tables of one file and keeps the text to name lines."""

    def __init__(self, text: str, path: Path, data: Any) -> None:
        self.text, self.path, self.root = text, path, path.parent
        if not isinstance(data, dict):
            raise WorkspaceConfigError("it holds no table of settings", path=str(path), line=1)
        self.data: dict[str, Any] = data

    # -- cellmill's own form -----------------------------------------------------------------------------------

    def cellmill(self) -> WorkspaceConfig:
        self.check_keys(self.data, _TOP_KEYS, "setting")
        for problem in setting_problems(self.data):
            self.fail(problem.message, problem.word, problem.remedy)
        locations = tuple(self.unique(self.cellmill_locations()))
        home = self.data.get("home")
        implicit = not locations
        if implicit:
            locations = implicit_config(self.root).locations
        return WorkspaceConfig(
            root=self.root,
            path=self.path,
            name=self.string(self.data, "name") or self.root.name,
            locations=locations,
            implicit=implicit,
            home=self.folder(home) if home is not None else None,
            settings={key: self.data[key] for key in TABLES if key in self.data},
        )

    def cellmill_locations(self) -> Iterator[LocationConfig]:
        shared = self.shared(self.data)
        if "notebooks" in self.data:
            globs = self.strings(self.data, "notebooks")
            yield LocationConfig(name="notebooks", kind="notebooks", targets=globs, **shared)
        for key, kind in _KINDS_BY_KEY.items():
            for target in self.strings(self.data, key):
                yield LocationConfig(name=_default_name(target), kind=kind, targets=(target,), **shared)
        yield from map(self.location, self.tables())

    def tables(self) -> Iterator[dict[str, Any]]:
        """Yield ``[[location]]`` tables and ``[locations.NAME]`` tables alike."""
        listed = self.data.get("location", [])
        named = self.data.get("locations", {})
        if not isinstance(listed, list) or not isinstance(named, (dict, list)):
            self.fail("locations are written [[location]] or [locations.NAME]", "location")
        pairs = named.items() if isinstance(named, dict) else ((None, table) for table in named)
        for name, table in [*((None, table) for table in listed), *pairs]:
            if not isinstance(table, dict):
                self.fail("a location is a table", str(name or "location"))
            yield table if name is None else {"name": name, **table}

    def location(self, table: dict[str, Any]) -> LocationConfig:
        self.check_keys(table, _LOCATION_KEYS, "setting of a location")
        kinds = [kind for kind in _KINDS if kind in table]
        if len(kinds) != 1:
            one_of = "one of " + ", ".join(_KINDS)
            given = " and ".join(kinds) or "none"
            self.fail(f"a location needs exactly {one_of}; {given} given", table.get("name", "location"))
        kind = kinds[0]
        targets = self.strings(table, kind)
        name = self.string(table, "name") or _default_name(targets[0] if targets else kind)
        attribute = self.string(table, "attribute")
        return LocationConfig(name=name, kind=kind, targets=targets, attribute=attribute, **self.shared(table))

    def shared(self, table: dict[str, Any]) -> dict[str, Any]:
        env = table.get("env", {})
        if not isinstance(env, dict) or not all(isinstance(value, (str, int, float)) for value in env.values()):
            self.fail("env is a table of strings", "env")
        python, kernel = self.string(table, "python"), self.string(table, "kernel")
        if python and kernel:
            self.fail("give python or kernel, not both", "kernel")
        return {
            "exclude": self.strings(table, "exclude"),
            "working_directory": self.folder(table.get("working_directory", ".")),
            "python": str(self.root / python) if python and os.sep in python else python,
            "kernel": kernel,
            "env": {key: str(value) for key, value in env.items()},
        }

    # -- Dagster's workspace.yaml ------------------------------------------------------------------------------

    def dagster(self) -> WorkspaceConfig:
        self.check_keys(self.data, ("load_from",), "setting")
        entries = self.data.get("load_from", [])
        if not isinstance(entries, list):
            self.fail("load_from is a list", "load_from")
        locations = tuple(self.unique(map(self.dagster_location, entries)))
        return WorkspaceConfig(root=self.root, path=self.path, name=self.root.name, locations=locations)

    def dagster_location(self, entry: Any) -> LocationConfig:
        kinds: dict[str, tuple[LocationKind, str]] = {
            "python_file": ("file", "relative_path"),
            "python_module": ("module", "module_name"),
            "python_package": ("package", "package_name"),
            "notebooks": ("notebooks", "globs"),
        }
        if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in kinds:
            found = next(iter(entry), "") if isinstance(entry, dict) else str(entry)
            remedy = (
                "grpc_server locations have no counterpart: name the module instead." if found == "grpc_server" else ""
            )
            self.fail(f"an entry of load_from is one of {', '.join(kinds)}; got {found!r}", str(found), remedy)
        word, body = next(iter(entry.items()))
        kind, main = kinds[word]
        table = {main: body} if isinstance(body, (str, list)) else body
        if not isinstance(table, dict):
            self.fail(f"{word} needs {main}", word)
        allowed = (main, "location_name", "attribute", "working_directory", "executable_path")
        self.check_keys(table, allowed, f"setting of {word}")
        targets = self.strings(table, main)
        if not targets:
            self.fail(f"{word} needs {main}", word)
        return LocationConfig(
            name=self.string(table, "location_name") or _default_name(targets[0]),
            kind=kind,
            targets=targets,
            attribute=self.string(table, "attribute"),
            working_directory=self.folder(table.get("working_directory", ".")),
            python=self.string(table, "executable_path"),
        )

    # -- checking ----------------------------------------------------------------------------------------------

    def unique(self, locations: Iterator[LocationConfig] | map[LocationConfig]) -> Iterator[LocationConfig]:
        seen: set[str] = set()
        for location in locations:
            if location.name in seen:
                self.fail(f"two locations are named {location.name!r}", location.name, "Give one of them a name.")
            seen.add(location.name)
            yield location

    def check_keys(self, table: Mapping[str, Any], known: Sequence[str], what: str) -> None:
        for key in table:
            if key not in known:
                close = get_close_matches(str(key), known, n=1)
                remedy = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(set(known)))}."
                self.fail(f"unknown {what} {key!r}", str(key), remedy)

    def string(self, table: Mapping[str, Any], key: str) -> str | None:
        value = table.get(key)
        if value is not None and not isinstance(value, str):
            self.fail(f"{key} is a string, got {value!r}", key)
        return value

    def strings(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            self.fail(f"{key} is a string or a list of strings, got {value!r}", key)
        return tuple(items)

    def folder(self, value: Any) -> Path:
        if not isinstance(value, str):
            self.fail(f"a folder is a string, got {value!r}", "working_directory")
        return (self.root / Path(value).expanduser()).resolve()

    def fail(self, problem: str, word: str, remedy: str = "") -> NoReturn:
        raise WorkspaceConfigError(problem, path=str(self.path), line=self.line_of(word), remedy=remedy)

    def line_of(self, word: str) -> int | None:
        found = re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", self.text)
        return self.text.count("\n", 0, found.start()) + 1 if found else None


def _default_name(target: str) -> str:
    return Path(target).name if "/" in target or target.endswith(".py") else target
