"""Executing one notebook step: a kernel in the notebook's own folder, the cells that the plan chose, a truthful
record.
"""

from __future__ import annotations

import contextlib
import os
import time
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import ExecutionError
from cellmill.execution.notebook.document import Node, normalized, read_notebook, write_notebook
from cellmill.execution.notebook.ends import CellResult, End, NotebookResult
from cellmill.execution.notebook.journal import ENDING, Journal, mark_cell, mark_notebook, notebook_of, read_journal
from cellmill.execution.notebook.kernel import KernelDidNotStart, write_connection
from cellmill.execution.notebook.notebook_context import NotebookContext
from cellmill.execution.notebook.notebook_run import CancelSwitch, Listener, NotebookRun
from cellmill.execution.notebook.parameters import inject, masker, secret_environment
from cellmill.execution.notebook.preamble import third_party_imports
from cellmill.execution.notebook.protocol import EVENTS_TARGET, StepMessage, bind_code, events_from_data, make_code
from cellmill.execution.notebook.start import START_TIMEOUT_S, OpenKernel, open_kernel
from cellmill.planning.event import Event

_T = TypeVar("_T")
#: Bytes of outputs kept of one cell.
OUTPUT_LIMIT = 20_000_000
#: What the kernel side of an asset cell imports; a warm kernel has it already.
_ASSET_MODULES = (
    "cellmill.execution.materialize",
    "cellmill.io.default",
    "cellmill_kernel.extension",
    "cellmill_kernel.run_mode",
    "cellmill_kernel.step_of_run",
    "cellmill_kernel.stepping",
)
#: Files looked at to find out what a notebook wrote into its folder.
_MOST_FILES = 20_000


class KernelLacksCellmill(ExecutionError):
    """The kernel of a notebook with asset cells cannot import cellmill; install cellmill in its environment."""

    def __init__(self, notebook: str, kernel_name: str, reason: str) -> None:
        self.notebook = notebook
        self.kernel_name = kernel_name
        self.reason = reason
        super().__init__(
            f"{notebook}: its kernel {kernel_name!r} cannot import cellmill ({reason}). Install it in that kernel's "
            "environment "
            "(python -m pip install cellmill), or choose another kernel."
        )

    def __reduce__(self) -> tuple[type[KernelLacksCellmill], tuple[str, str, str]]:
        return type(self), (self.notebook, self.kernel_name, self.reason)


@dataclass(slots=True, kw_only=True)
class NotebookStepRequest:
    """What to execute of which notebook, and within which limits."""

    path: Path
    #: Folder of the run's artifacts, in which the journal and the executed notebook are kept.
    artifacts: Path
    #: Name of the files there, without ending; the notebook's own name without one.
    name: str = ""
    #: The notebook as it was when the run was launched; read from `path` without one.
    snapshot: Node | None = None
    #: Positions to execute, in order; None for the whole notebook.
    cells: Sequence[int] | None = None
    #: Why the other cells are not executed.
    skip_reason: str = "not needed for the selected assets"
    message: StepMessage | None = None
    #: What plain cells find as `context`, where no message tells it.
    context: NotebookContext | None = None
    #: Stored values to bind before plain cells: position -> name -> asset.
    loads: Mapping[int, Mapping[str, AssetKey]] = field(default_factory=dict)
    #: Assets of decorated functions to make behind cells: position -> assets.
    makes: Mapping[int, Sequence[AssetKey]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    report_mode: bool = False
    kernel_name: str | None = None
    warm: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    start_timeout_s: float = START_TIMEOUT_S
    cell_timeout_s: float | None = None
    timeout_s: float | None = None
    memory_limit: int | None = None
    #: Leave the kernel of a failed cell open, for the caller to end.
    hold_failed: bool = False
    output_limit: int | None = OUTPUT_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookStepOutcome:
    """How a notebook step ended, and what it left."""

    result: NotebookResult
    notebook_path: Path
    journal_path: Path
    #: Files of the notebook's folder that were written while it ran.
    files: tuple[str, ...] = ()
    #: The kernel of a failed cell, where it was asked for, and the file by which a client finds it.
    held: OpenKernel | None = None
    connection_file: Path | None = None
    warm: bool = False
    started_in_s: float = 0.0


def run_notebook_step(
    request: NotebookStepRequest,
    *,
    emit: Callable[[Sequence[Event]], None] = lambda events: None,
    listener: Listener | None = None,
    cancel: CancelSwitch | None = None,
) -> NotebookStepOutcome:
    """Execute the step and return how it ended; events of its asset cells go to `emit` as they arrive.

    The executed notebook is written once, at the end, from the same changes that the journal holds. A kernel that does
    not start or dies is a result, not an error.

    Args:
        request: The notebook, its parameters and limits.
        emit: Takes events of asset cells as they arrive.
        listener: Told what happens, as it happens.
        cancel: Stops the step.

    Raises:
        UnreadableNotebook: where the file cannot be read as a notebook.
        NoSuchKernel: where no kernelspec has the name.
        KernelLacksCellmill: where asset cells need cellmill in a kernel that has none.
        InvalidParameterName: for a parameter that is no identifier.
        MissingSecret: where the variable of a secret is not set.
    """
    notebook, inserted = _notebook(request)
    skip = _skipped(notebook, request)
    secrets = secret_environment(request.parameters)
    stem = _safe_name(request.name or request.path.stem)
    outcome_path = request.artifacts / f"{stem}.ipynb"
    journal_path = request.artifacts / f"{stem}{ENDING}"
    folder = request.path.parent
    before = _listing(folder, request.artifacts)
    journal_path.unlink(missing_ok=True)
    with Journal(journal_path) as journal:
        try:
            opened = _opened(request, notebook, {**_told(request), **request.env, **secrets})
        except KernelDidNotStart as error:
            result = _not_started(notebook, journal, error)
            write_notebook(notebook, outcome_path)
            return NotebookStepOutcome(result=result, notebook_path=outcome_path, journal_path=journal_path)
        politely = held = False
        try:
            if request.message is not None:
                _begin(opened, request)
            elif request.context is not None and opened.language_info.get("name") == "python":
                opened.channels.execute(request.context.bind_code(), store_history=False, silent=True)
            result = NotebookRun(
                notebook=notebook,
                kernel=opened.kernel,
                channels=opened.channels,
                journal=journal,
                listener=listener or Listener(),
                cell_timeout_s=request.cell_timeout_s,
                deadline=time.monotonic() + request.timeout_s if request.timeout_s else None,
                memory_limit=request.memory_limit,
                output_limit=request.output_limit,
                skip=skip,
                order=request.cells,
                before={index: bind_code(names) for index, names in _moved(request.loads, inserted)},
                after={index: make_code(keys) for index, keys in _moved(request.makes, inserted)},
                comms={EVENTS_TARGET: lambda data, _: emit(events_from_data(data))},
                mask=masker(secrets),
                cancel=cancel,
            ).run()
            politely = result.end in (End.SUCCEEDED, End.FAILED, End.EXITED)
            held = request.hold_failed and result.end is End.FAILED and opened.kernel.poll() is None
        finally:
            if not held:
                opened.end(politely=politely)
            notebook["metadata"]["language_info"] = opened.language_info
    write_notebook(notebook, outcome_path)
    connection = request.artifacts / f"{stem}.kernel.json"
    if held:
        write_connection(connection, opened.kernel.connection, opened.kernel.name)
    return NotebookStepOutcome(
        result=result,
        notebook_path=outcome_path,
        journal_path=journal_path,
        held=opened if held else None,
        connection_file=connection if held else None,
        files=tuple(
            sorted(name for name, stamp in _listing(folder, request.artifacts).items() if before.get(name) != stamp)
        ),
        warm=opened.warm,
        started_in_s=opened.started_in_s,
    )


def recover_notebook(journal_path: Path, *, end: End = End.KILLED, detail: str = "") -> Path:
    """Write the executed notebook that a journal amounts to, for a run whose worker died; return its path."""
    target = journal_path.with_name(journal_path.name.removesuffix(ENDING) + ".ipynb")
    write_notebook(notebook_of(read_journal(journal_path), end, detail), target)
    return target


def recover_notebooks(artifacts: Path, *, end: End = End.KILLED, detail: str = "") -> list[Path]:
    """Write every executed notebook below `artifacts` that a dead worker left as a journal only; return their paths."""
    recovered = []
    for journal in sorted(artifacts.glob(f"**/*{ENDING}")):
        if not journal.with_name(journal.name.removesuffix(ENDING) + ".ipynb").exists():
            recovered.append(recover_notebook(journal, end=end, detail=detail))
    return recovered


def _notebook(request: NotebookStepRequest) -> tuple[Node, int | None]:
    """Return the notebook to execute, and where a cell of parameters was put in."""
    inserted = None
    notebook = read_notebook(request.path) if request.snapshot is None else normalized(request.snapshot)
    if request.parameters:
        if request.cells is not None:
            raise ValueError("Parameters go to whole notebooks; assets take configuration.")
        before = notebook["cells"]
        notebook = inject(notebook, request.parameters, report_mode=request.report_mode)
        if len(notebook["cells"]) > len(before):
            pairs = enumerate(zip(before, notebook["cells"], strict=False))
            inserted = next((at for at, (old, new) in pairs if old is not new), len(before))
    if request.report_mode:
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["metadata"].setdefault("jupyter", {})["source_hidden"] = True
    papermill = notebook["metadata"].setdefault("papermill", {})
    papermill.setdefault("parameters", {})
    papermill["input_path"] = str(request.path)
    return notebook, inserted


def _told(request: NotebookStepRequest) -> dict[str, str]:
    """Return what the kernel's environment says of the run."""
    context = request.message.context() if request.message is not None else request.context
    return {} if context is None else context.environment()


def _moved(positions: Mapping[int, _T], inserted: int | None) -> list[tuple[int, _T]]:
    """Return what is said about cells, by their positions behind an insertion."""
    return [(at + (inserted is not None and at >= inserted), found) for at, found in positions.items()]


def _skipped(notebook: Node, request: NotebookStepRequest) -> dict[int, str]:
    if request.cells is None:
        return {}
    wanted = set(request.cells)
    return {
        index: request.skip_reason
        for index, cell in enumerate(notebook["cells"])
        if cell["cell_type"] == "code" and index not in wanted
    }


def _opened(request: NotebookStepRequest, notebook: Node, env: Mapping[str, str]) -> OpenKernel:
    name = request.kernel_name or (notebook["metadata"].get("kernelspec") or {}).get("name")
    preload = third_party_imports(_executed(notebook, request.cells)) if request.warm else None
    if preload is not None and request.message is not None:
        preload = tuple(sorted({*preload, *_ASSET_MODULES}))
    return open_kernel(
        name, cwd=str(request.path.parent), env=env, preload=preload, start_timeout_s=request.start_timeout_s
    )


def _executed(notebook: Node, cells: Sequence[int] | None) -> Iterable[Node]:
    everything = notebook["cells"]
    return everything if cells is None else [everything[index] for index in cells]


def _begin(opened: OpenKernel, request: NotebookStepRequest) -> None:
    assert request.message is not None
    sent = opened.channels.execute(request.message.begin_code(), store_history=False, silent=True)
    deadline = time.monotonic() + request.start_timeout_s
    while time.monotonic() < deadline and opened.kernel.poll() is None:
        for channel, message in opened.channels.receive(1.0):
            if channel == "shell" and message["parent_header"].get("msg_id") == sent:
                if message["content"].get("status") == "ok":
                    return
                reason = f"{message['content'].get('ename')}: {message['content'].get('evalue')}"
                raise KernelLacksCellmill(str(request.path), opened.kernel.name, reason)
    raise KernelLacksCellmill(str(request.path), opened.kernel.name, "it did not answer")


def _not_started(notebook: Node, journal: Journal, error: KernelDidNotStart) -> NotebookResult:
    now = time.time()
    cells = {}
    for index, cell in enumerate(notebook["cells"]):
        cells[index] = CellResult(index=index, end=End.NOT_REACHED)
        mark_cell(cell, cells[index])
    mark_notebook(notebook, End.FAILED, str(error), now, now)
    journal.notebook_started(notebook)
    journal.append("notebook_ended", end=End.FAILED.value, detail=str(error), metadata={})
    return NotebookResult(end=End.FAILED, detail=str(error), cells=cells, notebook=notebook)


def _safe_name(name: str) -> str:
    """Return `name` as one component of a path, whatever it holds."""
    quoted = urllib.parse.quote(name, safe=" +,=@~()[]'").replace("%2F", "%2F")
    return quoted[:150].strip(". ") or "notebook"


def _listing(folder: Path, besides: Path) -> dict[str, int]:
    """Return the files below `folder` with their times of change, without hidden ones and those below `besides`."""
    found: dict[str, int] = {}
    for root, directories, files in os.walk(folder):
        directories[:] = [name for name in directories if not name.startswith((".", "__pycache__"))]
        if Path(root) == besides:
            directories.clear()
            continue
        for name in files:
            path = os.path.join(root, name)
            with contextlib.suppress(OSError):
                found[os.path.relpath(path, folder)] = os.stat(path).st_mtime_ns
        if len(found) > _MOST_FILES:
            break
    return found
