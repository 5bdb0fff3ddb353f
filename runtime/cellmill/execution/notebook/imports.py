"""Importing what Jupyter's libraries drag along, without what makes that slow.

`jsonschema` tries to import `rfc3987_syntax`, whose grammar takes 8,300 million instructions to build (ten times all
else) and
is used for nothing but checking internationalised addresses in JSON schemas; no notebook schema has one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Optional modules that jsonschema does without when they are missing.
SLOW_AND_OPTIONAL = ("rfc3987_syntax",)


@contextmanager
def without_slow_grammars() -> Iterator[None]:
    """Let imports made inside find `rfc3987_syntax` missing; outside nothing has changed."""
    hidden = [name for name in SLOW_AND_OPTIONAL if name not in sys.modules]
    modules: dict[str, Any] = sys.modules
    for name in hidden:
        modules[name] = None
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
