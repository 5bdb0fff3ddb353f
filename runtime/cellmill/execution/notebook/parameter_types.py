"""Parameters whose types are a notebook's own: Enum members, pydantic models, and whatever pydantic can validate.

Such a type is known where its class is.  So a kernel of the notebook is asked, before anything of the run starts; it
executes the statements that define the type and nothing else.  What comes back is a text that the notebook itself
turns into the value, behind the cell that declares the parameter.
"""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cellmill.errors import InvalidConfigError
from cellmill.execution.notebook.declared_parameters import (
    DeclaredParameter,
    declared_parameters,
    json_or_text,
    typed_value,
)
from cellmill.execution.notebook.document import Node
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step
from cellmill.execution.notebook.parameters import DeclaredValue
from cellmill.notebooks.document import read_notebook
from cellmill.notebooks.scan import scan_notebook

#: Seconds that a kernel gets for executing what defines the types.
_TIMEOUT_S = 60.0
_JUDGE = """
import json
from cellmill.execution.notebook.parameter_judge import judge
print(json.dumps(judge(json.loads({asked!r}), globals())))
"""


def typed_config(path: Path, notebook: Node, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters from text or JSON as values of the types that the notebook declares; others stay as they are.

    Args:
        path: The notebook's file, in whose folder a kernel works where one is asked.
        notebook: The notebook.
        given: By parameter a text, or JSON as a run's config has it.

    Raises:
        InvalidConfigError: for a value that is none of its parameter's type.
    """
    declared = declared_parameters(notebook)
    known, asked = {}, {}
    for name, value in given.items():
        one = declared.get(name)
        if one is not None and one.is_own_type:
            asked[name] = value
        elif one is not None and isinstance(value, str):
            known[name] = typed_value(name, value, one)
        else:
            known[name] = value
    return {**given, **known, **(_asked(path, notebook, asked, declared) if asked else {})}


def _asked(
    path: Path, notebook: Node, given: Mapping[str, Any], declared: Mapping[str, DeclaredParameter]
) -> dict[str, Any]:
    asked = [(name, declared[name].annotation, value) for name, value in given.items()]
    answers = _answers(path, notebook, asked)
    found: dict[str, Any] = {}
    if answers is None:
        return {name: json_or_text(value) if isinstance(value, str) else value for name, value in given.items()}
    for (name, annotation, value), answer in zip(asked, answers, strict=True):
        if "error" in answer:
            raise InvalidConfigError(
                f"Parameter {name!r} is a {annotation}, and {_shown(value)} is none. {answer['error']}"
            )
        found[name] = None if answer["form"] == "none" else DeclaredValue(annotation, answer["form"], answer["text"])
    return found


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return repr(text if len(text) <= 200 else text[:200] + "…")


def _answers(path: Path, notebook: Node, asked: list[tuple[str, str, Any]]) -> list[dict[str, str]] | None:
    """Return what a kernel says of each value; None where the kernel has no cellmill to ask."""
    try:
        question = json.dumps(asked)
    except TypeError as error:
        raise InvalidConfigError(f"A parameter of {path.name} is no JSON: {error}.") from None
    sources = ["\n".join(_defining(notebook, path.name, asked)), _JUDGE.format(asked=question)]
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"q{at}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for at, source in enumerate(sources)
    ]
    metadata = {name: value for name, value in notebook["metadata"].items() if name in ("kernelspec", "language_info")}
    with tempfile.TemporaryDirectory(prefix="cellmill-types-") as folder:
        outcome = run_notebook_step(
            NotebookStepRequest(
                path=path,
                artifacts=Path(folder),
                snapshot={**notebook, "cells": cells, "metadata": metadata},
                timeout_s=_TIMEOUT_S,
            )
        )
    failed = outcome.result.failed_cell
    if failed is not None and failed.index == 1 and failed.error is not None:
        if failed.error.ename == "ModuleNotFoundError":
            return None
    if not outcome.result.succeeded:
        names = ", ".join(sorted({annotation for _, annotation, _ in asked}))
        raise InvalidConfigError(
            f"{path.name}: whether parameters are {names} cannot be known, since what defines that fails: "
            f"{outcome.result.detail}"
        )
    printed = "".join(str(output.get("text", "")) for output in outcome.result.notebook["cells"][1]["outputs"])
    answers: list[dict[str, str]] = json.loads(printed.strip().splitlines()[-1])
    return answers


def _defining(notebook: Node, name: str, asked: list[tuple[str, str, Any]]) -> Iterator[str]:
    """Yield the statements that the annotations need, in document order."""
    scan = scan_notebook(read_notebook(json.dumps(notebook), name), name)
    linker = scan.linker()
    wanted: set[int] = set()
    for parameter, annotation, _ in asked:
        names = {node.id for node in ast.walk(ast.parse(annotation)) if isinstance(node, ast.Name)}
        for unit in linker.units:
            if parameter in unit.statement.binds:
                uses = [use for use in unit.statement.uses.values() if use.name in names]
                wanted |= linker.slice_of(uses, unit.position).units
    for at in sorted(wanted):
        yield from (ast.unparse(node) for node in linker.units[at].statement.nodes)
