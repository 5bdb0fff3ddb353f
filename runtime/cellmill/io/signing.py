"""Pickles are signed when written and checked before they are read: loading a stranger's pickle runs his code."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

from cellmill.errors import SecurityError

KEY_VARIABLE = "CELLMILL_KEY"
KEY_FILE = "key"
#: Begins the trailer behind a pickle; readers of plain pickles stop before it.
MARK = b"\n#cellmill-hmac-sha256:"
_TRAILER = len(MARK) + 64


def load_key(folder: Path | None) -> bytes:
    """The key of the instance: `CELLMILL_KEY`, else the file `key` in `folder`, made (0600) where there is none.

    Without a folder (an instance that forgets) it is the user's own key: what one run of a script stored in a folder
    of its choice, the next run may load.
    """
    given = os.environ.get(KEY_VARIABLE)
    if given:
        return given.encode()
    if folder is None:
        home = os.environ.get("CELLMILL_HOME")
        folder = Path(home) if home else Path.home() / ".config" / "cellmill"
    path = folder / KEY_FILE
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f".{KEY_FILE}.{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_hex(32).encode())
    try:
        # Of two processes that make the first key at once, one wins and both use its key.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return path.read_bytes()


def key_folder(instance: Any) -> Path | None:
    """Where the instance keeps its key; None for one that forgets, and where there is no instance at all."""
    return None if instance is None or instance.is_ephemeral else Path(instance.root_directory)


def _digest(key: bytes, name: str, data: bytes | memoryview) -> bytes:
    signer = hmac.new(key, name.encode("utf-8", "surrogatepass") + b"\0", hashlib.sha256)
    signer.update(data)
    return signer.hexdigest().encode()


def sign(key: bytes, name: str, data: bytes) -> bytes:
    """The pickle with its signature behind it; `name` binds it to the place it is stored in."""
    return data + MARK + _digest(key, name, data)


def verify(key: bytes, name: str, data: bytes) -> memoryview:
    """Return the pickle without its signature.

    Args:
        key: The key that it was signed with.
        name: The place that it was stored in.
        data: The pickle with its signature behind it.

    Raises:
        SecurityError: where it is not ours, was changed, or was moved.
    """
    view = memoryview(data)
    body, trailer = view[:-_TRAILER], view[-_TRAILER:]
    if len(data) <= _TRAILER or bytes(trailer[: len(MARK)]) != MARK:
        raise SecurityError(
            f"The pickle of {name} was refused: it carries no signature of this instance. Loading a pickle runs code; "
            "store the value through cellmill, or use a data format such as Parquet or JSON."
        )
    if not hmac.compare_digest(bytes(trailer[len(MARK) :]), _digest(key, name, body)):
        raise SecurityError(
            f"The pickle of {name} was refused: its signature does not fit. It was changed, moved, or written by "
            f"another instance. Materialize it again (or give both instances the same {KEY_VARIABLE})."
        )
    return body
