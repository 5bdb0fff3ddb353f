"""The magics of `%load_ext cellmill`: names, help, completion; what they do is in the modules they call."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from cellmill.notebooks.magic import complete
from cellmill.notebooks.options import GRAMMARS, help_text
from cellmill.notebooks.problem import CellMagicError

from . import commands
from .asset_magic import execute_asset_cell, show_status
from .other_cells import run_check_cell, run_op_cell, run_sensor_cell
from .session import Session

#: Line magics: name -> (function, usage with examples).
LINES: dict[str, tuple[Callable[[Session, list[str], str], Any], str]] = {
    "materialize": (
        commands.materialize,
        "%materialize SELECTION [--stale] [--upstream] [--partition KEY]\n"
        "Make the selected assets, upstreams first.\n\nExamples:\n"
        "  %materialize daily_delays\n  %materialize *daily_delays\n  %materialize group:flights --stale\n"
        "  %materialize daily_delays --partition 2013-01-05",
    ),
    "assets": (
        commands.assets,
        "%assets [SELECTION]\nList the assets of the workspace with their state.\n\n"
        "Examples:\n  %assets\n  %assets group:raw",
    ),
    "asset": (
        commands.asset,
        "%asset NAME\nShow one asset: description, code, upstreams, last materialization, preview.\n\n"
        "Examples:\n  %asset daily_delays",
    ),
    "lineage": (
        commands.lineage,
        "%lineage [SELECTION] [--static]\nShow the graph of assets, coloured by state and kept live.\n\n"
        "Examples:\n  %lineage\n  %lineage *daily_delays*\n  %lineage --static",
    ),
    "stale": (commands.stale, "%stale\nList the assets that are stale or missing, and why.\n\nExamples:\n  %stale"),
    "why": (
        commands.why,
        "%why NAME\nWhy an asset is stale, and what it depends on through which lines.\n\n"
        "Examples:\n  %why daily_delays",
    ),
    "load_asset": (
        commands.load_asset,
        "%load_asset NAME [--as VARIABLE] [--partition KEY]\nBind a stored value to its name.\n\n"
        "Examples:\n  %load_asset flights\n  %load_asset raw/flights --as df",
    ),
    "history": (
        commands.history,
        "%history NAME [--limit N]\nThe materializations of an asset, latest first. "
        "Without the name of an asset this is IPython's own %history.\n\nExamples:\n  %history daily_delays",
    ),
    "diff": (
        commands.diff,
        "%diff NAME\nWhat changed between the last two stored versions of an asset.\n\nExamples:\n  %diff daily_delays",
    ),
    "runs": (commands.runs, "%runs [--limit N]\nThe latest runs.\n\nExamples:\n  %runs\n  %runs --limit 20"),
    "schedule": (commands.schedule, help_text("schedule")),
    "job": (commands.job, help_text("job")),
    "audit": (
        commands.audit,
        "%audit\nWhat the cells that ran really changed, against what their text says: "
        "hidden state, mutated upstreams, clocks and unseeded randomness.\n\nExamples:\n  %audit",
    ),
    "cellmill": (
        commands.cellmill,
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
            return function(session, _words(name, line), line)

        magic.__doc__ = usage
        magic.__name__ = name
        return magic

    for name in LINES:
        shell.register_magic_function(line_magic(name), "line", name)
    for kind, run in (
        ("asset", _asset_cell),
        ("op", run_op_cell),
        ("check", run_check_cell),
        ("sensor", run_sensor_cell),
    ):
        shell.register_magic_function(_cell_magic(session, kind, run), "cell", kind)
    _register_completion(shell, session)


def _cell_magic(session: Session, kind: str, run: Callable[[Session, str], Any]) -> Callable[[str, str], Any]:
    def magic(line: str, cell: str) -> Any:
        __tracebackhide__ = True
        _, source = session.current_cell
        made = f"%%{kind} {line}\n{cell}"
        # the client's own text keeps the comment form and the exact lines
        return run(session, source if source.rstrip().endswith(cell.rstrip()) and cell.strip() else made)

    magic.__doc__ = help_text(kind)
    magic.__name__ = kind
    return magic


def _asset_cell(session: Session, source: str) -> Any:
    __tracebackhide__ = True
    run = execute_asset_cell(session, source)
    if run.values or run.checks:
        show_status(session, run)
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
    """Tab completion of options and names, in magics and in the comment form."""
    completer = getattr(shell, "Completer", None)
    if completer is None:
        return

    def names() -> tuple[str, ...]:
        return tuple(key.to_user_string() for key in session.all_keys())

    def for_line(_: Any, event: Any) -> list[str]:
        line = event.line.lstrip()
        word = line.split(None, 1)[0].lstrip("%")
        rest = line.split(None, 1)[1] if " " in line else ""
        if word in GRAMMARS:
            return complete(rest, word, names())
        last = "" if not rest or rest[-1].isspace() else rest.split()[-1]
        options = [part for part in LINES.get(word, (None, ""))[1].split() if part.startswith("[--")]
        flags = [part.strip("[]") for part in options]
        return [name for name in (*names(), *flags) if name.startswith(last)]

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
            if words and words[0] in ("asset", "op", "check", "sensor"):
                rest = words[1].rstrip("\n") if len(words) > 1 else ""
                return [*lines[:number], f"%%{words[0]} {rest}\n", *lines[number + 1 :]]
        return lines
    return lines
