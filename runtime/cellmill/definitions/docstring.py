"""What a docstring says of parameters and of what is returned: in Google's, NumPy's and Sphinx' way to write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from typing import Any

_GOOGLE_PARAMETERS = ("Args:", "Arguments:", "Parameters:", "Params:")
_GOOGLE_RETURNS = "Returns:"
_GOOGLE_ENTRY = re.compile(r"(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_GOOGLE_TYPED = re.compile(r"[\w.\[\], |]+:\s+(.*)", re.DOTALL)
_NUMPY_ENTRY = re.compile(r"(\w+)\s*(?::.*)?$")
_SPHINX = re.compile(r":(param|parameter|arg|argument|returns?)\b([^:]*):\s*(.*)")
#: What a docstring must hold for anything to be read from it.
_SIGNS = re.compile(r"^\s*(Args|Arguments|Parameters|Params|Returns):?\s*$|:(param|arg|returns?)\b", re.MULTILINE)


def describe_ports(text: str, inputs: Iterable[Any], outputs: Iterable[Any]) -> None:
    """Give inputs, and the one output, that have no description what the docstring says of them.

    Args:
        text: The docstring.
        inputs: The inputs, each under the name of its parameter.
        outputs: The outputs.
    """
    if not _SIGNS.search(text):
        return
    parameters, returns = described(text)
    for one in inputs:
        if one.description is None:
            one.description = parameters.get(one.name)
    found = list(outputs)
    if len(found) == 1 and found[0].description is None:
        found[0].description = returns


def described(text: str) -> tuple[Mapping[str, str], str | None]:
    """Return what a docstring says of each parameter, and of what is returned.

    Args:
        text: The docstring.
    """
    parameters: dict[str, str] = {}
    returns: str | None = None
    lines = cleandoc(text).splitlines()
    for title, body in _google_sections(lines):
        if title == _GOOGLE_RETURNS:
            found = "\n".join(body)
            typed = _GOOGLE_TYPED.fullmatch(found)
            returns = typed[1] if typed else found
        else:
            parameters.update(_entries(body, _GOOGLE_ENTRY))
    for title, body in _numpy_sections(lines):
        if title == "Returns":
            returns = "\n".join(line.strip() for line in body[1:]) or None
        else:
            parameters.update(_entries(body, _NUMPY_ENTRY))
    for kind, words, said in _sphinx_fields(lines):
        if kind.startswith("return"):
            returns = said
        elif words:
            parameters[words[-1]] = said
    return parameters, returns


def _google_sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the sections of parameters and of what is returned, without their common indentation."""
    for at, line in enumerate(lines):
        if line in _GOOGLE_PARAMETERS or line == _GOOGLE_RETURNS:
            body: list[str] = []
            for under in lines[at + 1 :]:
                if under and not under.startswith(" "):
                    break
                body.append(under)
            block = cleandoc("\n" + "\n".join(body)).splitlines()
            yield line, [under.strip() for under in block] if line == _GOOGLE_RETURNS else block


def _numpy_sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the underlined sections of parameters and of what is returned."""
    for at, line in enumerate(lines[:-1]):
        if line in ("Parameters", "Returns") and re.fullmatch(r"-{3,}", lines[at + 1]):
            body: list[str] = []
            for number, under in enumerate(lines[at + 2 :], at + 2):
                if re.fullmatch(r"-{3,}", lines[min(number + 1, len(lines) - 1)]):
                    break
                if under:
                    body.append(under)
            yield line, body


def _entries(lines: list[str], head: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield names with their texts: a line of its own begins one, indented lines go on with it."""
    name, said = "", list[str]()
    for line in [*lines, "."]:
        if line.startswith(" ") or not line:
            said.append(line.strip())
            continue
        if name:
            yield name, "\n".join(said).strip()
        found = head.fullmatch(line)
        name, said = (found[1], [found[2]] if found.re.groups > 1 else []) if found else ("", [])


def _sphinx_fields(lines: list[str]) -> Iterator[tuple[str, list[str], str]]:
    """Yield the fields of parameters and of what is returned: kind, words behind it, text."""
    for at, line in enumerate(lines):
        found = _SPHINX.fullmatch(line)
        if found:
            said = [found[3]]
            for under in lines[at + 1 :]:
                if not under.startswith(" "):
                    break
                said.append(under.strip())
            yield found[1], found[2].split(), "\n".join(said)
