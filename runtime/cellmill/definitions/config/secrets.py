"""Secret parts of config: which they are, and config without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cellmill.definitions.config.alternatives import Noneable, ScalarUnion
from cellmill.definitions.config.config_type import ConfigType
from cellmill.definitions.config.field import Array, Map, Permissive, Selector, Shape
from cellmill.redaction import MASK

#: Stands in a path for each item of a list and each key of a map.
EACH = "*"

Path = tuple[str, ...]


def secret_paths(config_type: ConfigType, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of the fields of a config type whose values are secret."""
    match config_type:
        case Noneable():
            yield from secret_paths(config_type.inner_type, path)
        case Array() | Map():
            yield from secret_paths(config_type.inner_type, (*path, EACH))
        case ScalarUnion():
            yield from secret_paths(config_type.non_scalar_type, path)
        case Shape() | Permissive() | Selector():
            for name, field in config_type.fields.items():
                if field.is_secret:
                    yield (*path, name)
                else:
                    yield from secret_paths(field.config_type, (*path, name))


def masked(value: Any, paths: Iterable[Path]) -> Any:
    """Return config with a mask in the place of what stands at these paths; what names a variable of the environment
    stays.
    """
    ends = list(paths)
    if not ends:
        return value
    if () in ends:
        return value if value is None or _names_variable(value) else MASK
    if isinstance(value, Mapping):
        return {key: masked(item, _below(ends, str(key))) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [masked(item, _below(ends, EACH)) for item in value]
    return value


def _below(paths: Iterable[Path], name: str) -> list[Path]:
    return [path[1:] for path in paths if path and path[0] in (name, EACH)]


def _names_variable(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"env"}
