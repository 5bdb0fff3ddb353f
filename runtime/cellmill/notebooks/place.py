"""Where in a notebook something went wrong, in the words that every message uses: notebook, cell, line, source line."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
#: IPython's own ways of naming a line of a cell in a traceback.
_LINE = re.compile(r"(?:Cell In\s*\[\d+\], line|<ipython-input-[^>]*>[^\n]*?:|ipykernel_\d+/\d+\.py:)\s*(\d+)")
_SYNTAX = re.compile(r"File .*?, line (\d+)")


def describe_place(notebook: str, cell_index: int, line: int | None, code: str = "") -> str:
    """Return ``a.ipynb, cell 3, line 2: x / 0``; without a line the part that is known."""
    text = f"{notebook}, cell {cell_index + 1}" if notebook else f"cell {cell_index + 1}"
    if line is None:
        return text
    text += f", line {line}"
    code = code.strip()
    return f"{text}: {code}" if code else text


def source_line(source: str, line: int) -> str:
    """Return one line of a cell without its indentation; empty where there is no such line."""
    lines = source.splitlines()
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def line_of_traceback(traceback: Sequence[str]) -> int | None:
    """Return the line of the failed cell that a kernel's traceback names first; None where it names none."""
    text = _ANSI.sub("", "\n".join(traceback))
    found = _LINE.search(text) or _SYNTAX.search(text)
    return int(found.group(1)) if found else None
