"""Every module can be the first one of cellmill that a process imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = {"cellmill": "runtime", "cellmill_kernel": "kernel_ext", "cellmill_lab": "labextension"}
#: Alembic runs these in an environment of its own; a `__main__` runs when it is imported.
NOT_ALONE = ("migrations.env", "migrations.versions", "__main__")

#: Imports modules one after the other, and tells who asks for one that is still being loaded. Where nobody does, what
#: modules ask for has no circle, and each of them can be the first: it finds loaded what it asks for, or loads it.
#: Packages above the asking module are loaded before it in any order, so asking for them is no circle.
IMPORTER = """
import builtins, importlib.util, json, sys
by_statement, by_call = builtins.__import__, importlib.import_module
asked = json.load(sys.stdin)
found = set()

def is_loading(name):
    return getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False)

def look(asker, names):
    for name in names:
        if name.split(".")[0] in asked["packages"] and is_loading(name) and not f"{asker}.".startswith(f"{name}."):
            found.add(f"{asker} asks for {name}")

def statement(name, globals=None, locals=None, fromlist=(), level=0):
    own = globals or {}
    full = importlib.util.resolve_name("." * level + name, own["__package__"]) if level else name
    look(own.get("__name__", ""), [full, *(f"{full}.{one}" for one in fromlist or ())])
    return by_statement(name, globals, locals, fromlist, level)

def call(name, package=None):
    look(sys._getframe(1).f_globals["__name__"], [importlib.util.resolve_name(name, package)])
    return by_call(name, package)

builtins.__import__, importlib.import_module = statement, call
for name in asked["modules"]:
    by_call(name)
print(json.dumps(sorted(found)))
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


def circles(packages: list[str], modules: list[str], **environment: str) -> object:
    """Who asks for a module that is still being loaded, while these are imported by a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTER], input=json.dumps({"packages": packages, "modules": modules}),
        env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_module_can_come_first() -> None:
    """No module of ours needs another one to be imported before it."""
    modules = [name for package, folder in PACKAGES.items() for name in module_names(folder, package)]
    assert len(modules) > 500
    assert circles([*PACKAGES], modules) == []


def test_a_circle_is_seen_however_it_is_written(tmp_path: Path) -> None:
    """Two modules that ask for one another are told, through another library too; a package above is no circle."""
    ways = {
        "absolute": "import absolute.first",
        "named": "from named.first import name",
        "module": "from module import first",
        "relative": "from . import first",
        "called": "import importlib; importlib.import_module('.first', 'called')",
        "through": "import library",
        "none": "import none, json; from none import before",
    }
    (tmp_path / "library.py").write_text("from through.first import name")
    for package, way in ways.items():
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").write_text("before = 1\nfrom . import second" if package == "none" else "")
        (folder / "first.py").write_text("name = 1\nfrom . import second")
        (folder / "second.py").write_text(way)

    found = circles([*ways], [f"{package}.first" for package in ways], PYTHONPATH=str(tmp_path))
    told = [f"{package}.second asks for {package}.first" for package in ways if package not in ("through", "none")]
    assert found == sorted([*told, "library asks for through.first"])


def test_papermill_and_its_engine_come_in_either_order() -> None:
    """papermill imports the engine while it is being imported itself, and gets it whichever comes first."""
    for order in (
        "papermill.engines, cellmill.execution.notebook.engine as e",
        "cellmill.execution.notebook.engine as e",
    ):
        same = "assert p.papermill_engines.get_engine('cellmill') is e.CellmillEngine"
        code = f"import {order}; import papermill.engines as p; {same}"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
