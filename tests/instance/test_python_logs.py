"""The table `[python_logs]` of a workspace's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from cellmill import Instance
from cellmill.errors import InvalidInvocationError


def test_the_file_of_the_workspace_says_it(tmp_path: Path) -> None:
    """The instance of a workspace reads its loggers from the workspace's file."""
    (tmp_path / "cellmill.toml").write_text(
        '[python_logs]\nmanaged_python_loggers = ["root"]\npython_log_level = "warning"\n'
    )
    with Instance.get(tmp_path / ".cellmill") as instance:
        assert list(instance.managed_python_loggers) == ["root"]
        assert instance.python_log_level == "warning"


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    """Neither an instance in memory nor one without settings takes other loggers."""
    with Instance.ephemeral() as passing, Instance.get(tmp_path) as kept:
        for instance in (passing, kept):
            assert list(instance.managed_python_loggers) == []
            assert instance.python_log_level is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"handlers": {}}, "has no setting 'handlers'"),
        ({"managed_python_loggers": "root"}, "a list of names"),
        ({"python_log_level": "LOUD"}, "python_log_level"),
    ],
)
def test_what_cannot_be(settings: dict[str, object], words: str) -> None:
    """An error says what the table may hold."""
    with pytest.raises(InvalidInvocationError, match=words):
        Instance.local_temp(overrides={"python_logs": settings})
