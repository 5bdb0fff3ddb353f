"""A cell's source as Python statements: our header and cell magics taken off, IPython's syntax made into calls.

Most cells parse as they are. Where one does not, the line at which Python stops is looked at: a magic, a shell line or
a question is replaced by the call it stands for, in place, so that line numbers stay true. What this does not
understand goes through IPython's own transformer.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from . import known
from .magic import split_header

_CELL_MAGIC = re.compile(r"%%(?P<name>[^\W\d]\w*|!)\s*(?P<line>.*)$")
_MAGIC_LINE = re.compile(r"^(?P<indent>\s*)(?P<target>[\w.,\s\[\]\"']+?=\s*)?%(?P<name>[^\W\d][\w.]*)(?P<rest>.*)$")
_SHELL_LINE = re.compile(r"^(?P<indent>\s*)(?P<target>[\w.,\s\[\]\"']+?=\s*)?!(?P<more>!?)(?P<rest>.*)$")
_HELP_LINE = re.compile(
    r"^(?P<indent>\s*)(?:\?{1,2}\s*(?P<front>%{0,2}[\w.*\[\]'\"]+);?|(?P<target>[\w.]+\s*=\s*)?(?P<back>%{0,2}[\w.*\[\]'\"]+)\s*\?{1,2})\s*;?\s*$"
)
_SPECIAL = re.compile(r"(?m)^\s*(?:[\w.,\s]+=\s*)?[%!?/,;]|\?\s*;?\s*$")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A cell's source, parsed: statements of the body, or the magic of another language."""

    body: tuple[ast.stmt, ...]
    #: lines before the body: header or cell magics
    lead: int = 0
    #: cell magics around the body that were taken off: (name, line)
    magics: tuple[tuple[str, str], ...] = ()
    #: magic, its line, its body; for a cell in another language
    foreign: tuple[str, str, str] | None = None
    problem: str = ""
    problem_line: int | None = None
    #: the body as plain Python, line for line
    code: str = ""


def parse_source(source: str) -> Parsed:
    """The statements of a cell; never raises: a cell that does not parse has a `problem`."""
    lead = 0
    if source.lstrip()[:2] in ("%%", "#|", "# "):
        header = split_header(source)
        if header is not None:
            lead = header[2]
            lines = source.split("\n")
            source = "\n" * lead + "\n".join(lines[lead:])
    return _parse_body(source, lead, ())


def _parse_body(source: str, lead: int, magics: tuple[tuple[str, str], ...]) -> Parsed:
    stripped = source.lstrip()
    if stripped.startswith("%%"):
        found = _CELL_MAGIC.match(stripped.split("\n", 1)[0])
        if found is not None:
            name, line = found["name"], found["line"]
            first = source[: len(source) - len(stripped)].count("\n") + 1
            rest = "\n".join(source.split("\n")[first:])
            if name in known.PYTHON_CELL_MAGICS and name not in known.SANDBOX_CELL_MAGICS:
                return _parse_body("\n" * first + rest, first, (*magics, (name, line)))
            return Parsed((), first, magics, (name, line, rest))
    try:
        return Parsed(tuple(_parse(source).body), lead, magics, code=source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        first_error = error
    if not _SPECIAL.search(source):
        # a cell pasted with its indentation, or with a >>> prompt
        if (
            stripped.startswith(">>>")
            or source[:1] in " \t"
            or stripped.startswith(("In [", "..."))
            or _indented(source)
        ):
            return _through_ipython(source, lead, magics, first_error)
        return _broken(first_error, lead, magics, source)
    return _line_by_line(source, lead, magics)


def _indented(source: str) -> bool:
    return re.match(r"\s*\n[ \t]+\S", source) is not None


def _parse(source: str) -> ast.Module:
    if "\\" not in source:
        # the parser warns of little but escapes, and hiding warnings costs a fifth of the time of parsing
        try:
            return ast.parse(source)
        except SyntaxError:
            pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _line_by_line(source: str, lead: int, magics: tuple[tuple[str, str], ...]) -> Parsed:
    """Replace the line at which Python stops, as long as it is one of IPython's."""
    lines = source.split("\n")
    changed: set[int] = set()
    while True:
        text = "\n".join(lines)
        try:
            return Parsed(tuple(_parse(text).body), lead, magics, code=text)
        except SyntaxError as error:
            stop = (error.lineno or 0) - 1
            problem: Exception = error
        except (ValueError, RecursionError, MemoryError) as error:
            return _broken(error, lead, magics, text)
        if not 0 <= stop < len(lines):
            return _through_ipython(source, lead, magics, problem)
        if stop in changed or not _replace_line(lines, stop):
            # the stop may be behind the line that caused it
            if stop > 0 and stop - 1 not in changed and _replace_line(lines, stop - 1):
                changed.add(stop - 1)
                continue
            return _through_ipython(source, lead, magics, problem)
        changed.add(stop)


def _replace_line(lines: list[str], number: int) -> bool:
    line = lines[number]
    end = number
    while line.endswith("\\") and end + 1 < len(lines) and _starts_special(lines[number]):
        end += 1
        line = line[:-1] + " " + lines[end].strip()
    new = transform_line(line)
    if new is None:
        return False
    lines[number] = new
    for blank in range(number + 1, end + 1):
        lines[blank] = ""
    return True


def _starts_special(line: str) -> bool:
    return bool(_MAGIC_LINE.match(line) or _SHELL_LINE.match(line))


def transform_line(line: str) -> str | None:
    """The call that a magic, a shell line or a question stands for; None for any other line."""
    help_ = _HELP_LINE.match(line)
    if help_ is not None and "?" in line:
        asked = help_["front"] or help_["back"]
        return f"{help_['indent']}get_ipython().run_line_magic('pinfo', {asked!r})"
    found = _MAGIC_LINE.match(line)
    if found is not None:
        target = found["indent"] + (found["target"] or "")
        return f"{target}get_ipython().run_line_magic({found['name']!r}, {found['rest'].strip()!r})"
    found = _SHELL_LINE.match(line)
    if found is not None:
        method = "getoutput" if found["target"] or found["more"] else "system"
        return f"{found['indent']}{found['target'] or ''}get_ipython().{method}({found['rest'].strip()!r})"
    return None


_MANAGER: list[Any] = []


def ipython_transform(source: str) -> str:
    """`source` through IPython's own input transformer (loaded at the first use)."""
    if not _MANAGER:
        _MANAGER.append(import_module("IPython.core.inputtransformer2").TransformerManager())
    return str(_MANAGER[0].transform_cell(source))


def _through_ipython(source: str, lead: int, magics: tuple[tuple[str, str], ...], error: Exception) -> Parsed:
    body = source.lstrip("\n")
    pad = len(source) - len(body)
    try:
        text = ipython_transform(body)
        tree = _parse("\n" * pad + text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _broken(error, lead, magics, source)
    return Parsed(tuple(tree.body), lead, magics, code="\n" * pad + text)


def _broken(error: Exception, lead: int, magics: tuple[tuple[str, str], ...], source: str) -> Parsed:
    line = getattr(error, "lineno", None)
    message = getattr(error, "msg", None) or str(error) or type(error).__name__
    for number, text in enumerate(source.split("\n"), start=1):
        if text.startswith(("<<<<<<< ", ">>>>>>> ")):
            return Parsed((), lead, magics, None, "unresolved merge markers", number, source)
    return Parsed((), lead, magics, None, str(message), line, source)
