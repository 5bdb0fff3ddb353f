"""The script that writes the reference, as a module."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_PATH = Path(__file__).parents[2] / "docs" / "generate_reference.py"
_SPEC = importlib.util.spec_from_file_location("generate_reference", _PATH)
assert _SPEC is not None and _SPEC.loader is not None
generator = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(generator)
