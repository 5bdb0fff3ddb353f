"""How long tests of random input look: a bounded while from fixed seeds; longer and elsewhere by hand (`make fuzz`)."""

from __future__ import annotations

import os

#: Times as many examples as usual; set by hand.
_TIMES = int(os.environ.get("CELLMILL_FUZZ", "1"))
#: Whether every run of the tests looks at the same examples.
FIXED = _TIMES == 1


def examples(usual: int) -> int:
    """Return how many examples to look at where `usual` are enough for every day."""
    return usual * _TIMES
