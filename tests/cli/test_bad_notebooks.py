"""Notebooks that cannot run: the run fails with a typed reason that says what to do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.workspace.notebooks import write_notebook

from .command import Command

LOAD = "%load_ext cellmill"

_WITHOUT_CELLMILL = (
    "import sys; sys.modules['cellmill'] = None; from ipykernel.kernelapp import launch_new_instance as go; go()"
)


def _with_kernel(path: Path, name: str) -> None:
    node = json.loads(path.read_text())
    node["metadata"]["kernelspec"] = {"name": name, "display_name": name, "language": "python"}
    path.write_text(json.dumps(node))


@pytest.mark.parametrize(
    ("kernel", "words"),
    [("pyhton3", ["NoSuchKernel", "'python3'"]), ("bare", ["KernelLacksCellmill", "pip install cellmill"])],
)
def test_a_kernel_that_is_missing_or_lacks_cellmill_is_the_reason_of_the_run(
    cellmill: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str, words: list[str]
) -> None:
    """The record of the run names the kernel and the remedy."""
    spec = tmp_path / "jupyter" / "kernels" / "bare"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", _WITHOUT_CELLMILL, "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "bare", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(spec.parents[1]))
    _with_kernel(write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset made\n1"), kernel)

    assert cellmill("materialize", "made").code == 1

    (run,) = cellmill("runs", "list", "--json").data
    assert run["status"] == "FAILURE"
    told = cellmill("runs", "show", "last").out + cellmill("runs", "events", "last").out
    assert all(word in told for word in words), told
