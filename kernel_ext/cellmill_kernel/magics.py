"""The magics of `%load_ext cellmill`: names, help, completion; what they do is in the modules they call."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cellmill.notebooks.magic import split_header
from cellmill.notebooks.options import CELL_KINDS, GRAMMARS, help_text
from cellmill.notebooks.problem import CellMagicError
from cellmill.notebooks.syntax import parse_source

if TYPE_CHECKING:
    from .session import Session

#: Line magics: name -> (function of `commands`, usage with examples); the function is imported at its first use.
LINES: dict[str, tuple[str, str]] = {
    "materialize": (
        "materialize",
        "%materialize [SELECTION] [--stale] [--upstream] [--partition KEY]\n"
        "Make the selected assets, upstreams first. In a run they are made as part of it, each at most once.\n\n"
        "Examples:\n"
        "  %materialize daily_delays\n  %materialize *daily_delays\n  %materialize group:flights --stale\n"
        "  %materialize daily_delays --partition 2013-01-05",
    ),
    "assets": (
        "assets",
        "%assets [SELECTION]\nList the assets of the workspace with their state.\n\n"
        "Examples:\n  %assets\n  %assets group:raw",
    ),
    "asset": (
        "asset",
        "%asset NAME\nShow one asset: description, code, upstreams, last materialization, preview.\n\n"
        "Examples:\n  %asset daily_delays",
    ),
    "lineage": (
        "lineage",
        "%lineage [SELECTION] [--static]\nShow the graph of assets, coloured by state and kept live.\n\n"
        "Examples:\n  %lineage\n  %lineage *daily_delays*\n  %lineage --static",
    ),
    "stale": ("stale", "%stale\nList the assets that are stale or missing, and why.\n\nExamples:\n  %stale"),
    "why": (
        "why",
        "%why NAME\nWhy an asset is stale, and what it depends on through which lines.\n\n"
        "Examples:\n  %why daily_delays",
    ),
    "load_asset": (
        "load_asset",
        "%load_asset NAME [--as VARIABLE] [--partition KEY]\nBind a stored value to its name.\n\n"
        "Examples:\n  %load_asset flights\n  %load_asset raw/flights --as df",
    ),
    "history": (
        "history",
        "%history NAME [--limit N] [--outputs]\nThe materializations of an asset, latest first; --outputs shows what "
        "its cell showed at the latest. Without the name of an asset this is IPython's own %history.\n\n"
        "Examples:\n  %history daily_delays\n  %history daily_delays --outputs",
    ),
    "diff": (
        "diff",
        "%diff NAME\nWhat changed between the last two stored versions of an asset.\n\nExamples:\n  %diff daily_delays",
    ),
    "runs": ("runs", "%runs [--limit N]\nThe latest runs.\n\nExamples:\n  %runs\n  %runs --limit 20"),
    "backfill": (
        "backfill",
        "%backfill [SELECTION] [--partition KEY] [--range FIRST..LAST] [--all]\n"
        "Have partitions of assets made by the daemon; without a selection, list the backfills.\n\nExamples:\n"
        "  %backfill daily_delays --all\n  %backfill daily_delays --range 2013-01-01..2013-01-31\n  %backfill",
    ),
    "resources": (
        "resources",
        "%resources\nThe resources that the notebook's Definitions give, and which assets use them.\n\n"
        "Examples:\n  %resources",
    ),
    "schedule": ("schedule", help_text("schedule")),
    "job": ("job", help_text("job")),
    "audit": (
        "audit",
        "%audit [on|off]\nWhat the cells that ran really did, against what their text says: "
        "hidden state, mutated upstreams, clocks and unseeded randomness. After %audit on every cell that runs is "
        "recorded: what it really read, bound and changed in place; Python loops are slow until %audit off.\n\n"
        "Examples:\n  %audit\n  %audit on\n  %audit off",
    ),
    "cellmill": (
        "cellmill",
        "%cellmill [status|help|verbose on|verbose off]\nThe state of this session, and all magics.\n\nExamples:\n"
        "  %cellmill\n  %cellmill help\n  %cellmill verbose on",
    ),
}


def register(shell: Any, session: Session) -> None:
    """Give the shell all magics, their help and their completion."""
    builtin_history = shell.find_line_magic("history")

    def line_magic(name: str) -> Callable[[str], Any]:
        function, usage = LINES[name]

        def magic(line: str) -> Any:
            __tracebackhide__ = True
            if name == "history" and builtin_history is not None and not _names_asset(session, line):
                return builtin_history(line)
            return getattr(import_module("cellmill_kernel.commands"), function)(session, _words(name, line), line)

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
            run = getattr(import_module("cellmill_kernel.other_cells"), f"run_{kind}_cell")
        return run(session, source if source.rstrip().endswith(cell.rstrip()) and cell.strip() else made)

    async def awaited(line: str, cell: str) -> Any:
        __tracebackhide__ = True
        return await import_module("cellmill_kernel.awaiting").run_waiting(magic, line, cell)

    magic.__doc__ = help_text(kind)
    magic.__name__ = kind
    magic.awaited = awaited  # type: ignore[attr-defined]
    return magic


def _asset_cell(session: Session, source: str) -> Any:
    __tracebackhide__ = True
    module = import_module("cellmill_kernel.asset_magic")
    run = module.execute_asset_cell(session, source)
    if run.values or run.checks:
        module.show_status(session, run)
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
        found: list[str] = import_module("cellmill_kernel.completion").matches(
            session, magic.lstrip("%"), rest.lstrip(), usages
        )
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
    awaits = import_module("cellmill_kernel.body").awaits(parse_source(source).body)
    shell = import_module("IPython.core.getipython").get_ipython()
    if not awaits or shell is None or not shell.autoawait:
        return lines
    first = next(number for number, line in enumerate(lines) if line.strip())
    name, _, line = lines[first].strip()[2:].partition(" ")
    body = "".join(lines[first + 1 :])
    return [f"await get_ipython().find_cell_magic({name!r}).awaited({line!r}, {body!r})\n"]
