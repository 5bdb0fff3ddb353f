"""Reading without the cycle collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Whether objects were frozen here by somebody else, whose they remain. Counting them takes as long as walking them, so
#: it is done once where there are any; where there are none it takes nothing.
_others_froze = False


@contextmanager
def paused_collector() -> Iterator[None]:
    """Syntax trees make the cycle collector walk them again and again: a third of the time when measured."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            _age()
            gc.enable()


def _age() -> None:
    """Put all objects into the oldest generation unwalked: what was read is kept. It was a tenth of the time."""
    global _others_froze
    _others_froze = _others_froze or gc.get_freeze_count() > 0
    if not _others_froze:
        gc.freeze()
        gc.unfreeze()
