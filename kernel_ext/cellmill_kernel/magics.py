"""The magics of `%load_ext cellmill`: names, help, completion; what they do is in the modules they call."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cellmill.first_use import on_first_use
from cellmill.notebooks.magic import split_header
from cellmill.notebooks.options import CELL_KINDS, GRAMMARS, help_text
from cellmill.notebooks.problem import CellMagicError
from cellmill.notebooks.syntax import parse_source

from .line_usage import LINES

if TYPE_CHECKING:
    from . import asset_magic, awaiting, commands, completion, other_cells
    from . import body as bodies
    from .session import Session
else:
    asset_magic = on_first_use("cellmill_kernel.asset_magic")
    other_cells = on_first_use("cellmill_kernel.other_cells")
    commands = on_first_use("cellmill_kernel.commands")
    awaiting = on_first_use("cellmill_kernel.awaiting")
    bodies = on_first_use("cellmill_kernel.body")
    completion = on_first_use("cellmill_kernel.completion")


def register(shell: Any, session: Session) -> None:
    """Give the shell all magics, their help and their completion."""
    builtin_history = shell.find_line_magic("history")

    def line_magic(name: str) -> Callable[[str], Any]:
        function, usage = LINES[name]

        def magic(line: str) -> Any:
            __tracebackhide__ = True
            if name == "history" and builtin_history is not None and not _names_asset(session, line):
                return builtin_history(line)
            return getattr(commands, function)(session, _words(name, line), line)

        magic.__doc__ = usage
        magic.__name__ = name
        return magic

    for name in LINES:
        shell.register_magic_function(line_magic(name), "line", name)
    for kind in CELL_KINDS:
        shell.register_magic_function(_cell_magic(session, kind), "cell", kind)
    if getattr(shell, "Completer", None) is not None:
        _register_completion(shell, session)


def _cell_magic(session: Session, kind: str) -> Callable[[str, str], Any]:
    def magic(line: str, cell: str) -> Any:
        __tracebackhide__ = True
        _, source = session.current_cell
        made = f"%%{kind} {line}\n{cell}"
        # the client's own text keeps the comment form and the exact lines
        run = _asset_cell
        if kind != "asset":
            run = getattr(other_cells, f"run_{kind}_cell")
        return run(session, source if source.rstrip().endswith(cell.rstrip()) and cell.strip() else made)

    async def awaited(line: str, cell: str) -> Any:
        __tracebackhide__ = True
        return await awaiting.run_waiting(magic, line, cell)

    magic.__doc__ = help_text(kind)
    magic.__name__ = kind
    magic.awaited = awaited  # type: ignore[attr-defined]
    return magic


def _asset_cell(session: Session, source: str) -> Any:
    __tracebackhide__ = True
    run = asset_magic.execute_asset_cell(session, source)
    if run.values or run.checks:
        asset_magic.show_status(session, run)
    return run.shown


def _words(name: str, line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise CellMagicError(f"%{name}: {error}", source=line, remedy="Close the quote.") from None


def _names_asset(session: Session, line: str) -> bool:
    words = [word for word in line.split() if not word.startswith("-") and not word.isdigit()]
    return len(words) == 1 and bool(session.registry.find_by_name(words[0]))


def _register_completion(shell: Any, session: Session) -> None:
    """Tab completion of options, names and selections; what it takes is loaded with the first tab."""
    usages = {name: usage for name, (_, usage) in LINES.items()}

    def for_line(_: Any, event: Any) -> list[str]:
        magic, _, rest = event.line.lstrip().partition(" ")
        found: list[str] = completion.matches(session, magic.lstrip("%"), rest.lstrip(), usages)
        return found

    for name in (*LINES, *GRAMMARS):
        for key in (f"%{name}", f"%%{name}"):
            shell.set_hook("complete_command", for_line, str_key=key)


def comment_form(lines: list[str]) -> list[str]:
    """An input transformer: `#| asset NAME …` on the first line is `%%asset NAME …`."""
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        text = line.lstrip()
        if text.startswith(("#|", "# |")):
            words = text.lstrip("# |").split(None, 1)
            if words and words[0] in CELL_KINDS:
                rest = words[1].rstrip("\n") if len(words) > 1 else ""
                return _with_body([*lines[:number], f"%%{words[0]} {rest}\n", *lines[number + 1 :]])
        return _with_body(lines)
    return lines


def _with_body(lines: list[str]) -> list[str]:
    """A header with nothing below it comes to us, so that our own error says what is missing, not IPython's.

    A cell whose body awaits is itself awaited.
    """
    source = "".join(lines)
    header = split_header(source)
    if header is None:
        return lines
    if header[2] >= len(lines):
        return [*lines, "\n"]
    if "await" not in source and "async" not in source:
        return lines
    awaits = bodies.awaits(parse_source(source).body)
    shell = import_module("IPython.core.getipython").get_ipython()
    if not awaits or shell is None or not shell.autoawait:
        return lines
    first = next(number for number, line in enumerate(lines) if line.strip())
    name, _, line = lines[first].strip()[2:].partition(" ")
    body = "".join(lines[first + 1 :])
    return [f"await get_ipython().find_cell_magic({name!r}).awaited({line!r}, {body!r})\n"]
