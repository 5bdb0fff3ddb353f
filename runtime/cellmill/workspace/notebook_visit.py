"""One visit of a run to one notebook: what the kernel is told, and how its end is recorded."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import CellmillError
from cellmill.execution.notebook.declared_parameters import parameters_of
from cellmill.execution.notebook.ends import CellResult, End, NotebookResult
from cellmill.execution.notebook.notebook_step import NotebookStepRequest
from cellmill.notebooks.place import describe_place, line_of_traceback, source_line
from cellmill.planning.event import EngineEventData, ErrorInfo, Event, EventType, StepFailureData
from cellmill.planning.run import Run
from cellmill.workspace.config import LocationConfig
from cellmill.workspace.run_names import PARAMETERS_TAG, artifacts_of
from cellmill.workspace.run_plan import Visit
from cellmill.workspace.visit_message import step_message
from cellmill.workspace.visit_services import HeldKernel, VisitServices

_ENDED = (EventType.STEP_SUCCESS, EventType.STEP_FAILURE, EventType.STEP_SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitEnd:
    """How a visit ended."""

    succeeded: bool
    message: str = ""


def visit_notebook(visit: Visit, services: VisitServices) -> VisitEnd:
    """Execute the cells of one visit; events of its assets are written as they arrive."""
    watch = _StepWatch(services)
    try:
        outcome = services.run_step(_request(visit, services), emit=watch, cancel=services.cancel)
    except (CellmillError, OSError, ValueError) as error:
        text = str(error).replace(str(visit.notebook), visit.name)
        watch.fail_open(visit, text, replace(ErrorInfo.of(error), message=f"{type(error).__name__}: {text}"))
        return VisitEnd(succeeded=False, message=text if text.startswith(visit.name) else f"{visit.name}: {text}")
    result = outcome.result
    message = "" if result.succeeded else failure_text(visit, result, services.run.run_id)
    if outcome.held is not None and outcome.connection_file is not None:
        services.held.append(HeldKernel(kernel=outcome.held, connection_file=outcome.connection_file))
        message += (
            f"\nIts kernel is kept for {services.hold_failed_s:g} s: "
            f"jupyter console --existing {outcome.connection_file}"
        )
    if not result.succeeded:
        watch.fail_open(visit, message, _error_info(result.failed_cell))
    services.emit([_notebook_event(visit, services.run, result, outcome.notebook_path, outcome.files)])
    missing = [key for key in visit.assets if key not in watch.finished] if result.succeeded else []
    if missing:
        names = ", ".join(key.to_user_string() for key in missing)
        message = f"{visit.name} ended, but did not make {names}."
        watch.fail_open(visit, message, None)
    return VisitEnd(succeeded=result.succeeded and not missing, message=message)


def _kernel_of(config: LocationConfig) -> str | None:
    """Return the kernelspec or the Python of a location's kernels; None where each notebook says its own."""
    if config.python is None:
        return config.kernel
    return shutil.which(config.python) or config.python


def _request(visit: Visit, services: VisitServices) -> NotebookStepRequest:
    assert visit.notebook is not None
    run, workspace = services.run, services.workspace
    location = workspace.locations.get(visit.location)
    config = location.config if location is not None else None
    message = step_message(visit, services)
    known = {key for key, _, _ in message.refs}
    path = os.pathsep.join(filter(None, [str(workspace.config.root), os.environ.get("PYTHONPATH")]))
    loads = {index: {name: key for name, key in names.items() if key in known} for index, names in visit.loads.items()}
    kernels = workspace.config.settings.get("kernels")
    limits: dict[str, Any] = kernels if isinstance(kernels, dict) else {}
    return NotebookStepRequest(
        path=visit.notebook,
        snapshot=None if visit.pinned is None else json.loads(visit.pinned),
        artifacts=artifacts_of(services.home, run.run_id),
        name=visit.key.removesuffix(".ipynb").replace("/", "__"),
        cells=visit.cells,
        message=message if visit.assets or visit.loads or visit.checks or visit.has_session else None,
        context=message.context(),
        loads={index: names for index, names in loads.items() if names},
        makes=visit.makes,
        parameters=parameters_of(run.tags.get(PARAMETERS_TAG, "{}")) if visit.cells is None else {},
        kernel_name=_kernel_of(config) if config is not None else None,
        warm=bool(limits.get("warm", True)),
        env={
            "PYTHONPATH": path,
            **(dict(config.env) if config is not None else {}),
            "CELLMILL_HOME": str(services.home),
        },
        cell_timeout_s=limits.get("cell_timeout_s"),
        timeout_s=limits.get("timeout_s"),
        memory_limit=limits.get("memory_limit"),
        hold_failed=services.hold_failed_s > 0,
    )


class _StepWatch:
    """Writes a visit's events and knows which of its steps began and ended."""

    def __init__(self, services: VisitServices) -> None:
        self._services = services
        self._open: dict[str, float] = {}
        self.finished: set[AssetKey] = set()
        self._failed = False

    def __call__(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type is EventType.STEP_START and event.step_key:
                self._open[event.step_key] = event.timestamp
            elif event.type in _ENDED and event.step_key:
                self._open.pop(event.step_key, None)
                self._failed |= event.type is EventType.STEP_FAILURE
            if event.asset_key is not None and event.type in (
                EventType.ASSET_MATERIALIZATION,
                EventType.ASSET_OBSERVATION,
                EventType.STEP_SKIPPED,  # what is fresh is as good as made
            ):
                self.finished.add(event.asset_key)
        self._services.emit(events)

    def fail_open(self, visit: Visit, message: str, error: ErrorInfo | None) -> None:
        """Record the failure of the step that was going on, or of the first asset that was still to come."""
        keys = list(self._open)
        if not keys and not self._failed:
            waiting = [key.to_python_identifier() for key in visit.assets if key not in self.finished]
            keys = waiting[:1] or [visit.key]
        info = error or ErrorInfo(message)
        run = self._services.run
        self._services.emit(
            [
                Event(
                    EventType.STEP_FAILURE,
                    run.run_id,
                    time.time(),
                    step_key=key,
                    message=message,
                    level=40,
                    data=StepFailureData(info),
                    job_name=run.job_name,
                )
                for key in keys
            ]
        )
        self._open.clear()


def failure_text(visit: Visit, result: NotebookResult, run_id: str = "") -> str:
    """Return why a notebook did not end well: the error, the notebook, the cell, its line, and how to go on."""
    cell = result.failed_cell
    if cell is None:
        return f"{visit.name}: {result.end.value}{': ' + result.detail if result.detail else ''}"
    source = str(result.notebook["cells"][cell.index]["source"]) if result.notebook else ""
    if cell.error is None:
        detail = cell.detail or result.detail
        place = describe_place(visit.name, cell.index, None)
        return f"{place}: {cell.end.value}{': ' + detail if detail else ''}"
    line = line_of_traceback(cell.error.traceback)
    place = describe_place(visit.name, cell.index, line)
    text = f"{place}: {cell.error.ename}: {cell.error.evalue}"
    if line is not None and source_line(source, line):
        text += f"\n    {source_line(source, line)}"
    if run_id and cell.end is End.FAILED:
        text += f"\nChange the cell, then: cellmill runs retry {run_id[:8]}"
    return text


def _error_info(cell: CellResult | None) -> ErrorInfo | None:
    if cell is None or cell.error is None:
        return None
    error = cell.error
    return ErrorInfo(f"{error.ename}: {error.evalue}", tuple(error.traceback), error.ename)


def _notebook_event(visit: Visit, run: Run, result: NotebookResult, executed: Path, files: Sequence[str]) -> Event:
    """Return the event by which the executed notebook is found again."""
    ran = sum(cell.end is End.SUCCEEDED for cell in result.cells.values())
    message = f"Executed {ran} cells of {visit.name}: {result.end.value}."
    metadata = {"notebook": visit.name, "executed_notebook": str(executed), "files": list(files)}
    return Event(
        EventType.ENGINE_EVENT,
        run.run_id,
        time.time(),
        message=message,
        level=20,
        data=EngineEventData(metadata=metadata),
        job_name=run.job_name,
    )
