"""Names of assets, partitions and outputs as path segments that no file system misreads."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from urllib.parse import quote, unquote

#: Longest segment; file systems allow 255 bytes, and a suffix must fit behind it.
SEGMENT_LIMIT = 180
_HASHED = 120
_SAFE = " _-.,+()[]{}!$&'"
#: Names that Windows keeps for devices, whatever their extension.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)


@lru_cache(maxsize=65536)
def segment(name: str) -> str:
    """The name as one path segment: percent-encoded, never `.` or `..`, never empty, never too long.

    Different names give different segments; `=` and `@` never occur, so they can mark what is no name.
    """
    if name == "":
        return "%empty"
    text = quote(name, safe=_SAFE, errors="surrogatepass")
    if text[0] in ". ":
        text = f"%{ord(text[0]):02X}" + text[1:]
    if text[-1] in ". ":
        text = text[:-1] + f"%{ord(text[-1]):02X}"
    if text.partition(".")[0].lower() in _DEVICES:
        text = f"%{ord(text[0]):02X}" + text[1:]
    if len(text) > SEGMENT_LIMIT:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        text = f"{text[:_HASHED].rstrip('%')}%~{digest}"
    return text


def name_of(text: str) -> str | None:
    """The name that a segment stands for; None where it was too long to be kept."""
    if text == "%empty":
        return ""
    return None if "%~" in text else unquote(text, errors="surrogatepass")


def value_path(identifier: tuple[str, ...]) -> str:
    """The path of an asset's values, or of an output of a run."""
    return "/".join(map(segment, identifier))


def partition_segment(partition: str) -> str:
    """The folder of a partition's values below its asset's; never the folder of another asset."""
    return "=" + segment(partition)
