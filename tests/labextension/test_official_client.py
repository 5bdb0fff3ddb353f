"""Dagster's official Python client works against our server: it launches jobs, reads their state and ends them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.labextension.server import TOKEN, running

#: A Python that has `dagster-graphql`; without it one is made, once, in pytest's cache.
PYTHON_VARIABLE = "CELLMILL_TEST_DAGSTER_PYTHON"
DEFINITIONS = """
import time
from cellmill import Config, Definitions, asset, define_asset_job, job, op

class Name(Config):
    name: str

@op
def hello(context, config: Name):
    context.log.info("hello " + config.name)

@job
def greet():
    hello()

@op
def wait():
    time.sleep(60)

@job
def slow():
    wait()

@asset
def raw():
    return 1

@asset
def other(raw):
    raise ValueError("not selected")

defs = Definitions(assets=[raw, other], jobs=[greet, slow, define_asset_job("numbers")])
"""


@pytest.fixture(scope="session")
def dagster_python(request: pytest.FixtureRequest) -> Path:
    """A Python with the official client: it needs Dagster itself, which has no place beside cellmill."""
    given = os.environ.get(PYTHON_VARIABLE)
    if given:
        return Path(given)
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("dagster-graphql") / "venv"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv = [sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)]
        subprocess.run(venv, check=True, capture_output=True)
        # Half of what Dagster needs is installed here already. Of a folder named in a .pth file the .pth files are not
        # read, and so our own packages are not to be seen.
        own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
        (own / "libraries.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-compile"]
        subprocess.run([*pip, "dagster-graphql>=1.9"], check=True)
        (folder / "complete").touch()
    return python


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_call_of_the_client(tmp_path: Path, dagster_python: Path) -> None:
    """Jobs, selections of assets, states, wrong requests, terminations, reloads and shutdowns."""
    (tmp_path / "defs.py").write_text(DEFINITIONS)
    (tmp_path / "cellmill.toml").write_text('files = ["defs.py"]\n')
    with running(tmp_path, notebook=False) as server:
        port = str(urlsplit(server.url).port)
        script = Path(__file__).with_name("official_client.py")
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CELLMILL_"))}
        command = [str(dagster_python), str(script), port, TOKEN]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)

    assert found == {
        "job": "SUCCESS",
        "assets": "SUCCESS",
        "wrong config": "RunConfigValidationInvalid",
        "unknown job": "JobNotFoundError",
        "unknown run": "RunNotFoundError",
        "unknown run to end": "RunNotFoundError",
        "terminated": ["CANCELED", "CANCELED"],
        "reload": "SUCCESS",
        "unknown location": "RepositoryLocationNotFound",
        "shutdown": "SUCCESS",
        "after shutdown": "SUCCESS",
    }
