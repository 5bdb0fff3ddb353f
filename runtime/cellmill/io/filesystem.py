"""Pickles in a folder, at Dagster's paths."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from cellmill.definitions.input_context import InputContext
from cellmill.definitions.output_context import OutputContext
from cellmill.errors import ValueTypeError
from cellmill.io.formats import pickled
from cellmill.io.signing import load_key, sign, verify
from cellmill.io.upath import UPathIOManager


class PickledObjectFilesystemIOManager(UPathIOManager):
    """Pickles each value to `<base_dir>/<asset key>[/<partition>]` or `<base_dir>/<run>/<step>/<output>`.

    The files are plain pickles with a signature behind them; files that this instance did not sign are refused.
    """

    def __init__(self, base_dir: str | None = None, *, key_folder: Path | None = None, **kwargs: Any) -> None:
        super().__init__(base_dir)
        self._key_folder = key_folder
        self._key: bytes | None = None

    def _signing_key(self) -> bytes:
        if self._key is None:
            self._key = load_key(self._key_folder)
        return self._key

    def _name(self, path: Any) -> str:
        # The value's own place, also while it is written beside it.
        parts = [part for part in path.relative_to(self.base_path).parts if not part.startswith(".tmp-")]
        return "/".join(parts)

    def dump_to_path(self, context: OutputContext, obj: Any, path: Any) -> None:
        """Writes the signed pickle."""
        try:
            data = pickled(obj)
        except ValueTypeError as error:
            raise ValueTypeError(f"Object {obj!r} is not picklable. {error}") from error
        path.write_bytes(sign(self._signing_key(), self._name(path), data))

    def load_from_path(self, context: InputContext, path: Any) -> Any:
        """Checks the signature, then reads the pickle."""
        return pickle.loads(verify(self._signing_key(), self._name(path), path.read_bytes()))
