"""Functions that return definitions, and folders whose modules hold them."""

from __future__ import annotations

import sys
import textwrap

import cellmill.dagster as dg
import pytest
from cellmill.workspace.loading import definitions_of


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project `shop` whose folder of definitions is written by the test: a function from module names to code."""
    monkeypatch.syspath_prepend(str(tmp_path / "src"))

    def write(settings, **modules):
        (tmp_path / "pyproject.toml").write_text(settings)
        folder = tmp_path / "src" / "shop" / "defs"
        folder.mkdir(parents=True)
        for package in (folder.parent, folder):
            (package / "__init__.py").write_text("")
        for name, code in modules.items():
            (folder / f"{name}.py").write_text("import cellmill.dagster as dg\n" + textwrap.dedent(code))
        return folder.parent

    yield write
    for name in [name for name in sys.modules if name == "shop" or name.startswith("shop.")]:
        del sys.modules[name]


SETTINGS = '[tool.dg.project]\nroot_module = "shop"\n'


def test_a_decorated_function_gives_its_definitions():
    """`@definitions` leaves a function callable, under its name."""

    @dg.asset
    def orders():
        return 1

    @dg.definitions
    def everything():
        return dg.Definitions(assets=[orders])

    assert everything.__name__ == "everything"
    assert everything().resolve_all_asset_keys() == [dg.AssetKey("orders")]


def test_a_function_that_returns_no_definitions_is_refused():
    """What `@definitions` decorates must return `Definitions`."""
    with pytest.raises(dg.DagsterInvariantViolationError, match="must return Definitions, not dict"):
        dg.definitions(lambda: {})()


def test_a_function_with_parameters_is_refused():
    """There is no context that such a function could be given."""
    with pytest.raises(dg.DagsterInvariantViolationError, match="must take no parameters"):
        dg.definitions(lambda context: dg.Definitions())


def test_a_module_is_loaded_by_calling_its_function(project):
    """A code location whose module has a function with `@definitions` holds what that returns."""
    project(SETTINGS, main="@dg.definitions\ndef defs():\n    return dg.Definitions(assets=[dg.AssetSpec('orders')])\n")
    module = __import__("shop.defs.main", fromlist=["main"])
    assert definitions_of(module).resolve_all_asset_keys() == [dg.AssetKey("orders")]


def test_functions_of_one_module_are_merged(project):
    """Several functions with `@definitions` are one location."""
    code = "@dg.definitions\ndef {0}():\n    return dg.Definitions(assets=[dg.AssetSpec('{0}')])\n"
    project(SETTINGS, main=code.format("orders") + code.format("prices"))
    module = __import__("shop.defs.main", fromlist=["main"])
    assert definitions_of(module).resolve_all_asset_keys() == [dg.AssetKey("orders"), dg.AssetKey("prices")]


def test_a_folder_of_definitions_is_merged(project):
    """Modules give their definitions, what their functions return, or all that they define."""
    root = project(
        SETTINGS,
        assets="@dg.asset\ndef orders(rate: dg.ResourceParam[int]):\n    return rate\n",
        resources="@dg.definitions\ndef resources():\n    return dg.Definitions(resources={'rate': 3})\n",
        jobs="defs = dg.Definitions(jobs=[dg.define_asset_job('all_orders')])\n",
    )
    defs = dg.load_from_defs_folder(path_within_project=root)
    assert defs.resolve_job_def("all_orders").execute_in_process().output_for_node("orders") == 3


def test_definitions_and_functions_in_one_module_are_refused(project):
    """Which of them counts would be a guess."""
    root = project(SETTINGS, both="one = dg.Definitions()\n@dg.definitions\ndef two():\n    return dg.Definitions()\n")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"shop\.defs\.both holds 1 Definitions and 1 functions"):
        dg.load_from_defs_folder(path_within_project=root)


def test_components_are_refused(project):
    """A file that declares a component is named, not passed over."""
    root = project(SETTINGS)
    (root / "defs" / "defs.yaml").write_text("type: shop.Table\n")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"defs\.yaml declares a component"):
        dg.load_from_defs_folder(path_within_project=root)


def test_a_folder_outside_of_projects_is_refused(project):
    """Without the name of the package there is nothing to import."""
    root = project("")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"No folder from .* upwards has a dg\.toml"):
        dg.load_from_defs_folder(path_within_project=root)
