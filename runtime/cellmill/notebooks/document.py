"""A notebook as text in, cells out: .ipynb of any version, or a percent-format .py file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from .problem import NotebookFormatError

CellKind = Literal["code", "markdown", "raw"]

_MERGE_MARKER = re.compile(r"^[ \t\",]*(<{7}|>{7}|={7}$|\|{7})( |$)", re.MULTILINE)
_PERCENT = re.compile(r"^# ?%%(?:\s+(?P<rest>.*))?$")
_TAGS = re.compile(r"""tags=(\[[^\]]*\])""")
_COMMENTED_MAGIC = re.compile(r"^(?P<indent>\s*)# ?(?P<magic>%%?[A-Za-z_].*|!.*)$")
_PYTHONS = frozenset({"python", "python3", "python2", "ipython", "ipython3", "ipython2", "xpython"})
_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: its stable id, its position, its source."""

    id: str
    index: int
    kind: CellKind
    source: str
    tags: tuple[str, ...] = ()
    #: 1-based line of the file where the source starts; 1 in an .ipynb, where lines are counted per cell.
    line: int = 1
    metadata: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A notebook that was read: its cells in document order."""

    path: str
    cells: tuple[Cell, ...]
    language: str = "python"
    kernel: str | None = None
    form: Literal["ipynb", "percent"] = "ipynb"
    digest: str = ""

    @property
    def is_python(self) -> bool:
        """True where the cells are Python."""
        return self.language.lower() in _PYTHONS

    @property
    def code_cells(self) -> tuple[Cell, ...]:
        """The code cells in document order."""
        return tuple(cell for cell in self.cells if cell.kind == "code")


def digest_of(text: str) -> str:
    """The content hash by which facts are cached."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def read_notebook(text: str | bytes, path: str = "") -> Notebook:
    """The notebook in `text`; raises `NotebookFormatError` naming the line and the remedy."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise NotebookFormatError(
                f"it is not UTF-8 text (byte {error.start})", notebook=path, remedy="Save it as UTF-8."
            ) from None
    if text.startswith("\ufeff"):
        text = text[1:]
    if path.endswith(".py"):
        return _read_percent(text, path)
    return _read_ipynb(text, path)


def _read_ipynb(text: str, path: str) -> Notebook:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken_json(text, path, error) from None
    if not isinstance(data, dict):
        raise NotebookFormatError("the file holds no JSON object", notebook=path, remedy="Open a notebook (.ipynb).")
    cells = _raw_cells(data, path)
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return Notebook(
        path=path,
        cells=_build_cells(cells, path),
        language=_language(metadata, cells),
        kernel=_text(_dict(metadata.get("kernelspec")).get("name")) or None,
        digest=digest_of(text),
    )


def _broken_json(text: str, path: str, error: Exception) -> NotebookFormatError:
    if not text.strip():
        return NotebookFormatError("the file is empty", notebook=path, remedy="Create the notebook in JupyterLab.")
    marker = _MERGE_MARKER.search(text)
    if marker is not None:
        line = text.count("\n", 0, marker.start()) + 1
        return NotebookFormatError(
            "the file has unresolved merge markers",
            notebook=path,
            line=line,
            remedy="Resolve the merge, for example with 'nbdime mergetool', then save the notebook.",
        )
    line_ = getattr(error, "lineno", None)
    return NotebookFormatError(
        f"the file is not valid JSON ({getattr(error, 'msg', error)})",
        notebook=path,
        line=line_,
        remedy="Restore it from version control or a JupyterLab checkpoint.",
    )


def _raw_cells(data: dict[str, Any], path: str) -> list[Any]:
    cells = data.get("cells")
    if isinstance(cells, list):
        return cells
    worksheets = data.get("worksheets")
    if isinstance(worksheets, list):  # nbformat 3
        return [cell for sheet in worksheets if isinstance(sheet, dict) for cell in _list(sheet.get("cells"))]
    raise NotebookFormatError(
        "the file has no list of cells", notebook=path, remedy="It is JSON, but no notebook: check the path."
    )


def _build_cells(raw: Iterable[Any], path: str) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    seen: dict[str, int] = {}
    for index, item in enumerate(raw):
        if not isinstance(item, dict):
            raise NotebookFormatError(
                f"a cell is {type(item).__name__}, not an object",
                notebook=path,
                cell=index,
                remedy="Restore the notebook from version control.",
            )
        kind = item.get("cell_type")
        source = _source(item.get("source", item.get("input", "")))
        metadata = _dict(item.get("metadata"))
        ident = _text(item.get("id")) or _text(metadata.get("id")) or _derived_id(source)
        count = seen.get(ident, 0)
        seen[ident] = count + 1
        cells.append(
            Cell(
                id=ident if not count else f"{ident}-{count + 1}",
                index=index,
                kind="code" if kind == "code" else "raw" if kind == "raw" else "markdown",
                source=source,
                tags=tuple(tag for tag in _list(metadata.get("tags")) if isinstance(tag, str)),
                metadata=metadata or _EMPTY,
            )
        )
    return tuple(cells)


def _derived_id(source: str) -> str:
    """An id for a cell that has none (nbformat before 4.5): from its source, so that moving it keeps the id."""
    return "src-" + hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


def _source(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "".join(part for part in _list(value) if isinstance(part, str))


def _language(metadata: dict[str, Any], cells: list[Any]) -> str:
    info = _text(_dict(metadata.get("language_info")).get("name"))
    spec = _text(_dict(metadata.get("kernelspec")).get("language"))
    if info or spec:
        return info or spec
    for cell in cells:  # nbformat 3 keeps the language in each cell
        if isinstance(cell, dict) and isinstance(cell.get("language"), str):
            return str(cell["language"])
    return "python"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _read_percent(text: str, path: str) -> Notebook:
    lines = text.splitlines()
    marker = _MERGE_MARKER.search(text)
    if marker is not None and marker.group(1)[0] != "=":
        raise NotebookFormatError(
            "the file has unresolved merge markers",
            notebook=path,
            line=text.count("\n", 0, marker.start()) + 1,
            remedy="Resolve the merge and save the file.",
        )
    blocks: list[tuple[int, str, list[str]]] = [(1, "", [])]
    for number, line in enumerate(_without_front_matter(lines), start=1):
        found = _PERCENT.match(line)
        if found:
            blocks.append((number + 1, found["rest"] or "", []))
        else:
            blocks[-1][2].append(line)
    cells: list[Cell] = []
    seen: dict[str, int] = {}
    for first, title, block in blocks:
        body = "\n".join(block).strip("\n")
        lead = len(block) - len("\n".join(block).lstrip("\n").split("\n"))
        if not body.strip() and not title:
            continue
        kind: CellKind = (
            "markdown" if "[markdown]" in title or "[md]" in title else "raw" if "[raw]" in title else "code"
        )
        source = _uncomment_magics(body) if kind == "code" else re.sub(r"(?m)^# ?", "", body)
        ident = _derived_id(source)
        count = seen.get(ident, 0)
        seen[ident] = count + 1
        cells.append(
            Cell(
                id=ident if not count else f"{ident}-{count + 1}",
                index=len(cells),
                kind=kind,
                source=source,
                tags=_percent_tags(title),
                line=first + max(lead, 0),
            )
        )
    return Notebook(path=path, cells=tuple(cells), form="percent", digest=digest_of(text))


def _percent_tags(title: str) -> tuple[str, ...]:
    """The tags of a cell marker: ``# %% tags=["parameters"]``."""
    found = _TAGS.search(title)
    try:
        tags = json.loads(found[1]) if found else []
    except ValueError:
        return ()
    return tuple(tag for tag in tags if isinstance(tag, str))


def _without_front_matter(lines: list[str]) -> list[str]:
    """The lines with jupytext's YAML header blanked, so that line numbers stay true."""
    if not lines or lines[0].strip() != "# ---":
        return lines
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == "# ---":
            return [""] * (number + 1) + lines[number + 1 :]
    return lines


def _uncomment_magics(source: str) -> str:
    return "\n".join(
        found["indent"] + found["magic"] if (found := _COMMENTED_MAGIC.match(line)) else line
        for line in source.split("\n")
    )
