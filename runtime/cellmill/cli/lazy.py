"""A click group whose commands are imported when they are used, so that `--help` costs little."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from cellmill.cli.examples import with_examples

#: Command name -> (module below cellmill.cli, attribute, one line of help).
Commands = Mapping[str, tuple[str, str, str]]


class LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps, and imports a command only to run it."""

    def __init__(self, *args: Any, lazy: Commands | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy: Commands = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in their declared order, hidden ones left out."""
        return [name for name, (_, _, text) in self.lazy.items() if text] + sorted(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, attribute, _ = self.lazy[cmd_name]
        command = getattr(import_module(f"cellmill.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return with_examples(command, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` name; a name that is near gets a suggestion."""
        name = args[0] if args else ""
        known = [*self.lazy, *self.commands]
        if name and name not in known and not name.startswith("-"):
            close = [one for one in known if one.startswith(name)] or get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else f" See '{ctx.command_path} --help'."
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        rows = [(name, text) for name, (_, _, text) in self.lazy.items() if text]
        if self.commands:
            rows += [(name, self.commands[name].get_short_help_str()) for name in sorted(self.commands)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
