"""Workspace files are read into one configuration, and wrong ones are refused with their line."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from cellmill.instance.location import find_home
from cellmill.workspace.config import WorkspaceConfigError, find_workspace, read_config


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_cellmill_toml(tmp_path: Path) -> None:
    """Globs, modules, files and named locations become locations with their own settings."""
    file = write(
        tmp_path / "cellmill.toml",
        """
name = "flights"
notebooks = ["nb/**/*.ipynb"]
modules = ["pkg.defs"]
files = "extra/defs.py"
env = {A = "1"}

[[location]]
name = "other"
module = "far.defs"
attribute = "defs"
python = "python3.12"
env = {B = 2}

[instance]
storage = "postgresql://x"
""",
    )
    config = read_config(file)

    assert config.name == "flights" and config.root == tmp_path and not config.implicit
    assert [(loc.name, loc.kind, loc.targets) for loc in config.locations] == [
        ("notebooks", "notebooks", ("nb/**/*.ipynb",)),
        ("pkg.defs", "module", ("pkg.defs",)),
        ("defs.py", "file", ("extra/defs.py",)),
        ("other", "module", ("far.defs",)),
    ]
    assert config.locations[0].env == {"A": "1"}
    assert config.locations[3].env == {"B": "2"} and config.locations[3].python == "python3.12"
    assert config.settings == {"instance": {"storage": "postgresql://x"}}


def test_pyproject_and_discovery(tmp_path: Path) -> None:
    """The nearest workspace file upwards counts; a pyproject only with its own table; else the folder itself."""
    write(tmp_path / "pyproject.toml", '[project]\nname = "x"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_workspace(inner).implicit and find_workspace(inner).root == inner
    (tmp_path / ".cellmill").mkdir()
    assert find_workspace(inner).root == tmp_path
    write(tmp_path / "a" / "pyproject.toml", '[tool.cellmill]\nmodules = ["m"]\n')

    found = find_workspace(inner)
    assert found.root == tmp_path / "a" and found.locations[0].targets == ("m",)


def test_one_walk_finds_code_and_state(tmp_path: Path) -> None:
    """Definitions and state are those of the same folder, whichever file marks it."""
    for number, (name, text) in enumerate(
        {
            "cellmill.toml": "",
            "pyproject.toml": "[tool.cellmill]\nbroken = = 1",
            "workspace.yaml": "load_from: []",
            ".git": "",
        }.items()
    ):
        root = tmp_path / str(number)
        (root / "deep" / "er").mkdir(parents=True)
        (root / name).write_text(text)
        assert find_home(root / "deep" / "er", {}) == root / ".cellmill"
        if "broken" in text:
            with pytest.raises(WorkspaceConfigError, match="pyproject.toml, line 2"):
                find_workspace(root / "deep" / "er")
        else:
            assert find_workspace(root / "deep" / "er").root == root


def test_dagster_workspace(tmp_path: Path) -> None:
    """Dagster's documented `workspace.yaml` gives the same locations."""
    file = write(
        tmp_path / "workspace.yaml",
        """
load_from:
  - python_file: defs.py
  - python_module:
      module_name: hello.defs
      location_name: hello
      attribute: defs
      executable_path: venv/bin/python
  - python_package:
      package_name: pkg
""",
    )

    assert [(loc.name, loc.kind, loc.attribute, loc.python) for loc in read_config(file).locations] == [
        ("defs.py", "file", None, None),
        ("hello", "module", "defs", "venv/bin/python"),
        ("pkg", "package", None, None),
    ]


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("name = 'x'\nnotebook = 'a'\n", 2, "Did you mean 'notebooks'"),
        ("name = 3\n", 1, "name is a string"),
        ("a = = 3\n", 1, "not valid TOML"),
        ("\n[[location]]\nname = 'x'\n", 3, "exactly one of"),
        ("[[location]]\nname = 'x'\nmodule = 'm'\nfile = 'f'\n", 2, "exactly one of"),
        ("modules = ['m', 'm']\n", 1, "two locations are named"),
        ("[[location]]\nmodule = 'm'\npythn = 'p'\n", 3, "Did you mean 'python'"),
        ("[[location]]\nmodule = 'm'\npython = 'p'\nkernel = 'k'\n", 4, "not both"),
        ("env = {A = [1]}\n", 1, "table of strings"),
        ("\n[forgetting]\ndays = 3\n", 2, "unknown setting 'forgetting'"),
        ("[hosts]\nidle_s = 3\n", 1, "Did you mean 'host'"),
        ("[host]\nload_timeout = 3\n", 2, "Did you mean 'load_timeout_s'"),
        ("[host]\nload_timeout_s = '3'\n", 2, "is a number, got '3'"),
        ("[kernels]\ncell_timeout_s = true\n", 2, "is a number"),
        ("executor = 3\n", 1, "is a table"),
        ("[run_queue]\nmax_concurrent_runs = 'ten'\n", 2, "a whole number"),
        ("[run_queue]\ntag_concurrency_limits = [{key = 'a'}]\n", 2, "needs key and limit"),
        ("[run_queue]\ntag_concurrency_limits = [{key = 'a', limt = 1}]\n", 2, "Did you mean 'limit'"),
    ],
)
def test_wrong_files_name_their_line(tmp_path: Path, text: str, line: int, part: str) -> None:
    """An unknown or wrong setting is refused with file, line and remedy, and the error survives pickle."""
    file = write(tmp_path / "cellmill.toml", text)
    with pytest.raises(WorkspaceConfigError) as caught:
        read_config(file)
    again = pickle.loads(pickle.dumps(caught.value))

    assert f"line {line}" in str(caught.value) and part in str(caught.value)
    assert str(again) == str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("load_from: 3\n", "is a list"),
        ("load_from:\n  - grpc_server:\n      port: 1\n", "grpc_server"),
        ("load_from: [\n", "not valid YAML"),
        ("load_from:\n  - python_file:\n      path: x\n", "unknown setting of python_file"),
    ],
)
def test_wrong_dagster_files(tmp_path: Path, text: str, part: str) -> None:
    """A wrong `workspace.yaml` is refused with the reason."""
    with pytest.raises(WorkspaceConfigError, match=part):
        read_config(write(tmp_path / "workspace.yaml", text))
