"""What `papermill --engine cellmill` takes, and the truth that it tells of how cells end."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from cellmill.execution.notebook.imports import without_slow_grammars

from .conftest import MakeNotebook

with without_slow_grammars():
    import papermill
    from papermill.exceptions import PapermillExecutionError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_stdout_and_stderr_go_to_the_files_that_were_named(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """`stdout_file` and `stderr_file` receive each stream's text."""
    notebook = make_notebook("import sys\nprint('to out')", "print('to err', file=sys.stderr)")
    out, err = io.StringIO(), io.StringIO()

    papermill.execute_notebook(
        str(notebook), None, engine_name="cellmill", progress_bar=False, stdout_file=out, stderr_file=err
    )

    assert (out.getvalue(), err.getvalue()) == ("to out\n", "to err\n")


def test_report_mode_hides_input(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """`report_mode` marks every code cell's source as hidden."""
    target = tmp_path / "report.ipynb"

    papermill.execute_notebook(
        str(make_notebook("1", "2")), str(target), engine_name="cellmill", progress_bar=False, report_mode=True
    )

    cells = json.loads(target.read_text())["cells"]
    assert [cell["metadata"]["jupyter"]["source_hidden"] for cell in cells] == [True, True]


@pytest.mark.parametrize(
    ("source", "options", "ename", "word"),
    [
        (
            "print('last words'); import os, sys; sys.stdout.flush(); os.kill(os.getpid(), 9)",
            {},
            "DeadKernelError",
            "killed",
        ),
        ("import os; os._exit(137)", {}, "DeadKernelError", "killed"),
        ("import time; time.sleep(30)", {"execution_timeout": 1}, "CellTimeoutError", "timed out"),
    ],
)
def test_a_dead_or_late_kernel_is_told_truthfully(
    make_notebook: MakeNotebook, tmp_path: Path, source: str, options: dict[str, Any], ename: str, word: str
) -> None:
    """The cell that died is marked failed with its reason, later cells pending, and papermill raises."""
    target = tmp_path / "out.ipynb"
    notebook = make_notebook("1", source, "3")

    with pytest.raises(PapermillExecutionError, match=ename):
        papermill.execute_notebook(str(notebook), str(target), engine_name="cellmill", progress_bar=False, **options)

    document = json.loads(target.read_text())
    cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    assert [cell["metadata"]["papermill"]["status"] for cell in cells] == ["completed", "failed", "pending"]
    assert [cell["metadata"]["cellmill"]["end"] for cell in cells] == ["succeeded", word, "not reached"]
    assert document["metadata"]["papermill"]["exception"] is True


def test_a_parameter_name_that_is_code_is_refused_before_anything_runs(
    make_notebook: MakeNotebook, tmp_path: Path
) -> None:
    """A hostile parameter name executes nothing."""
    canary = tmp_path / "pwned"
    name = f"x=1;open({str(canary)!r},'w').close();y"

    with pytest.raises(Exception, match="no name for a parameter"):
        papermill.execute_notebook(
            str(make_notebook("1")), None, parameters={name: 1}, engine_name="cellmill", progress_bar=False
        )

    assert not canary.exists()
