"""What a notebook hands back to the op or asset that it is: results shown as outputs with a MIME type of their own.

`yield_result` is for Python.  Any language can show the JSON form, or write JSON to `$CELLMILL_RESULTS/NAME.json`;
scrapbook's `glue` is understood as well.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellmill.errors import ExecutionError, SecurityError
from cellmill.execution.notebook.document import Node

RESULT_MIME = "application/vnd.cellmill.result+json"
SCRAP_MIME = "application/scrapbook.scrap.json+json"
#: The folder of the run in which a kernel puts values that are no JSON.
RESULTS_VARIABLE = "CELLMILL_RESULTS"


def yield_result(value: Any, output_name: str = "result") -> None:
    """Hand a value back as an output of the notebook's op or asset.

    JSON values are shown in the notebook; others are written into the run's folder. In an interactive kernel nothing is
    handed on.

    Args:
        value: The value.
        output_name: The output that it is; `result` is that of an op or asset with one.
    """
    # there in every kernel, and not where results are read
    from IPython.display import display

    data: dict[str, Any] = {"name": output_name}
    folder = os.environ.get(RESULTS_VARIABLE)
    if _is_json(value):
        data["data"] = value
    elif folder:
        path = Path(folder) / f"{output_name}.pickle"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(pickle.dumps(value))
        data["path"] = path.name
    display({RESULT_MIME: data, "text/plain": f"{output_name}: {type(value).__qualname__}"}, raw=True)


def results_of(notebook: Node, folder: Path) -> dict[str, Any]:
    """Return what the cells of an executed notebook handed back, by output name; the last one of a name counts.

    Args:
        notebook: The executed notebook.
        folder: The run's folder that holds values which are no JSON.

    Raises:
        SecurityError: for a path that leaves `folder`.
        ExecutionError: for a file that is no JSON.
    """
    found: dict[str, Any] = {path.stem: _parsed(path) for path in sorted(folder.glob("*.json"))}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            bundle = output.get("data") or {}
            if isinstance(bundle.get(RESULT_MIME), Mapping):
                entry = bundle[RESULT_MIME]
                found[entry["name"]] = _read(entry["path"], folder) if "path" in entry else entry.get("data")
            elif isinstance(bundle.get(SCRAP_MIME), Mapping):
                found[bundle[SCRAP_MIME]["name"]] = bundle[SCRAP_MIME].get("data")
    return found


def _read(name: str, folder: Path) -> Any:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise SecurityError(
            f"A notebook named {name!r} as the file of a result, which lies outside the folder of its run."
        )
    return pickle.loads(path.read_bytes())


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ExecutionError(
            f"The notebook handed back {path.stem!r} as {path.name}, which is no JSON: {error}. "
            "A text stands in quotes."
        ) from None


def _is_json(value: Any) -> bool:
    if value is None or type(value) in (bool, int, float, str):
        return True
    if type(value) is list:
        return all(_is_json(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _is_json(item) for key, item in value.items())
    return False
