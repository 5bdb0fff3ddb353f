"""Our engine against papermill's own, on notebooks that use each of papermill's features: the same file comes out."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cellmill.execution.notebook.imports import without_slow_grammars

with without_slow_grammars():
    import papermill
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

#: A cell: its source (of a code cell), or its kind, source and metadata.
Cell = str | tuple[str, str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A notebook and how papermill is called for it."""

    cells: tuple[Cell, ...]
    options: dict[str, Any] = field(default_factory=dict)
    #: Entries of the notebook's own metadata.
    metadata: dict[str, Any] = field(default_factory=dict)


def _tagged(source: str, *tags: str) -> Cell:
    return ("code", source, {"tags": list(tags)})


_DISPLAY = "from IPython.display import display, HTML, Markdown, JSON, Image, clear_output, update_display"
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

#: Cells that succeed whatever else stands in their notebook, by what they show: one notebook has them all, since a
#: kernel for each takes a second and shows no more.
TOGETHER: dict[str, tuple[Cell, ...]] = {
    "no_parameters": ("print(1)",),
    "parameters_cell_alone": (_tagged("x = 1", "parameters"), "print(x)"),
    "tags": (_tagged("1", "mine", "yours"), ("markdown", "a", {"tags": ["words"]}), "2"),
    "skip_execution_tag": (_tagged("print('left out')", "skip-execution"), "print('runs')"),
    "remove_tags": (_tagged("print(1)", "remove_cell", "remove_output", "hide_input"), "2"),
    "streams": (
        "import sys\nprint('out'); print('err', file=sys.stderr); print('out again')",
        "print('a', end=''); print('b', end='')",
        "import os; os.write(1, b'from the descriptor\\n'); print('x')",
        "print('1\\r2\\r3')",
    ),
    "subprocess_output": ("!echo from a shell", "%%bash\necho magic; echo wrong >&2"),
    "raw_cells": (("raw", "as it is", {"format": "text/restructuredtext"}), "1", ("raw", "", {})),
    "markdown": (("markdown", "# Title\n\n$x^2$\n", {}), ("markdown", "", {}), "1"),
    "markdown_with_attachment": (("markdown", "![a](attachment:a.png)", {"attachments": _PNG}), "1"),
    "rich_outputs": (
        f"{_DISPLAY}\ndisplay(HTML('<b>1</b>'))",
        "display(Markdown('*a*'), JSON({'a': [1, 2]}))",
        f"import base64\ndisplay(Image(base64.b64decode('{_PNG}')))",
        "display({'text/plain': 'a', 'application/vnd.x+json': {'k': 'l1\\nl2'}}, raw=True, metadata={'m': 1})",
        "class R:\n    def _repr_html_(self):\n        return '<i>a\\nb</i>'\n    def __repr__(self):\n"
        "        return 'R'\nR()",
        "_repr = 1;",
        "print('a'); display('b'); print('c'); 'd'",
    ),
    "display_updates": (
        f"{_DISPLAY}\nh = display('first', display_id=True)",
        "h.update('second')",
        "display('other', display_id='x'); display('twice', display_id='x')",
        "update_display(HTML('<p>third</p>'), display_id='x')",
        "display('again', display_id='x')",
        "update_display('of nobody', display_id='unknown')",
    ),
    "cleared_outputs": (
        _DISPLAY,
        "print('gone'); clear_output(); print('kept')",
        "print('gone'); clear_output(wait=True); print('kept')",
        "print('stays'); clear_output(wait=True)",
        "for i in range(5):\n    clear_output(wait=True); display(i)",
        "h = display('a', display_id='c'); clear_output(); display('b', display_id='c'); h.update('z')",
    ),
    "output_of_a_thread": (
        "import threading\nt = threading.Thread(target=lambda: print('aside'))\nt.start(); t.join()",
        "1",
    ),
    "awaited": ("import asyncio\nawait asyncio.sleep(0)\n'awaited'",),
    "empty_cells": ("", "1", "   \n", "# only a comment", "2"),
    "set_next_input": ("get_ipython().set_next_input('a = 1')", "1"),
    "line_magic_called": ("get_ipython().run_line_magic('timeit', '-n1 -r1 -q 1')",),
    "description": ("# papermill_description=Loading\n1", "2"),
    "many_lines": ("for i in range(3000):\n    print('line', i)",),
}
CASES = {
    "all_that_succeed": Case(cells=tuple(itertools.chain.from_iterable(TOGETHER.values()))),
    "failing": Case(cells=("x = 1", "def f():\n    return 1 / 0\nf()", "print('never')")),
    "failing_first": Case(cells=("raise ValueError('at once')", "1")),
    "failing_behind_markdown": Case(cells=(("markdown", "# A", {}), "1", ("markdown", "B", {}), "1 / 0", "2")),
    "own_exception": Case(cells=("class Mine(Exception):\n    pass\nraise Mine('a', 2)", "1")),
    "chained_exception": Case(cells=("try:\n    {}['a']\nexcept KeyError as e:\n    raise RuntimeError('b') from e",)),
    "syntax_error": Case(cells=("x = 1", "x ===", "2")),
    "sys_exit": Case(cells=("print('a')", "import sys; sys.exit()", "print('never')")),
    "sys_exit_zero": Case(cells=("import sys; sys.exit(0)", "print('never')")),
    "sys_exit_one": Case(cells=("import sys; sys.exit(1)", "print('never')")),
    "sys_exit_text": Case(cells=("import sys; sys.exit('no more')", "print('never')")),
    "quit": Case(cells=("print('a')", "raise SystemExit", "print('never')")),
    "keyboard_interrupt": Case(cells=("print('a')", "raise KeyboardInterrupt", "print('never')")),
    "interrupt_of_itself": Case(
        cells=("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)", "print('never')")
    ),
    "no_parameters_cell": Case(cells=("print(x)",), options={"parameters": {"x": True}}),
    "parameters_cell": Case(
        cells=("import os", _tagged("x = 1\ny = 'a'", "parameters"), "print(x, y, z, f)"),
        options={"parameters": {"x": 5, "y": 'say "hi"\n', "z": [1, {"k": None}], "f": 1.5}},
    ),
    "parameters_injected_before": Case(
        cells=(_tagged("x = 1", "parameters"), _tagged("x = 3", "injected-parameters"), "print(x)"),
        options={"parameters": {"x": 9}},
    ),
    "parameters_of_odd_kinds": Case(
        cells=(_tagged("a = b = c = d = e = None", "parameters"), "print(a, b, c, d, e)"),
        options={"parameters": {"a": float("nan"), "b": -0.0, "c": 2**70, "d": "ünï\t'\"\\", "e": (1, "two")}},
    ),
    "unknown_parameter": Case(
        cells=(_tagged("x = 1", "parameters"), "print(x)"), options={"parameters": {"nowhere": 1}}
    ),
    "error_markers_of_an_earlier_run": Case(
        cells=(("markdown", "An Exception was encountered", {"tags": ["papermill-error-cell-tag"]}), "1", "2 / 0")
    ),
    "raises_exception_tag": Case(cells=(_tagged("1 / 0", "raises-exception"), "print('goes on')")),
    "report_mode": Case(cells=("1", ("markdown", "a", {}), "2"), options={"report_mode": True}),
    "report_mode_with_parameters": Case(
        cells=(_tagged("x = 1", "parameters"), "x"), options={"report_mode": True, "parameters": {"x": 2}}
    ),
    "autosave": Case(cells=("for i in range(50):\n    print(i, flush=True)", "2"), options={"autosave_cell_every": 1}),
    "no_autosave": Case(cells=("print(1)", "2"), options={"autosave_cell_every": 0}),
    "no_save_while_running": Case(cells=("print(1)", "2"), options={"request_save_on_cell_execute": False}),
    "prepare_only": Case(
        cells=(_tagged("x = 1", "parameters"), "print(x)"), options={"prepare_only": True, "parameters": {"x": 2}}
    ),
    "start_timeout": Case(cells=("1",), options={"start_timeout": 50}),
    "execution_timeout_kept": Case(cells=("1",), options={"execution_timeout": 50}),
    "kernel_and_language_named": Case(
        cells=("1",), options={"kernel_name": "python3", "language": "python"}, metadata={"kernelspec": None}
    ),
    "last_value_and_history": Case(cells=("1 + 1", "_ + 1", "In[1], Out[2], _ih[2]", "_i3")),
    "warnings": Case(
        cells=(
            "import warnings\nwarnings.simplefilter('always')\nwarnings.showwarning = lambda *a: "
            "print('warned', a[0])\nwarnings.warn('careful')",
        )
    ),
    "stdin_request": Case(cells=("input('name? ')", "print('never')")),
    "stdin_request_secret": Case(cells=("import getpass; getpass.getpass()", "print('never')")),
    "unicode": Case(
        cells=("print('žluťoučký 🐎 \\u2028 \\x1b[31mred\\x1b[0m')", "ñ = 'é'; ñ", "raise ValueError('日本')")
    ),
    "empty_notebook": Case(cells=()),
    "magics": Case(cells=("%precision 3", "%%capture kept\nprint('x')", "kept.stdout", "%xmode Minimal", "1 / 0")),
    "unknown_magic": Case(cells=("%nosuchmagic", "1")),
    "page": Case(cells=("len?",)),
    "old_outputs_in_the_file": Case(
        cells=("print('new')", "1 / 0", "print('never')"), metadata={"papermill": {"exception": True, "duration": 3}}
    ),
    "widget_state": Case(cells=("import ipywidgets as w\ns = w.IntSlider(value=3)\ns", "s.value = 4")),
    "output_widget": Case(
        cells=(
            "import ipywidgets as w\no = w.Output()\no",
            "with o:\n    print('inside')\n    display(1)",
            "o.outputs",
            "print('out')",
            "with o:\n    o.clear_output(); print('x'); print('y')",
            "o.outputs",
        )
    ),
    "errors_in_an_output_widget": Case(
        cells=("import ipywidgets as w\no = w.Output()", "with o:\n    1 / 0", "len(o.outputs)", "1 / 0", "2")
    ),
    "output_widgets_in_one_another": Case(
        cells=(
            "import ipywidgets as w\na, b = w.Output(), w.Output()",
            "with a:\n    print('a')\n    with b:\n        print('b')\n    print('a again')\nprint('outside')",
            "a.outputs, b.outputs",
        )
    ),
    "log_output": Case(
        cells=(
            "import sys\nprint('a'); print('b', file=sys.stderr)",
            ("markdown", "words", {}),
            "",
            _tagged("1", "skip-execution"),
            "2",
        ),
        options={"log_output": True},
    ),
}


def _notebook(case: Case) -> dict[str, Any]:
    cells: list[dict[str, Any]] = []
    for index, given in enumerate(case.cells):
        kind, source, metadata = ("code", given, {}) if isinstance(given, str) else given
        attachment = metadata.get("attachments")
        cell = {"cell_type": kind, "id": f"cell-{index}", "metadata": dict(metadata), "source": source}
        if attachment:
            del cell["metadata"]["attachments"]  # type: ignore[attr-defined]
            cell["attachments"] = {"a.png": {"image/png": attachment}}
        if kind == "code":
            stale = {"output_type": "stream", "name": "stdout", "text": "of another time"}
            cell |= {"outputs": [stale], "execution_count": 77}
        cells.append(cell)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, **case.metadata}
    metadata = {key: value for key, value in metadata.items() if value is not None}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


#: What differs between two runs of one notebook, whichever engine runs it.
_CHANGING = [
    (re.compile(r"ipykernel_\d+/"), "ipykernel_N/"),
    (re.compile(r"/tmp/ipykernel[\w/]*"), "FILE"),
    (re.compile(r"[0-9a-f]{32}"), "ID"),
]


def _settled(value: Any) -> Any:
    """Return a value without what changes from run to run: times, process ids, ids of widgets."""
    if isinstance(value, str):
        for pattern, instead in _CHANGING:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if isinstance(value, dict):
        return {_settled(key): _settled(item) for key, item in value.items()}
    return value


def _shape(times: dict[str, Any]) -> dict[str, Any]:
    """Return papermill's entry of a cell or a notebook with only the kinds of its instants and durations."""
    changing = ("start_time", "end_time", "duration", "output_path")
    return {key: type(value).__name__ if key in changing else value for key, value in times.items()}


def _joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return outputs with what a stream wrote without a break as one: where it is cut depends on the time it took."""
    found: list[dict[str, Any]] = []
    for output in outputs:
        if output["output_type"] == "stream":
            output = {**output, "text": "".join(output["text"])}
            if found and found[-1].get("name") == output["name"]:
                output["text"] = found.pop()["text"] + output["text"]
        found.append(output)
    return found


def _comparable(path: Path) -> dict[str, Any]:
    """Return all that a notebook holds, our own notes (`cellmill`) left out and changing things settled."""
    document: dict[str, Any] = json.loads(path.read_text())
    document["metadata"].pop("cellmill", None)
    document["metadata"]["papermill"] = _shape(document["metadata"]["papermill"])
    for cell in document["cells"]:
        cell["id"] = cell["id"] if str(cell.get("id", "")).startswith("cell-") else "new"
        if "outputs" in cell:
            cell["outputs"] = _joined(cell["outputs"])
        metadata = cell["metadata"]
        metadata.pop("cellmill", None)
        if "papermill" in metadata:
            metadata["papermill"] = _shape(metadata["papermill"])
        metadata["execution"] = sorted(metadata.get("execution", {}))
    for states in document["metadata"].get("widgets", {}).values():
        # their order is that of their random ids
        states["state"] = sorted((_settled(state) for state in states["state"].values()), key=json.dumps)
    settled: dict[str, Any] = _settled(document)
    return settled


@dataclass
class _Outcome:
    error: str | None
    stdout: str
    stderr: str
    logged: list[tuple[str, str]]
    document: dict[str, Any]


def _run(source: Path, engine: str | None, case: Case, caplog: pytest.LogCaptureFixture, **options: object) -> _Outcome:
    target = source.with_name("out.ipynb")
    target.unlink(missing_ok=True)
    out, err = io.StringIO(), io.StringIO()
    error = None
    caplog.clear()
    try:
        with caplog.at_level(logging.INFO, logger="papermill"):
            papermill.execute_notebook(
                str(source),
                str(target),
                engine_name=engine,
                progress_bar=False,
                stdout_file=out,
                stderr_file=err,
                cwd=str(source.parent),
                **options | case.options,
            )
    except PapermillExecutionError as raised:
        error = f"{raised.cell_index} {raised.exec_count} {raised.ename}: {raised.evalue}\n{raised.source}"
    logged = [(r.levelname, str(_settled(r.getMessage()))) for r in caplog.records if r.name == "papermill"]
    return _Outcome(error, _settled(out.getvalue()), _settled(err.getvalue()), logged, _comparable(target))


def _papermills_own(source: Path, case: Case, caplog: pytest.LogCaptureFixture) -> _Outcome:
    """Run papermill's engine, again where it waits for ever for a reply that has long come.

    Its client sends a widget's messages on the socket on which it awaits the reply; that can take the wake-up away from
    the one who awaits, on a busy machine.
    """
    for _ in range(6):
        with contextlib.suppress(CellTimeoutError):
            return _run(source, None, case, caplog, execution_timeout=12)
    raise AssertionError("papermill's own engine did not end six times in a row")


@pytest.mark.parametrize("name", CASES)
def test_both_engines_make_the_same_file(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Cells, outputs, counts, tags, metadata, files of the streams, log lines and the error raised are equal."""
    case = CASES[name]
    source = tmp_path / "in.ipynb"
    source.write_text(json.dumps(_notebook(case)), encoding="utf-8")

    theirs = _papermills_own(source, case, caplog)
    ours = _run(source, "cellmill", case, caplog)

    assert ours == theirs
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.ipynb", "out.ipynb"]
