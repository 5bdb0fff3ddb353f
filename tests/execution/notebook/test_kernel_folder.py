"""Folders of kernels are private, and what a killed process left is removed by the next one."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cellmill.execution.notebook.kernel_folder import KernelFolder, sweep

KILLED = """
import os, signal
from cellmill.execution.notebook.kernel_folder import KernelFolder
folder = KernelFolder()
(folder.path / "log").write_text("words")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def own_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but these folders, for this process and those it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_folder_is_private_and_goes_with_its_kernel(tmp_path: Path) -> None:
    """Only its user may look into it; closing removes it with all that is in it."""
    folder = KernelFolder()
    assert list(tmp_path.iterdir()) == [folder.path]
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "log").write_text("words")
    folder.close()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_the_next_start_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    """Its folder goes; one that is held, somebody else's of that name and a link stay."""
    held = KernelFolder()
    other = tmp_path / "cellmill-kernel-of-another-release"
    other.mkdir()
    link = tmp_path / "cellmill-kernel-link"
    link.symlink_to(held.path)
    done = subprocess.run([sys.executable, "-c", KILLED])
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 4

    sweep()
    assert sorted(tmp_path.iterdir()) == sorted([held.path, other, link])
    held.close()
