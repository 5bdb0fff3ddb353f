"""`%run other.ipynb` and `%run script.py`: what the file does to names, as if it stood where the line stands."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from .cells import analyse_source
from .document import read_notebook
from .facts import DYNAMIC, EFFECTS, CellFacts, Statement
from .magic import split_header
from .problem import NotebookError

#: Hint of a statement that runs a file.
RUN = "run"
#: Files that run files that run files … are followed this far.
_DEPTH = 8


def run_targets(notebook: str, cells: Iterable[CellFacts]) -> list[str]:
    """The files that a notebook's plain cells run, by their paths from the workspace's root."""
    hints = (hint for facts in cells for hint in facts.hints if hint.kind == RUN)
    return list(dict.fromkeys(target_path(notebook, hint.text) for hint in hints))


def run_places(cells: Iterable[tuple[int, CellFacts]]) -> set[tuple[int, int]]:
    """The cells and lines of the statements that run a file."""
    return {(index, hint.line) for index, facts in cells for hint in facts.hints if hint.kind == RUN}


def target_path(notebook: str, text: str) -> str:
    """The path of a `%run` target: it is named from the folder of the notebook."""
    path = text.strip("\"'")
    if not path.endswith((".ipynb", ".py")):
        path += ".py"
    return posixpath.normpath(posixpath.join(posixpath.dirname(notebook), path))


def followed(facts: CellFacts, notebook: str, files: Mapping[str, str], python: tuple[int, int]) -> CellFacts:
    """A plain cell's facts with the statements of the files that it runs; as they are where a file is not at hand."""
    if not any(hint.kind == RUN for hint in facts.hints):
        return facts
    statements = [part for one in facts.statements for part in _followed(one, notebook, files, python, _DEPTH)]
    return replace(facts, statements=tuple(statements))


def _followed(
    statement: Statement, notebook: str, files: Mapping[str, str], python: tuple[int, int], depth: int
) -> Iterator[Statement]:
    targets = [target_path(notebook, hint.text) for hint in statement.hints if hint.kind == RUN]
    texts = [_text(target, files) for target in targets]
    if not targets or not depth or any(text is None for text in texts):
        yield statement
        return
    for target, text in zip(targets, texts, strict=True):
        for source in _sources(target, text or ""):
            for inner in analyse_source(source, python=python).statements:
                for part in _followed(inner, target, files, python, depth - 1):
                    yield replace(part, line=statement.line, end_line=statement.end_line, ends=False)
    yield replace(statement, flags=statement.flags - {DYNAMIC, EFFECTS})


def _text(target: str, files: Mapping[str, str]) -> str | None:
    """The text of a file: by its path, or as the module that it is."""
    found = files.get(target)
    if found is None and target.endswith(".py"):
        found = files.get(target.removesuffix(".py").replace("/", "."))
    return found


def _sources(target: str, text: str) -> list[str]:
    """The plain code of a file: a script, or the cells of a notebook that define no assets."""
    if target.endswith(".py"):
        return [text]
    try:
        cells = read_notebook(text, target).code_cells
    except NotebookError:
        return []
    return [cell.source for cell in cells if split_header(cell.source) is None]
