"""Modules that are loaded on first use, by several threads at once."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from cellmill.first_use import on_first_use

SLOW = """
import threading
went_in, may_go_on = threading.gate
went_in.set()
assert may_go_on.wait(60)
answer = 42
"""


def test_a_module_that_another_thread_is_importing_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both threads that use it first get what it defines; neither sees a half of it."""
    (tmp_path / "module_that_is_slow.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    gate = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "gate", gate, raising=False)
    late = on_first_use("module_that_is_slow")
    found: list[object] = []

    def use() -> None:
        try:
            found.append(late.answer)
        except AttributeError as error:
            found.append(error)

    first = threading.Thread(target=use)
    first.start()
    assert gate[0].wait(60)
    assert "module_that_is_slow" in sys.modules
    second = threading.Thread(target=use)
    second.start()
    second.join(0.2)  # without the wait it would have failed by now; with it, it is still waiting
    gate[1].set()
    first.join(60)
    second.join(60)
    del sys.modules["module_that_is_slow"]

    assert found == [42, 42]
