"""Notebook files as plain dictionaries: read, written atomically, never through a whole validation.

`nbformat` reads and writes the same files; its import and its schema validation cost more than a warm notebook run,
so only
notebooks of an older major format go through it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cellmill.errors import NO_ROOM, ExecutionError, StorageFullError
from cellmill.execution.notebook.imports import without_slow_grammars
from cellmill.notebooks import document as percent
from cellmill.notebooks.problem import NotebookError
from cellmill.redaction import redacted

#: A notebook, a cell or an output, as the JSON of the file holds it (multi-line strings joined).
Node = dict[str, Any]


class UnreadableNotebook(ExecutionError):
    """A file is no notebook; open it in Jupyter, save it there, or correct its path."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        self.path = os.fspath(path)
        self.reason = reason
        super().__init__(f"{self.path}: cannot be read as a notebook: {reason}")

    def __reduce__(self) -> tuple[type[UnreadableNotebook], tuple[str, str]]:
        return type(self), (self.path, self.reason)


def read_notebook(path: str | os.PathLike[str]) -> Node:
    """Return the notebook at `path` in format 4, with strings joined and `metadata` and `tags` always there."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        node = _from_percent(text, path) if os.fspath(path).endswith(".py") else json.loads(text)
    except OSError as error:
        raise UnreadableNotebook(path, error.strerror or str(error)) from None
    except ValueError as error:
        raise UnreadableNotebook(path, f"it is not JSON ({error})") from None
    if not isinstance(node, dict) or "nbformat" not in node:
        raise UnreadableNotebook(path, "it has no 'nbformat' entry")
    if node["nbformat"] != 4:
        node = _upgraded(text, path)
    if not isinstance(node.get("cells"), list):
        raise UnreadableNotebook(path, "it has no list of cells")
    return normalized(node)


def _from_percent(text: str, path: str | os.PathLike[str]) -> Node:
    """Return a percent-format .py file as a notebook; its cells have the ids that the static reader gives them."""
    try:
        read = percent.read_notebook(text, os.fspath(path))
    except NotebookError as error:
        raise UnreadableNotebook(path, error.problem) from None
    cells = [
        {"cell_type": cell.kind, "id": cell.id, "metadata": {"tags": list(cell.tags)}, "source": cell.source}
        for cell in read.cells
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def _upgraded(text: str, path: str | os.PathLike[str]) -> Node:
    with without_slow_grammars():
        # a quarter of a second, for notebooks of an old format alone
        import nbformat
    try:
        upgraded: Node = json.loads(nbformat.writes(nbformat.reads(text, as_version=4)))
    except Exception as error:  # nbformat raises many kinds for a broken old file
        raise UnreadableNotebook(path, str(error)) from error
    return upgraded


def normalized(node: Node) -> Node:
    """Return `node` with joined strings and with the entries that execution expects, changed in place."""
    node.setdefault("metadata", {})
    for cell in node["cells"]:
        cell["source"] = _joined(cell.get("source", ""))
        metadata = cell.setdefault("metadata", {})
        metadata.setdefault("tags", [])
        if cell.get("cell_type") == "code":
            cell.setdefault("execution_count", None)
            for output in cell.setdefault("outputs", []):
                _join_output(output)
    return node


def code_cells(node: Node) -> Iterator[tuple[int, Node]]:
    """Yield (position, cell) of each code cell that has source."""
    for index, cell in enumerate(node["cells"]):
        if cell["cell_type"] == "code" and cell["source"].strip():
            yield index, cell


def write_notebook(node: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Replace the file at `path` by `node`, so that a reader sees the old file or the new one and a crash leaves one
    of them.
    """
    write_atomically(path, redacted(render_notebook(node)).encode("utf-8"))


def render_notebook(node: Mapping[str, Any]) -> str:
    """Return the text that `nbformat.writes` gives for `node`: sorted keys, one space, multi-line strings split."""
    split = {**node, "cells": [_split_cell(cell) for cell in node["cells"]]}
    return json.dumps(split, indent=1, ensure_ascii=False, sort_keys=True, separators=(",", ": ")) + "\n"


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a new file beside `path`, flush it to disk, then rename it to `path`; only its owner can read it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.tmp-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise full_disk(target.name, error) from error
        raise


def full_disk(what: str, error: OSError) -> StorageFullError:
    """Return the error of something that found no room to be written."""
    return StorageFullError(
        f"There is no room to write {what} ({error.strerror}). Make free room where the instance is kept, or move "
        "CELLMILL_HOME, and retry the run: what was finished is kept."
    )


def _joined(value: object) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def _is_text(mimetype: str) -> bool:
    return not (mimetype == "application/json" or mimetype.endswith("+json"))


def _join_output(output: Node) -> None:
    if output.get("output_type") == "stream":
        output["text"] = _joined(output.get("text", ""))
    for mimetype, value in (output.get("data") or {}).items():
        if isinstance(value, list) and _is_text(mimetype):
            output["data"][mimetype] = "".join(value)


def _lines(value: object) -> object:
    return value.splitlines(True) if isinstance(value, str) else value


def _split_cell(cell: Node) -> Node:
    split = {**cell, "source": _lines(cell.get("source", ""))}
    if cell.get("cell_type") == "code":
        split["outputs"] = [_split_output(output) for output in cell.get("outputs", ())]
    return split


def _split_output(output: Node) -> Node:
    kind = output.get("output_type")
    if kind == "stream":
        return {**output, "text": _lines(output["text"])}
    if kind in ("execute_result", "display_data"):
        return {
            **output,
            "data": {key: _lines(value) if _is_text(key) else value for key, value in output["data"].items()},
        }
    return output
