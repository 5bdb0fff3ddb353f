"""Imports stand at the top; what is loaded later goes one way, which type checkers see, and has a reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import cellmill
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"cellmill": "runtime", "cellmill_kernel": "kernel_ext", "cellmill_lab": "labextension"}
#: Tables of names -> modules: the public surface with its ports and hooks, the command line, tests' helpers.
TABLES = {"cellmill", "cellmill.cli.lazy", "cellmill.dagster", "cellmill.notebooks.values", "cellmill.testing"}
#: pytest loads the plugin in every project of an environment: what its fixtures need is imported by them.
PLUGIN = "cellmill.testing_plugin"


def modules() -> dict[str, str]:
    """Return the text of every module of the packages, by its name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in (ROOT / folder / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT / folder).with_suffix("").parts).removesuffix(".__init__")
            found[name] = path.read_text()
    return found


MODULES = modules()
#: Those that load something on first use, which one of them is for.
LATE = sorted(name for name, text in MODULES.items() if "on_first_use(" in text and name != "cellmill.first_use")


def tree_of(name: str) -> ast.Module:
    """Return a module as a syntax tree: parsed by its test, not wherever tests are collected."""
    return ast.parse(MODULES[name])


def inside(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what stands in functions."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from ast.walk(node)


def is_own(name: str) -> bool:
    """Return whether a module is one of ours."""
    return name.split(".")[0] in PACKAGES


def imported_in(tree: ast.Module) -> set[str]:
    """Return our modules that functions import by a statement."""
    found = set()
    for node in inside(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if is_own(alias.name)}
        elif isinstance(node, ast.ImportFrom) and (node.level or is_own(node.module or "")):
            found.add(node.module or ".")
    return found


def _called(call: ast.Call) -> str:
    """Return the last word of what is called."""
    func = call.func
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def named_by_strings(tree: ast.Module) -> set[str]:
    """Return our modules that `import_module` is given as text."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    texts = [ast.unparse(call.args[0]) for call in calls if _called(call) == "import_module"]
    return {text for text in texts if is_own(text.strip("f'\"{").split("{")[0])}


def late(tree: ast.Module) -> dict[str, str]:
    """Return name -> module of what a module loads on first use."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if _called(node.value) == "on_first_use":
                found[ast.unparse(node.targets[0])] = ast.literal_eval(node.value.args[0])
    return found


def typed(tree: ast.Module, package: str) -> dict[str, str]:
    """Return name -> module or object of what type checkers see imported."""
    blocks = [one for one in tree.body if isinstance(one, ast.If) and "TYPE_CHECKING" in ast.unparse(one.test)]
    found = {}
    for node in (one for block in blocks for one in block.body if isinstance(one, ast.ImportFrom)):
        start = ".".join([package] * bool(node.level) + [node.module] * bool(node.module))
        found |= {alias.asname or alias.name: f"{start}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("name", sorted(MODULES))
def test_functions_import_nothing_of_ours(name: str) -> None:
    """Our own modules are imported at the top, or loaded on first use."""
    tree = tree_of(name)
    if name != PLUGIN:
        assert imported_in(tree) == set()
    if name not in TABLES:
        assert named_by_strings(tree) == set()


@pytest.mark.parametrize("name", LATE)
def test_what_loads_late_is_typed(name: str) -> None:
    """Type checkers and import contracts see the very modules that a running program loads on first use."""
    loaded, seen = late(tree_of(name)), typed(tree_of(name), name.split(".")[0])

    assert loaded
    assert {one: seen.get(one) for one in loaded} == loaded


def test_every_late_load_has_a_reason() -> None:
    """The map of the code lists who loads what on first use, and why."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = [line.split("|")[1:3] for line in text.split("## Loaded on first use")[1].split("\n## ")[0].splitlines()]
    listed = {
        (who.strip().strip("`"), what.strip().strip("`"))
        for row in rows
        if len(row) == 2
        for who in row[0].split(",")
        for what in row[1].split(",")
        if "`" in what
    }
    found = {(name.split(".", 1)[-1], what) for name in LATE for what in late(tree_of(name)).values()}

    assert {(who, what.removeprefix("cellmill.")) for who, what in found} == listed


def test_every_port_is_filled() -> None:
    """A port is a Protocol, and the module that fills it has every function of it."""
    for port in cellmill.PORTS:
        module, _, name = port.rpartition(".")
        protocol = next(
            node for node in tree_of(f"cellmill.{module}").body if isinstance(node, ast.ClassDef) and node.name == name
        )
        wanted = {node.name for node in protocol.body if isinstance(node, ast.FunctionDef)}

        assert [ast.unparse(one) for one in protocol.bases] == ["Protocol"]
        assert wanted <= set(dir(cellmill.port(port)))
