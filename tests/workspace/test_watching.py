"""Files that are touched: noticed where the system tells of them, and where it does not; tools' folders left out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cellmill.workspace import watching
from cellmill.workspace.watching import FileWatch
from cellmill.workspace.workspace import Workspace

from tests.waiting import until
from tests.workspace.notebooks import write_notebook

LOAD = "%load_ext cellmill"


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileWatch]:
    """A folder's watch that the system serves, and that does not look by itself."""
    monkeypatch.setattr(watching, "ANYWAY_S", 1e6)
    for folder in ("nb/deep", ".venv/lib", "node_modules/x", ".cellmill", "nb/.ipynb_checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
    watch = FileWatch([tmp_path])
    until(lambda: watch.touched() and watch.watches)
    settle(watch)
    yield watch
    watch.close()


def settle(watch: FileWatch) -> None:
    """Take what is told of the past; from here on only news count."""
    watch.looked(0.0)
    until(lambda: not watch.touched())


@pytest.mark.parametrize("place", ["a.ipynb", "nb/deep/b.ipynb", "nb/tool.py"])
def test_a_write_is_told(tmp_path: Path, watch: FileWatch, place: str) -> None:
    """A file that is written anywhere below the folder is told of, though nobody looks for it."""
    (tmp_path / place).write_text("x")
    until(watch.touched)


def test_a_new_folder_is_watched_too(tmp_path: Path, watch: FileWatch) -> None:
    """Files in a folder that came later, and in one within it, are told of."""
    (tmp_path / "new" / "inner").mkdir(parents=True)
    until(watch.touched)
    (tmp_path / "new" / "inner" / "c.ipynb").write_text("x")
    until(watch.touched)
    settle(watch)
    (tmp_path / "new" / "inner" / "c.ipynb").write_text("y")
    until(watch.touched)


def test_folders_of_tools_are_not_watched(tmp_path: Path) -> None:
    """A virtual environment, packages of Node, checkpoints and the instance's folder take no watch."""
    for folder in ("nb/deep", ".venv/lib", "node_modules/x", ".cellmill", "nb/.ipynb_checkpoints", "nb/__pycache__"):
        (tmp_path / folder).mkdir(parents=True)
    found = watching.folders_to_watch([tmp_path, tmp_path / "nb"])
    assert found == [str(tmp_path), str(tmp_path / "nb"), str(tmp_path / "nb" / "deep")]


@pytest.mark.parametrize("why", ["variable", "many", "remote", "refused"])
def test_files_are_looked_for_where_the_system_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Where it cannot be watched, the folder is to be looked at again and again."""
    if why == "variable":
        monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    elif why == "many":
        monkeypatch.setattr(watching, "MOST_FOLDERS", 0)
    elif why == "remote":
        monkeypatch.setattr(watching, "_is_remote", lambda path: True)
    else:

        def refuse(*_: object, **__: object) -> None:
            raise OSError("OS file watch limit reached.")

        monkeypatch.setattr("watchfiles.watch", refuse)
    watch = FileWatch([tmp_path])
    until(lambda: watch.touched() and watch.gave_up)
    for _ in range(2):
        watch.looked(0.0)
        until(watch.touched)
    assert not watch.watches
    watch.close()


def test_a_long_look_is_not_made_all_the_time(tmp_path: Path) -> None:
    """Where looking takes seconds, it is not done again at once, though files were touched."""
    watch = FileWatch([tmp_path])
    assert watch.touched()
    watch.looked(1000.0)
    assert not watch.touched()
    watch.close()


def test_an_edit_reaches_who_follows_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is another one soon after a file is written, by what the system tells; and the same one before."""
    monkeypatch.setattr(watching, "ANYWAY_S", 1e6)
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset raw\n1")
    with Workspace.open(tmp_path) as workspace:
        before = workspace.follow()
        until(lambda: workspace.follow() is before and workspace.watches)
        (tmp_path / "deep").mkdir()
        write_notebook(tmp_path / "deep" / "b.ipynb", LOAD, "%%asset other\n1")
        until(lambda: len(workspace.follow().assets) == 2)
        (tmp_path / "a.ipynb").unlink()
        until(lambda: [entry.name for entry in workspace.follow().assets] == ["other"])


def test_a_program_that_follows_ends(tmp_path: Path) -> None:
    """The thread does not keep a program from its end, closed or not."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from cellmill.workspace.watching import FileWatch\n"
        "watch = FileWatch([Path(sys.argv[1])])\n"
        "while not (watch.touched() and watch.watches): time.sleep(0.01)\n"
        "print('watches')\n"
    )
    # by the folder, so that the variable of another test run does not count
    environ = {name: value for name, value in os.environ.items() if name != "WATCHFILES_FORCE_POLLING"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environ,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "watches\n", "")
