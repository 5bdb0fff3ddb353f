"""Run config from YAML files and texts, merged in the order given."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import yaml

from cellmill.errors import InvariantViolationError


def config_from_files(config_files: Sequence[str]) -> dict[str, Any]:
    """Return the config of YAML files, merged in order: nested dictionaries are merged, later values win.

    Args:
        config_files: Paths or glob patterns, from the current directory.

    Raises:
        InvariantViolationError: where a pattern finds nothing, or a file cannot be read or is no dictionary in YAML.
    """
    texts: list[tuple[str, str]] = []
    for pattern in [config_files] if isinstance(config_files, str) else config_files:
        paths = sorted(glob.glob(pattern, recursive=True))
        if not paths:
            raise InvariantViolationError(
                f'File or glob pattern "{pattern}" for "config_files" produced no results; '
                "correct the path, relative to the current directory."
            )
        for path in paths:
            try:
                with open(path, encoding="utf-8") as file:
                    texts.append((path, file.read()))
            except OSError as error:
                raise InvariantViolationError(f"The config file {path!r} cannot be read: {error}.") from error
    return _merged(texts)


def config_from_pkg_resources(pkg_resource_defs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the config of YAML files that are part of packages, merged in order.

    Args:
        pkg_resource_defs: Pairs of a package's name and a file name within it.

    Raises:
        InvariantViolationError: where a package or file is not there, or is no dictionary in YAML.
    """
    texts: list[tuple[str, str]] = []
    for package, name in pkg_resource_defs:
        try:
            texts.append((f"{package}/{name}", resources.files(package).joinpath(name).read_text(encoding="utf-8")))
        except (ModuleNotFoundError, FileNotFoundError, UnicodeDecodeError, NotADirectoryError) as error:
            raise InvariantViolationError(
                f"Encountered error attempting to load config from {name!r} in package {package!r}: {error}."
            ) from error
    return _merged(texts)


def config_from_yaml_strings(yaml_strings: Sequence[str]) -> dict[str, Any]:
    """Return the config of YAML texts, merged in order: nested dictionaries are merged, later values win.

    Args:
        yaml_strings: The texts.

    Raises:
        InvariantViolationError: where a text is no dictionary in YAML.
    """
    return _merged([(f"text {number}", text) for number, text in enumerate(yaml_strings, 1)])


def _merged(texts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for source, text in texts:
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InvariantViolationError(
                f"Encountered error attempting to parse yaml. The source is {source}: {error}"
            ) from error
        if data is None:
            continue
        if not isinstance(data, dict):
            raise InvariantViolationError(f"Expected YAML from {source} to be a dictionary; got {type(data).__name__}.")
        result = deep_merge(result, data)
    return result


def deep_merge(base: Mapping[Any, Any], onto: Mapping[Any, Any]) -> dict[Any, Any]:
    """Both dictionaries in one, nested ones merged too; the second one wins."""
    result = dict(base)
    for key, value in onto.items():
        own = result.get(key)
        if isinstance(own, Mapping) and isinstance(value, Mapping):
            result[key] = deep_merge(own, value)
        else:
            result[key] = value
    return result
