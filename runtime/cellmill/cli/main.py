"""The `cellmill` program: its commands, and what it does with errors, Ctrl-C and closed pipes."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import click

from cellmill import __version__
from cellmill.cli.lazy import Commands, LazyGroup
from cellmill.errors import CellmillError

#: Exit codes: what was asked for failed; Ctrl-C. Click's own is 2, for a wrong command line.
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

COMMANDS: Commands = {
    "init": ("init", "init", "Make a project in an empty folder."),
    "adopt": ("adopt", "adopt", "Propose asset headers for the cells of an ordinary notebook."),
    "dev": ("dev", "dev", "Start JupyterLab and the daemon; Ctrl-C ends both."),
    "assets": ("assets", "assets", "List, show, draw and wipe assets."),
    "plan": ("plan", "plan", "Say what would run, cell by cell, and why."),
    "materialize": ("materialize", "materialize", "Make assets."),
    "run": ("run", "run", "Run a notebook top to bottom."),
    "jobs": ("jobs", "jobs", "List and run jobs."),
    "runs": ("runs", "runs", "List, show, follow, cancel and retry runs."),
    "schedules": ("automation", "schedules", "List, show, start, stop, pin and preview schedules."),
    "sensors": ("automation", "sensors", "List, start, stop and preview sensors."),
    "backfill": ("backfill", "backfill", "Start and watch backfills of partitions."),
    "partitions": ("partitions", "partitions", "List, add and look at partitions."),
    "checks": ("checks", "checks", "Run asset checks."),
    "check": ("check", "check", "Validate the whole workspace without running it."),
    "verify": ("verify", "verify", "Re-run in a clean kernel and compare with what is stored."),
    "diff": ("diff", "diff", "Compare two runs, or an asset's last two values."),
    "export": ("export", "export", "Write a notebook's assets as a plain Python module."),
    "daemon": ("daemon", "daemon", "Run schedules, sensors, backfills and the queue."),
    "instance": ("instance", "instance", "Look at, migrate, export and wipe the stored state."),
    "graphql": ("graphql", "graphql", "Answer a GraphQL query."),
    "doctor": ("doctor", "doctor", "Look for what is wrong with this set-up."),
    "completion": ("completion", "completion", "Write the shell's completion script."),
    "run-worker": ("run_worker", "run_worker", ""),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "CELLMILL"},
)
@click.version_option(__version__, "--version", prog_name="cellmill")
@click.option("-w", "--workspace", metavar="PATH", help="Workspace file, or a folder in the workspace.")
@click.option("-f", "--python-file", multiple=True, metavar="FILE", help="Load definitions from this file alone.")
@click.option("-m", "--module-name", multiple=True, metavar="MODULE", help="Load definitions from this module alone.")
@click.option("--home", metavar="FOLDER", help="Where state is kept [CELLMILL_HOME, else .cellmill in the workspace].")
@click.option("--color/--no-color", default=None, help="Force or refuse colours.")
@click.pass_context
def program(
    ctx: click.Context,
    workspace: str | None,
    python_file: tuple[str, ...],
    module_name: tuple[str, ...],
    home: str | None,
    color: bool | None,
) -> None:
    """Notebook cells as software-defined assets."""
    ctx.obj = {
        **(ctx.obj or {}),
        "workspace": workspace,
        "files": python_file,
        "modules": module_name,
        "home": home,
        "color": color,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit code of one command line; an error is a message, never a traceback."""
    try:
        result = program.main(
            args=list(argv) if argv is not None else None,
            prog_name="cellmill",
            standalone_mode=False,
            obj={"own_process": argv is None},
        )
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # The reader (head, a pager) has gone: not our failure. Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except CellmillError as error:
        return _failed(error)
    except ExceptionGroup as group:
        for leaf in _leaves(group):
            _failed(leaf)
        return EXIT_FAILED
    except OSError as error:
        return _failed(error)
    except Exception as error:  # the shell of a command: a traceback helps nobody who has not asked for one
        code = _failed(error, f"{type(error).__name__}: {error}")
        click.echo("This is a mistake of cellmill. CELLMILL_DEBUG=1 shows where; please report it.", err=True)
        return code
    finally:
        if argv is None:
            # the process ends: nothing is won by looking for cycles in what was read, a sixth of a cold check
            gc.freeze()


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _failed(error: BaseException, message: str = "") -> int:
    if os.environ.get("CELLMILL_DEBUG"):
        raise error
    click.secho("Error: ", nl=False, err=True, fg="red", bold=True)
    click.echo(message or str(error) or type(error).__name__, err=True)
    for note in getattr(error, "__notes__", ()):
        click.echo(note, err=True)
    return EXIT_FAILED


def _interrupted() -> int:
    click.echo("\nStopped.", err=True)
    return EXIT_INTERRUPTED
