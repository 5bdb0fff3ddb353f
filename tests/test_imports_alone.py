"""Every module can be the first one of cellmill that a process imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Alembic runs these in an environment of its own; a `__main__` runs when it is imported.
NOT_ALONE = ("migrations.env", "migrations.versions", "__main__")

#: Imports go down only, so a circle lies within one room or goes through a library.
ROOMS = ("definitions", "notebooks", "planning", "instance", "io", "execution", "workspace", "automation", "graphql")

#: Forks once per module, from a process that knows the rooms below only; then takes the room in and goes on.
IMPORTER = """
import gc, importlib, json, os, sys
LIBRARIES = (
    "sqlalchemy", "nbformat", "jupyter_client", "IPython", "pydantic", "strawberry", "jupyter_server.serverapp",
    "ipywidgets", "distributed", "loky", "alembic.command", "pandas", "pyarrow.parquet", "ipykernel.ipkernel",
)  # third-party ones, none of which imports cellmill, as papermill does
gc.disable()  # what a collection looks at is copied in every process
failed = False
for index, room in enumerate(json.load(sys.stdin)):
    for name in LIBRARIES if index == 1 else ():
        importlib.import_module(name)
    for name in room:
        if name in sys.modules:
            continue
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                importlib.import_module(name)
                status = 0
            except BaseException as error:
                print(f"{name}: {type(error).__name__}: {error}", flush=True)
            os._exit(status)
        failed |= os.waitpid(pid, 0)[1] != 0
    for name in room:
        if not failed:
            importlib.import_module(name)
sys.exit(failed)
"""


def module_names(folder: str, package: str) -> list[str]:
    """The dotted names of a package's modules."""
    names = []
    for path in sorted((ROOT / folder / package).rglob("*.py")):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if "node_modules" not in parts and not any(each in name for each in NOT_ALONE):
            names.append(name)
    return names


def rooms() -> list[list[str]]:
    """All modules, by room, the lowest room first."""
    names = module_names("runtime", "cellmill")
    found = []
    for room in ROOMS:
        found.append([name for name in names if name.startswith(f"cellmill.{room}.") or name == f"cellmill.{room}"])
        names = [name for name in names if name not in found[-1]]
    return [*found, names, module_names("kernel_ext", "cellmill_kernel"), module_names("labextension", "cellmill_lab")]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_module_can_come_first() -> None:
    """No module needs another one of its room to be imported before it."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTER], input=json.dumps(rooms()), capture_output=True, text=True, timeout=590
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_papermill_and_its_engine_come_in_either_order() -> None:
    """papermill imports the engine while it is being imported itself, and gets it whichever comes first."""
    for order in (
        "papermill.engines, cellmill.execution.notebook.engine as e",
        "cellmill.execution.notebook.engine as e",
    ):
        same = "assert p.papermill_engines.get_engine('cellmill') is e.CellmillEngine"
        code = f"import {order}; import papermill.engines as p; {same}"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
