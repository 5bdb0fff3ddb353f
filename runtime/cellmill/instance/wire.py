"""The JSON form of what events and runs carry: stable, and readable by older and newer versions.

A dataclass is an object whose key "$" names its class; fields that have their default are left out. A reader that does
not know a class keeps the object as a plain mapping, and one that does not know a field ignores it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from importlib import import_module
from operator import attrgetter
from pathlib import PurePath
from typing import Any, cast

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.events import make_materialization
from cellmill.definitions.metadata import MetadataValue

#: Modules whose dataclasses and enums may occur in what is stored; nothing else is ever made from stored text.
MODULES = (
    "cellmill.planning.event",
    "cellmill.planning.run",
    "cellmill.definitions.events",
    "cellmill.definitions.outcome",
    "cellmill.definitions.output",
    "cellmill.definitions.table",
    "cellmill.definitions.code_references",
    "cellmill.definitions.value_ref",
    "cellmill.definitions.partitions",
)

#: How long the `repr` of a value without a JSON form may be.
REPR_LIMIT = 2000


_Object = Callable[[Any], dict[str, Any]]
_as_object: dict[type, _Object] = {}
_Text = Callable[[Any], str]
_as_text: dict[type, _Text] = {}
#: The JSON text of a string.
_quoted = json.encoder.encode_basestring_ascii


def _object_maker(cls: type) -> _Object:
    """What turns a value of this dataclass into a JSON object; made once, for events pass here by the million."""
    plan = _plan(cls)
    name = cls.__name__
    names = tuple(each for each, _ in plan)
    defaults = tuple(default for _, default in plan)
    get = _getter(plan)

    def make(value: Any) -> dict[str, Any]:
        data = {"$": name}
        for each, item, default in zip(names, get(value), defaults, strict=False):
            if item is not default and (default is MISSING or item != default):
                data[each] = item
        return data

    return make


def _text_maker(cls: type) -> _Text:
    """What turns a value of this dataclass into JSON text.

    Most payloads are a few short texts: they are put side by side by a function written for the class, which costs a
    third of what a loop over its fields does.
    """
    inside: dict[str, Any] = {"text_of": _text_of, "quoted": _quoted}
    lines, parts = ["def text(value):"], []
    texts = {one.name for one in fields(cls) if one.type in ("str", "str | None")}
    for place, (name, default) in enumerate(_plan(cls)):
        item = f"item{place}"
        # What is no text after all makes `quoted` raise, and `dumps` take the long way.
        form = f"quoted({item})" if name in texts else f"quoted({item}) if type({item}) is str else text_of({item})"
        lines.append(f"    {item} = value.{name}")
        if default is MISSING:
            parts.append(f',"{name}":{{{form}}}')
        else:
            inside[f"default{place}"] = default
            lines.append(f"    if {item} is default{place} or {item} == default{place}:")
            lines.append(f"        {item} = ''")
            lines.append(f"    else: {item} = ',\"{name}\":' + ({form})")
            parts.append(f"{{{item}}}")
    lines.append(f'    return f\'{{{{"$":"{cls.__name__}"{"".join(parts)}}}}}\'')
    exec("\n".join(lines), inside)
    return cast("_Text", inside["text"])


def _text_of(value: Any) -> str:
    make = _as_text.get(type(value))
    return _encode(value) if make is None else make(value)


def _getter(plan: tuple[tuple[str, Any], ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What reads all the fields of a value at once."""
    names = [name for name, _ in plan]
    # `attrgetter` of one name gives no tuple; asking for it twice does, and `zip` stops in time.
    return attrgetter(*names, *names[:1]) if names else lambda value: ()


@lru_cache(maxsize=512)
def _plan(cls: type) -> tuple[tuple[str, Any], ...]:
    """Names and defaults of the fields that make a value of this dataclass."""
    plan = []
    for item in fields(cls):
        if not item.init:
            continue
        default = item.default
        if item.default_factory is not MISSING:
            default = item.default_factory()
        plan.append((item.name, default))
    return tuple(plan)


def _default(value: Any) -> Any:
    cls = type(value)
    make = _as_object.get(cls)
    if make is not None:
        return make(value)
    if isinstance(value, MetadataValue):
        return {"$": "metadata", **value.to_json()}
    if is_dataclass(cls):
        make = _as_object[cls] = _object_maker(cls)
        _as_text[cls] = _text_maker(cls)
        return make(value)
    encode = _ENCODERS.get(cls)
    if encode is not None:
        return encode(value)
    if isinstance(value, Enum):
        return {"$": "enum", "class": cls.__name__, "value": value.value}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "to_wire"):
        return {"$": cls.__name__, **value.to_wire()}
    return {"$": "repr", "text": repr(value)[:REPR_LIMIT]}


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    AssetKey: lambda value: {"$": "AssetKey", "parts": value.parts},
    AssetCheckKey: lambda value: {"$": "AssetCheckKey", "asset_key": value.asset_key, "name": value.name},
    set: lambda value: {"$": "set", "items": sorted(value, key=str)},
    frozenset: lambda value: {"$": "set", "items": sorted(value, key=str)},
    datetime: lambda value: {"$": "datetime", "iso": value.isoformat()},
    timedelta: lambda value: {"$": "timedelta", "seconds": value.total_seconds()},
    bytes: lambda value: {"$": "bytes", "hex": value.hex()},
}

_DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "AssetKey": lambda data: AssetKey(data["parts"]),
    "AssetCheckKey": lambda data: AssetCheckKey(data["asset_key"], data["name"]),
    # Its parts were checked when it was written.
    "AssetMaterialization": lambda data: make_materialization(
        data["asset_key"],
        data.get("metadata", {}),
        data.get("partition"),
        data.get("tags", {}),
        data.get("description"),
    ),
    "metadata": MetadataValue.from_json,
    "set": lambda data: frozenset(data["items"]),
    "datetime": lambda data: datetime.fromisoformat(data["iso"]),
    "timedelta": lambda data: timedelta(seconds=data["seconds"]),
    "bytes": lambda data: bytes.fromhex(data["hex"]),
    "enum": lambda data: _enum(data),
    "repr": lambda data: data["text"],
}


def _encoder() -> _Text:
    options: dict[str, Any] = {"default": _default, "separators": (",", ":"), "check_circular": False}
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return json.JSONEncoder(**options).encode
    # What `JSONEncoder.encode` makes anew for each value, made once; it keeps no state between values.
    chunks: Callable[[Any, int], list[str]] = make(None, _default, _quoted, None, ":", ",", False, False, True)
    return lambda value: "".join(chunks(value, 0))


_encode = _encoder()
# Keys come again and again, numbers need no encoder.
_as_text[AssetKey] = lru_cache(maxsize=65536)(_encode)
_as_text[int] = int.__repr__


def dumps(value: Any) -> str:
    """The JSON text of a value; whatever has no JSON form is stored as its `repr`."""
    try:
        return _text_of(value)
    except (TypeError, RecursionError, ValueError):
        return json.dumps(_plain(value, 0), separators=(",", ":"))


def _plain(value: Any, depth: int) -> Any:
    """The value with what JSON cannot hold (keys that are no strings, cycles) turned into text."""
    if depth > 20:
        return {"$": "repr", "text": repr(value)[:REPR_LIMIT]}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return _plain(_default(value), depth + 1)


@lru_cache(maxsize=1024)
def _known(name: str) -> Any:
    """The dataclass or enum of this name, from the modules that may be stored."""
    for module_name in MODULES:
        try:
            found = getattr(import_module(module_name), name, None)
        except ImportError:
            continue
        if isinstance(found, type):
            return found
    return None


def _enum(data: dict[str, Any]) -> Any:
    """The member, or its plain value where a newer version wrote it."""
    cls = _known(data["class"])
    return data["value"] if cls is None else cls(data["value"])


@lru_cache(maxsize=1024)
def _maker(name: str) -> Callable[[dict[str, Any]], Any] | None:
    """What makes a value of the class of this name from its JSON object; None for a class that is not known."""
    cls: Any = _known(name)
    if cls is None:
        return None
    if not is_dataclass(cls):
        return getattr(cls, "from_wire", None)
    known = frozenset(field for field, _ in _plan(cast("type", cls)))
    make = cast("Callable[..., Any]", cls)

    def from_fields(data: dict[str, Any]) -> Any:
        for key, item in data.items():
            if type(item) is list:
                # Sequences in frozen data are tuples.
                data[key] = tuple(item)
        del data["$"]
        if data.keys() <= known:
            return make(**data)
        return make(**{key: item for key, item in data.items() if key in known})

    return from_fields


def _hook(data: dict[str, Any]) -> Any:
    name = data.get("$")
    if name is None:
        return data
    make = _DECODERS.get(name) or _maker(name)
    return data if make is None else make(data)


_decoder = json.JSONDecoder(object_hook=_hook)


def loads(text: str) -> Any:
    """The value that `dumps` wrote."""
    return _decoder.decode(text)
