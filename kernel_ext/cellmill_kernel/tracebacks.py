"""Tracebacks that show the user's own lines and none of ours."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

import cellmill
from cellmill.errors import CellmillError

from .session import get_session

#: Files (as compilers name them) of bodies that were compiled here.
BODIES: set[str] = set()
#: Code of decorated functions that raised in a run.
FUNCTIONS: set[CodeType] = set()
_OURS = tuple(str(Path(found).parent) + os.sep for found in (__file__, cellmill.__file__) if found)


def install_tracebacks(shell: Any) -> None:
    """Show only the user's own lines where a body raised."""
    original = shell.showtraceback
    if getattr(original, "__cellmill__", False):
        return

    def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> Any:
        kind, value, traceback = exc_tuple or sys.exc_info()
        if value is not None and not isinstance(value, SyntaxError) and not _verbose(shell):
            own = own_frames(traceback)
            if own is not None:
                exc_tuple = (kind, value.with_traceback(own), own)
                kwargs["tb_offset"] = 0
            elif isinstance(value, CellmillError):
                # a mistake that we found ourselves: its message says it all
                return shell._showtraceback(kind, value, [f"{type(value).__name__}: {value}"])
        return original(exc_tuple, *args, **kwargs)

    showtraceback.__cellmill__ = True  # type: ignore[attr-defined]
    shell.showtraceback = showtraceback


def _verbose(shell: Any) -> bool:
    with contextlib.suppress(Exception):
        return bool(get_session().settings.verbose)
    return False


def own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback from the first line of a cell's body on; None where none was run."""
    at = traceback
    while at is not None:
        if at.tb_frame.f_code in FUNCTIONS:
            return at
        if at.tb_frame.f_code.co_filename in BODIES and at.tb_frame.f_code.co_name == "<module>":
            if not _is_wrapper(at):
                return at
        at = at.tb_next
    return None


def note_function(error: BaseException) -> None:
    """Let the traceback of an error that a decorated function raised begin in that function."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename.startswith(_OURS):
        at = at.tb_next
    if at is not None:
        FUNCTIONS.add(at.tb_frame.f_code)


def _is_wrapper(at: TracebackType) -> bool:
    """True for the frame in which IPython runs the cell's call of the magic itself."""
    return "__cellmill_end__" not in at.tb_frame.f_code.co_names
