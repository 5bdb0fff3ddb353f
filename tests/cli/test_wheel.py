"""What a user gets: the built wheel in an environment of its own, in a folder that has nothing to do with ours."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import click
import jupyterlab
import pytest

from .dev_process import END_S, running_dev

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and an empty folder to work in."""

    bin: Path
    folder: Path
    env: Mapping[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command line in the folder."""
        command = [str(self.bin / words[0]), *words[1:]]
        return subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=250)


def build_wheel(folder: Path) -> Path:
    """Build the wheel; the browser side is not needed here, and takes Node.js."""
    env = {**os.environ, "SKIP_JUPYTER_BUILDER": "1"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, env=env, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(folder: Path, wheel: Path) -> Path:
    """Make an environment with the wheel; other libraries are those of the tests, to spare minutes of downloads."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    # what is imported is compiled then
    given = ["--no-deps", "--no-index", "--no-compile", "-q", str(wheel)]
    subprocess.run([*pip, *given], check=True, capture_output=True)
    # A folder named in a .pth file is searched, but its own .pth files, and with them our source tree, are not read.
    libraries = Path(click.__file__).parents[1]
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (own / "libraries.pth").write_text(f"{libraries}\n")
    return folder / "bin"


def environment() -> dict[str, str]:
    """Return our environment variables without those that lead back into the source tree."""
    ours = ("PYTHON", "CELLMILL_", "VIRTUAL_ENV", "JUPYTER_", "COVERAGE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    share = Path(jupyterlab.__file__).parents[4] / "share" / "jupyter"
    return {**kept, "JUPYTERLAB_DIR": str(share / "lab"), "JUPYTER_TOKEN": "of-the-test"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build, install, and give an empty folder."""
    root = tmp_path_factory.mktemp("installed")
    (root / "project").mkdir()
    return Installed(make_environment(root / "venv", build_wheel(root / "dist")), root / "project", environment())


@pytest.mark.timeout(900)
def test_from_an_empty_folder_to_a_running_server(installed: Installed) -> None:
    """`init`, `materialize`, `check` and `dev` work at once, each from the installed wheel alone."""
    where = installed.run("python", "-c", "import cellmill, cellmill_kernel, cellmill_lab as lab; print(lab.__file__)")
    assert where.stdout.startswith(str(installed.bin.parent)), where.stderr

    made = installed.run("cellmill", "init")
    assert made.returncode == 0, made.stderr
    first = installed.run("cellmill", "materialize", "*")
    assert first.returncode == 0, first.stderr
    states = json.loads(installed.run("cellmill", "assets", "list", "--json").stdout)
    assert {row["asset"]: row["state"] for row in states} == {"temperatures": "fresh", "by_city": "fresh"}
    checked = installed.run("cellmill", "check", "--strict")
    assert checked.returncode == 0 and "no problems" in checked.stdout

    program = [str(installed.bin / "cellmill")]
    with running_dev(program, installed.folder, installed.folder.parent / "dev.log", installed.env) as dev:
        address = re.search(r"http://[\w.]+:\d+/", dev.written)
        assert address is not None
        query = json.dumps({"query": "{ assetNodes { assetKey { path } } }"})
        headers = {"Authorization": "token of-the-test", "Content-Type": "application/json"}
        request = Request(f"{address[0]}cellmill/graphql", query.encode(), headers)
        with urlopen(request, timeout=120) as answer:
            data = json.loads(answer.read())["data"]
        assert sorted(node["assetKey"]["path"] for node in data["assetNodes"]) == [["by_city"], ["temperatures"]]
        dev.process.send_signal(signal.SIGINT)
        assert dev.process.wait(END_S) == 0, dev.written
        assert "Traceback" not in dev.written, dev.written
