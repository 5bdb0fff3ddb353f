"""Tags: short keys and values that things are found by."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.errors import InvalidDefinitionError

KIND_PREFIX = "dagster/kind/"
COMPUTE_KIND_TAG = "kind"
MAX_KINDS = 10
#: Tag of an asset whose runs give different data from the same code and inputs: every run is a new data version.
NON_DETERMINISTIC_TAG = "cellmill/non_deterministic"

_KEY = re.compile(r"^([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}$")
_VALUE = re.compile(r"^[A-Za-z0-9_.-]{0,63}$")
_OWNER_TEAM = re.compile(r"^team:[A-Za-z0-9_]+$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
_NAME = re.compile(r"^[A-Za-z0-9_]+$")
_KEYWORD_NAMES = frozenset(
    "context conf config meta arg_dict dict input_arg_dict output_arg_dict int str float bool input output type".split()
)
_EMPTY: Mapping[str, str] = {}


def checked_tags(tags: Mapping[str, Any] | None, owner: str, *, strict: bool = False) -> Mapping[str, str]:
    """Return `tags` with every value as str (JSON where it is none); `strict` also checks the form of both."""
    if not tags:
        return _EMPTY
    if not isinstance(tags, Mapping):
        raise InvalidDefinitionError(f"Tags of {owner} are a mapping from str to str; got {type(tags).__name__}.")
    return {key: _checked_tag(key, value, owner, strict) for key, value in tags.items()}


def _checked_tag(key: Any, value: Any, owner: str, strict: bool) -> str:
    if not isinstance(key, str):
        raise InvalidDefinitionError(f"Tag keys of {owner} must be strings; got {key!r}.")
    if not isinstance(value, str):
        if strict:
            raise InvalidDefinitionError(f'Tag "{key}" of {owner} must have a str as its value; got {value!r}.')
        text = _as_json(value)
        if text is None:
            raise InvalidDefinitionError(f'Invalid value for tag "{key}" of {owner}: {_why_no_json(value)}.')
        value = text
    if strict and not _KEY.match(key.removeprefix(KIND_PREFIX)):
        raise InvalidDefinitionError(
            f"Found invalid tag keys: {key!r} on {owner}. Allowed are letters, digits, `_`, `-` and `.`, at most 63 of "
            "them, with at most one prefix before a slash."
        )
    if strict and not _VALUE.match(value):
        raise InvalidDefinitionError(
            f"Found invalid tag values: {value!r} of key {key!r} on {owner}. Allowed are letters, digits, `_`, `-` and "
            "`.`, at most 63 of them."
        )
    return str(value)


def _why_no_json(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        return f"Could not JSON encode value {value!r}"
    return f'JSON encoding "{text}" of value "{value}" is not equivalent to original value'


def _as_json(value: Any) -> str | None:
    try:
        text = json.dumps(value)
        return text if json.loads(text) == value else None
    except (TypeError, ValueError):
        return None


def kind_tags(kinds: Any) -> dict[str, str]:
    """Return the tags that stand for `kinds`."""
    return {f"{KIND_PREFIX}{kind}": "" for kind in kinds or ()}


def checked_kinds(kinds: Any, owner: str) -> frozenset[str]:
    """Return `kinds` if there are no more than ten, each of which can be a part of a tag."""
    own = frozenset(kinds or ())
    if len(own) > MAX_KINDS:
        raise InvalidDefinitionError(
            f"{owner} has {len(own)} kinds {sorted(own)}. Assets can have at most ten kinds currently."
        )
    checked_tags(kind_tags(kind.removeprefix(KIND_PREFIX) for kind in own), owner, strict=True)
    return own


def checked_owners(owners: Sequence[str] | None, owner: str) -> Sequence[str]:
    """Return `owners` if each is an e-mail address or ``team:name``."""
    for one in owners or ():
        if not isinstance(one, str) or not (_EMAIL.match(one) or _OWNER_TEAM.match(one)):
            raise InvalidDefinitionError(
                f"Invalid owner {one!r} of {owner}. Owner must be an email address or a team name prefixed with "
                "'team:'."
            )
    return tuple(owners or ())


def checked_definition_owners(owners: Sequence[str] | None, owner: str) -> Sequence[str] | None:
    """Return `owners` of a job, schedule or sensor if each is an e-mail address or ``team:`` and any name."""
    for one in owners or ():
        if isinstance(one, str) and one.startswith("team:"):
            if one == "team:":
                raise InvalidDefinitionError(
                    f"Team name cannot be empty after 'team:' prefix, in the owners of {owner}."
                )
        else:
            checked_owners([one], owner)
    return None if owners is None else list(owners)


def checked_pool(pool: str, owner: str) -> str:
    """Return `pool` if a concurrency pool may be called so."""
    if not isinstance(pool, str) or any(one.isspace() for one in pool):
        raise InvalidDefinitionError(
            f"Pool {pool!r} of {owner} is not a valid pool name: leave blanks out, as in 'db'."
        )
    return pool


def checked_name(name: Any, what: str = "definition") -> str:
    """Return `name` if definitions may be called so."""
    if not isinstance(name, str):
        raise InvalidDefinitionError(f"The name of a {what} is a str; got {name!r} of type {type(name).__name__}.")
    if name in _KEYWORD_NAMES:
        raise InvalidDefinitionError(
            f'"{name}" is not a valid name for a {what}: it is reserved. Not allowed are {sorted(_KEYWORD_NAMES)}.'
        )
    if not _NAME.match(name):
        raise InvalidDefinitionError(
            f'"{name}" is not a valid name for a {what}. Names must be in regex ^[A-Za-z0-9_]+$.'
        )
    return name


def checked_group(name: Any) -> str:
    """Return `name` if groups may be called so; None is the default group."""
    if name is None:
        return "default"
    if not isinstance(name, str) or not name:
        raise InvalidDefinitionError(
            "Empty asset group name was provided, which is not permitted. Set group_name=None to use the default "
            "group_name or set non-empty string."
        )
    if not all(_NAME.match(part) for part in name.split("/")):
        raise InvalidDefinitionError(
            f'"{name}" is not a valid asset group name. Names must be in regex ^[A-Za-z0-9_]+$; a slash between names '
            "makes a group within a group."
        )
    return name
