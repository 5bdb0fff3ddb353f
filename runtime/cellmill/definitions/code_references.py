"""Where the code of a definition is, as metadata that the screen turns into links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LocalFileCodeReference:
    """A line of a file on the machine that loaded the definition.

    Args:
        file_path: Path of the file.
        line_number: The line, from 1; None means the whole file.
        label: What the link is called; None shows the place.
    """

    file_path: str
    line_number: int | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class UrlCodeReference:
    """A place in a repository that a browser can open.

    Args:
        url: Its address.
        label: What the link is called; None shows the address.
    """

    url: str
    label: str | None = None


CodeReference = LocalFileCodeReference | UrlCodeReference


def references_to_json(references: Sequence[CodeReference]) -> list[dict[str, object]]:
    """The stable JSON form of code references."""
    return [
        {"url": ref.url, "label": ref.label}
        if isinstance(ref, UrlCodeReference)
        else {"file_path": ref.file_path, "line_number": ref.line_number, "label": ref.label}
        for ref in references
    ]


def references_from_json(data: Sequence[Mapping[str, Any]]) -> list[CodeReference]:
    """The code references whose JSON form this is."""
    return [UrlCodeReference(**item) if "url" in item else LocalFileCodeReference(**item) for item in data]
