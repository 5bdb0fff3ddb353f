"""Reading many notebooks without the cycle collector, in processes that have plans of their own for it."""

from __future__ import annotations

import gc

import pytest
from cellmill.notebooks.collector import paused_collector


def test_the_collector_rests_within_the_block_only() -> None:
    """It is on again behind the block, also behind an error."""
    with pytest.raises(ValueError, match="broken"), paused_collector():
        assert not gc.isenabled()
        raise ValueError("broken")
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    """Who switched it off switches it on."""
    gc.disable()
    try:
        with paused_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_others_froze_stays_frozen_and_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting a million frozen objects takes as long as reading several notebooks."""
    gc.freeze()
    with paused_collector():
        pass
    assert gc.get_freeze_count() > 0
    asked: list[int] = []
    monkeypatch.setattr(gc, "get_freeze_count", lambda: asked.append(1) or 1)
    for _ in range(3):
        with paused_collector():
            pass
    assert asked == []
