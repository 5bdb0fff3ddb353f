"""The papermill engine `cellmill`: papermill's features, outputs as they arrive, no save per cell, a truthful record.

`papermill in.ipynb out.ipynb --engine cellmill`, Airflow's operator and dagstermill reach it by this name.  papermill
decides success
from error outputs alone, so a kernel that died or ran out of time gets an error output in the cell at which it
happened.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cellmill.execution.notebook.document import Node, write_notebook
from cellmill.execution.notebook.ends import CellResult, End
from cellmill.execution.notebook.journal import ENDING, Journal, papermill_entry
from cellmill.execution.notebook.notebook_run import Listener, NotebookRun
from cellmill.execution.notebook.parameters import check_names
from cellmill.execution.notebook.preamble import third_party_imports
from cellmill.execution.notebook.start import open_kernel

#: Of the time between two saves, the part that saving may take before saves become rarer.
_LARGEST_SAVE_SHARE = 0.25
#: papermill's own logger, which its command sets up.
logger = logging.getLogger("papermill")


class CellmillEngine:
    """Executes a parametrised notebook for papermill."""

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """Return the name of the kernel: the one given, else the notebook's."""
        # papermill loads this module while it is loaded itself
        from papermill.utils import nb_kernel_name

        return str(nb_kernel_name(nb, name))

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Return the language of the parameters' cell: the one given, else the notebook's."""
        # papermill loads this module while it is loaded itself
        from papermill.utils import nb_language

        return str(nb_language(nb, language))

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        *,
        start_timeout: float = 60,
        execution_timeout: float | None = None,
        stdout_file: Any = None,
        stderr_file: Any = None,
        timeout: float | None = None,
        warm: bool = False,
        memory_limit: int | None = None,
        **_others: Any,
    ) -> Any:
        """Run `nb` in a new kernel and return it; papermill raises for the errors that it holds."""
        check_names(nb.metadata.papermill.get("parameters") or {})
        saver = _Saver(nb, output_path, autosave_cell_every)
        listener = _PapermillListener(nb, saver, log_output, stdout_file, stderr_file)
        saver.save()
        preload = third_party_imports(nb["cells"]) if warm else None
        opened = open_kernel(kernel_name, cwd=os.getcwd(), start_timeout_s=start_timeout, preload=preload)
        politely = False
        try:
            logger.info(f"Executing notebook with kernel: {kernel_name}")
            with listener.progress(progress_bar, len(nb.cells)), _journal_for(output_path) as journal:
                result = NotebookRun(
                    notebook=nb,
                    kernel=opened.kernel,
                    channels=opened.channels,
                    journal=journal,
                    listener=listener,
                    cell_timeout_s=execution_timeout or timeout,
                    memory_limit=memory_limit,
                ).run()
            politely = result.end not in (End.KILLED, End.TIMED_OUT, End.OUT_OF_MEMORY)
        finally:
            opened.end(politely=politely)
            nb.metadata["language_info"] = opened.language_info
            _as_nodes(nb)
            saver.save()
        return nb


class _Saver:
    """Saves the notebook being executed now and then, atomically where it is a local file."""

    def __init__(self, notebook: Any, output_path: str | None, every_s: float) -> None:
        self._notebook = notebook
        self._path = output_path
        self._every_s = every_s
        self._saved_at = time.monotonic()

    def save(self) -> None:
        """Write the notebook as it is."""
        if self._path:
            if _is_local(self._path):
                write_notebook(self._notebook, self._path)
            else:
                # papermill loads this module while it is loaded itself
                from papermill.iorw import write_ipynb

                write_ipynb(self._notebook, self._path)
        self._saved_at = time.monotonic()

    def save_when_due(self) -> None:
        """Write it when papermill's `autosave_cell_every` seconds are over since the last time."""
        began = time.monotonic()
        if not self._path or not self._every_s or began - self._saved_at < self._every_s:
            return
        self.save()
        if self._saved_at - began > self._every_s * _LARGEST_SAVE_SHARE:
            self._every_s *= 2


class _PapermillListener(Listener):
    """papermill's own ways of showing a run: a progress bar, the log, files for stdout and stderr."""

    def __init__(self, notebook: Any, saver: _Saver, log_output: bool, stdout_file: Any, stderr_file: Any) -> None:
        self._notebook = notebook
        self._saver = saver
        self._log_output = log_output
        self._files = {"stdout": stdout_file, "stderr": stderr_file}
        self._bar: Any = None
        self._announced: int | None = None

    @contextlib.contextmanager
    def progress(self, wanted: bool | dict[str, Any], total: int) -> Iterator[None]:
        """Show papermill's progress bar while the run lasts."""
        if wanted:
            # ipywidgets come with it, for the progress bar alone
            from tqdm.auto import tqdm

            options = {"unit": "cell", "desc": "Executing", **(wanted if isinstance(wanted, dict) else {})}
            self._bar = tqdm(total=total, **options)
        try:
            yield
        finally:
            if self._bar is not None:
                self._bar.n = total
                self._bar.refresh()
                self._bar.close()

    def cell_started(self, index: int, cell: Node) -> None:
        """Announce the cell."""
        self._announce(index)
        if self._bar is not None and "papermill_description=" in cell["source"]:
            description = cell["source"].split("papermill_description=")[1].split()
            if description:
                self._bar.set_description(f"Executing {description[0]}")

    def cell_ended(self, result: CellResult, cell: Node) -> None:
        """Move the bar on; a cell that is left out by its tag or has nothing to run counts for papermill as run."""
        if self._announced != result.index:
            self._announce(result.index)
        if self._log_output:
            logger.info(f"Ending Cell {result.index + 1:-<43}")
        if result.end is End.SKIPPED:
            now = time.time()
            cell["metadata"]["papermill"] = papermill_entry(End.SUCCEEDED, now, now)
        if self._bar is not None:
            self._bar.update(1)

    def _announce(self, index: int) -> None:
        self._announced = index
        if self._log_output:
            logger.info(f"Executing Cell {index + 1:-<40}")

    def output(self, index: int, output: Node) -> None:
        """Log an output, and append it to the file that the user named for its stream."""
        text = output.get("text") if output["output_type"] == "stream" else (output.get("data") or {}).get("text/plain")
        if not text:
            return
        if output["output_type"] == "stream":
            file = self._files.get(output["name"])
            if file is not None:
                file.write(text)
                file.flush()
        if self._log_output:
            (logger.warning if output.get("name") == "stderr" else logger.info)(text)

    def tick(self) -> None:
        """Save when it is time."""
        self._saver.save_when_due()


@contextlib.contextmanager
def _journal_for(output_path: str | None) -> Iterator[Journal | None]:
    """Keep a journal beside the output while the notebook runs; it stays only when the run is cut off."""
    if not output_path or not _is_local(output_path):
        yield None
        return
    target = Path(output_path)
    path = target.with_name(f".{target.name}{ENDING}")
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        yield journal
    path.unlink(missing_ok=True)


def _as_nodes(nb: Any) -> None:
    """Give the outputs the attribute access that papermill expects of them."""
    # papermill has imported it, or is about to: it loads this module while it is loaded itself
    from nbformat import from_dict

    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = [from_dict(output) for output in cell.outputs]


def _is_local(path: str) -> bool:
    return "://" not in path and path != "-"
