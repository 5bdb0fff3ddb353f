"""The names of assets and of the checks on them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellmill.errors import CheckError

_NOT_IDENTIFIER = re.compile(r"[^A-Za-z0-9_/]")
_ESCAPED_OR_ONE = re.compile(r"\\[\\/]|.", re.DOTALL)


class AssetKey:
    """The name of an asset: one or more parts, written ``a/b``. It cannot be changed.

    >>> AssetKey(["raw", "orders"]).to_user_string()
    'raw/orders'

    Args:
        path: The parts, or the text of a single part: slashes in it do not part it (`from_user_string` does that).
        parts: The same as `path`, and wins over it.

    Raises:
        CheckError: where a part is no text.
    """

    __slots__ = ("_hash", "parts")
    parts: tuple[str, ...]
    _hash: int

    def __init__(self, path: str | Sequence[str] = (), *, parts: Sequence[str] | None = None) -> None:
        given = path if parts is None else parts
        if isinstance(given, str):
            own: tuple[str, ...] = (given,)
        elif isinstance(given, (tuple, list)) or isinstance(given, Sequence):  # the usual ones first: they are quick
            own = tuple(given)
            for part in own:
                if not isinstance(part, str):
                    raise CheckError(f"The parts of an AssetKey are str; got {part!r} of type {type(part).__name__}.")
        else:
            raise CheckError(f"An AssetKey is made of a str or a sequence of str; got {type(given).__name__}.")
        object.__setattr__(self, "parts", own)
        object.__setattr__(self, "_hash", hash(own))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"An AssetKey cannot be changed (attribute {name!r}); make a new one.")

    @property
    def path(self) -> list[str]:
        """The parts as a new list."""
        return list(self.parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, AssetKey) and self.parts == other.parts

    def __lt__(self, other: AssetKey) -> bool:
        return self.parts < other.parts

    def __le__(self, other: AssetKey) -> bool:
        return self.parts <= other.parts

    def __gt__(self, other: AssetKey) -> bool:
        return self.parts > other.parts

    def __ge__(self, other: AssetKey) -> bool:
        return self.parts >= other.parts

    def __repr__(self) -> str:
        return f"AssetKey({list(self.parts)!r})"

    def __iter__(self) -> Iterator[str]:
        raise CheckError(f"{self!r} is one key: Iteration is not allowed. Did you mean a list of keys, or its `path`?")

    def __getitem__(self, index: object) -> str:
        raise CheckError(f"{self!r} is one key: Index access is not allowed. Use its `path`.")

    def __reduce__(self) -> tuple[type[AssetKey], tuple[tuple[str, ...]]]:
        return type(self), (self.parts,)

    def to_user_string(self) -> str:
        """Return the form that people read and write: ``a/b``."""
        return "/".join(self.parts)

    def to_escaped_user_string(self) -> str:
        r"""Return ``a/b`` with slashes inside parts written ``\/``, and backslashes ``\\``."""
        return "/".join(part.replace("\\", "\\\\").replace("/", "\\/") for part in self.parts)

    def to_string(self) -> str:
        """Return the form that storages keep: a JSON list."""
        return json.dumps(self.parts)

    def to_db_string(self) -> str:
        """Return `to_string()`."""
        return self.to_string()

    def to_python_identifier(self, suffix: str | None = None) -> str:
        """Return a name for ops and files: parts joined by ``__``, other signs turned into ``_``.

        Args:
            suffix: One more part at the end.
        """
        parts = self.parts if suffix is None else (*self.parts, suffix)
        return _NOT_IDENTIFIER.sub("_", "__".join(parts))

    def to_graphql_input(self) -> Mapping[str, Sequence[str]]:
        """Return the GraphQL input form."""
        return {"path": list(self.parts)}

    def has_prefix(self, prefix: Sequence[str]) -> bool:
        """Return whether the key starts with the parts of `prefix`.

        Args:
            prefix: The parts.
        """
        return self.parts[: len(prefix)] == tuple(prefix)

    def with_prefix(self, prefix: str | Sequence[str]) -> AssetKey:
        """Return the key with `prefix` before it.

        Args:
            prefix: One part, or several.
        """
        if not isinstance(prefix, str) and not isinstance(prefix, Sequence):
            raise CheckError(f"A prefix is a str or a sequence of str; got {prefix!r}.")
        before = (prefix,) if isinstance(prefix, str) else tuple(prefix)
        return AssetKey((*before, *self.parts))

    @staticmethod
    def from_user_string(asset_key_string: str) -> AssetKey:
        """Return the key that people write ``a/b``.

        Args:
            asset_key_string: The parts with slashes between them.
        """
        return AssetKey(asset_key_string.split("/"))

    @staticmethod
    def from_escaped_user_string(asset_key_string: str) -> AssetKey:
        """Return the key of `to_escaped_user_string`.

        Args:
            asset_key_string: The parts with slashes between them; slashes and backslashes inside parts have a backslash
                before them.
        """
        parts = [""]
        for sign in _ESCAPED_OR_ONE.findall(asset_key_string):
            if sign == "/":
                parts.append("")
            else:
                parts[-1] += sign[1:] if sign in ("\\/", "\\\\") else sign
        return AssetKey(parts)

    @staticmethod
    def from_db_string(asset_key_string: str | None) -> AssetKey | None:
        """Return the key that a storage keeps, or None for an empty one.

        Args:
            asset_key_string: A JSON list of the parts.
        """
        if not asset_key_string:
            return None
        if asset_key_string[0] == "[":
            parts = json.loads(asset_key_string)
            return AssetKey(parts) if isinstance(parts, list) else None
        return AssetKey([part for part in re.split(r"[^A-Za-z0-9_]", asset_key_string) if part])

    @staticmethod
    def from_coercible(arg: Any) -> AssetKey:
        """Return `arg` if it is a key, else the key of that one part or of those parts.

        Args:
            arg: A key, a text, or a sequence of texts.

        Raises:
            CheckError: where it is none of them.
        """
        if isinstance(arg, AssetKey):
            return arg
        if isinstance(arg, str) or (isinstance(arg, Sequence) and not isinstance(arg, (bytes, bytearray))):
            return AssetKey(arg)
        raise CheckError(f"Expected an AssetKey, a str or a sequence of str; got {type(arg).__name__}.")

    @staticmethod
    def from_coercible_or_definition(arg: Any) -> AssetKey:
        """Return `from_coercible(arg)`, or the one key of the definition given.

        Args:
            arg: A key in any form, a spec, or the definition of one asset.
        """
        key = getattr(arg, "key", None)
        return key if isinstance(key, AssetKey) else AssetKey.from_coercible(arg)

    @staticmethod
    def from_graphql_input(graphql_input_asset_key: Mapping[str, Sequence[str]]) -> AssetKey:
        """Return the key of its GraphQL input form.

        Args:
            graphql_input_asset_key: A dict with the parts under `path`.
        """
        return AssetKey(graphql_input_asset_key["path"])


class AssetCheckKey:
    """The name of a check: the asset it is on, and its own name. It cannot be changed.

    Args:
        asset_key: The asset.
        name: The check's name, unique for the asset.
    """

    __slots__ = ("asset_key", "name")
    asset_key: AssetKey
    name: str

    def __init__(self, asset_key: AssetKey, name: str) -> None:
        object.__setattr__(self, "asset_key", asset_key)
        object.__setattr__(self, "name", name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"An AssetCheckKey cannot be changed (attribute {name!r}); make a new one.")

    def __hash__(self) -> int:
        return hash((self.asset_key, self.name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetCheckKey) and self.asset_key == other.asset_key and self.name == other.name

    def __lt__(self, other: AssetCheckKey) -> bool:
        return (self.asset_key, self.name) < (other.asset_key, other.name)

    def __repr__(self) -> str:
        return f"AssetCheckKey(asset_key={self.asset_key!r}, name={self.name!r})"

    def __reduce__(self) -> tuple[type[AssetCheckKey], tuple[AssetKey, str]]:
        return type(self), (self.asset_key, self.name)

    def to_user_string(self) -> str:
        """Return ``asset/key:check``."""
        return f"{self.asset_key.to_user_string()}:{self.name}"

    def to_db_string(self) -> str:
        """Return the form that storages keep."""
        return json.dumps({"asset_key": self.asset_key.to_string(), "check_name": self.name})

    def with_asset_key_prefix(self, prefix: str | Sequence[str]) -> AssetCheckKey:
        """Return the key with `prefix` before the asset's.

        Args:
            prefix: One part, or several.
        """
        return AssetCheckKey(self.asset_key.with_prefix(prefix), self.name)

    def replace_asset_key(self, asset_key: AssetKey) -> AssetCheckKey:
        """Return the check of the same name on another asset.

        Args:
            asset_key: The other asset.
        """
        return AssetCheckKey(asset_key, self.name)

    @staticmethod
    def from_user_string(user_string: str) -> AssetCheckKey:
        """Return the key that people write ``asset/key:check``.

        Args:
            user_string: The asset's key, a colon and the check's name.
        """
        asset, _, name = user_string.rpartition(":")
        return AssetCheckKey(AssetKey.from_user_string(asset), name)

    @staticmethod
    def from_db_string(db_string: str) -> AssetCheckKey | None:
        """Return the key that a storage keeps, or None where the text is no such key.

        Args:
            db_string: What `to_db_string` returned.
        """
        try:
            values = json.loads(db_string)
        except ValueError:
            return None
        if not isinstance(values, dict):
            return None
        key = AssetKey.from_db_string(values.get("asset_key"))
        name = values.get("check_name")
        return AssetCheckKey(key, name) if key is not None and isinstance(name, str) else None

    @staticmethod
    def from_graphql_input(graphql_input: Mapping[str, Any]) -> AssetCheckKey:
        """Return the key of its GraphQL input form.

        Args:
            graphql_input: A dict with `assetKey` and `name`.
        """
        return AssetCheckKey(AssetKey.from_graphql_input(graphql_input["assetKey"]), graphql_input["name"])


CoercibleToAssetKey = AssetKey | str | Sequence[str]
CoercibleToAssetKeyPrefix = str | Sequence[str]


@dataclass(frozen=True, slots=True, order=True)
class AssetJobKey:
    """The name of a job over assets, where conditions take one for the key of an asset.

    Args:
        job_name: The job's name.
    """

    job_name: str

    def to_user_string(self) -> str:
        """Return the name."""
        return self.job_name

    @staticmethod
    def from_user_string(user_string: str) -> AssetJobKey:
        """Return the key of the name.

        Args:
            user_string: The job's name.
        """
        return AssetJobKey(user_string)


def key_prefix_from_coercible(key_prefix: str | Iterable[str]) -> list[str]:
    """Return the parts of a key prefix."""
    return [key_prefix] if isinstance(key_prefix, str) else list(key_prefix)
