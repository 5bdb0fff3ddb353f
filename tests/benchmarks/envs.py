#!/usr/bin/env python3
"""Makes the environments in which cellmill and its peers are measured, each on demand.

python envs.py                      # every environment
python envs.py v_cellmill v_base    # some

Each is a plain virtual environment below envs/, with the packages named here and nothing else, so that no peer is
slowed or helped by another's dependencies.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent

ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "v_cellmill": (f"{PROJECT}[dask]",),
    "v_base": ("ipykernel", "jupyter_client", "psutil"),
    "v_dagster": ("dagster", "dagster-webserver", "dagster-graphql", "dagstermill", "ipykernel"),
    "v_nb": ("papermill", "nbclient", "ipykernel", "marimo", "jupyter-scheduler"),
    "v_misc": ("redun", "luigi", "doit", "apache-hamilton"),
    "v_ploomber": ("ploomber", "ipykernel", "jupytext", "setuptools<81"),
    # prefect 3.8 does not start on a newer fastapi
    "v_prefect": ("prefect", "fastapi==0.139.*"),
}


def ensure(name: str) -> Path:
    """The environment's Python, installed if it is not there yet."""
    home = HERE / "envs" / name
    python = home / "bin" / "python"
    done = home / "installed"
    if not done.exists():
        print(f"installing {name}: {' '.join(ENVIRONMENTS[name])}", flush=True)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *ENVIRONMENTS[name]], check=True)
        done.touch()
    return python


def main() -> int:
    """Installs what the command line names."""
    unknown = set(sys.argv[1:]) - set(ENVIRONMENTS)
    if unknown:
        print(
            f"no such environment: {', '.join(sorted(unknown))}; there are {', '.join(ENVIRONMENTS)}", file=sys.stderr
        )
        return 2
    for name in sys.argv[1:] or ENVIRONMENTS:
        ensure(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
