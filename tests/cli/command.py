"""Running the command line in this process, as tests need it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cellmill.cli.main import main


@dataclass(frozen=True)
class Outcome:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON that it wrote; without any, a failure that shows the exit code and what it said instead."""
        try:
            return json.loads(self.out)
        except json.JSONDecodeError:
            raise AssertionError(f"No JSON; exit code {self.code}.\n{self.out}\n{self.err}") from None


Command = Callable[..., Outcome]


@pytest.fixture
def cellmill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `cellmill …` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CELLMILL_HOME", raising=False)
    monkeypatch.delenv("CELLMILL_STORAGE", raising=False)

    def run(*words: str) -> Outcome:
        capfd.readouterr()
        code = main(list(words))
        found = capfd.readouterr()
        return Outcome(code, found.out, found.err)

    return run
