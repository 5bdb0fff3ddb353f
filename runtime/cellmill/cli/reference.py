"""The reference of the command line as text; `python -m cellmill.cli.reference` writes what `docs/cli.md` holds."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cellmill.cli.main import COMMANDS, program


def reference() -> str:
    """Return every command with its arguments and options, as Markdown."""
    context = click.Context(program, info_name="cellmill", **program.context_settings)
    parts = ["## cellmill", "", "```text", _help(program, context), "```", ""]
    for name, (_, _, text) in COMMANDS.items():
        if text:
            command = program.get_command(context, name)
            assert command is not None
            parts += _sections(command, click.Context(command, info_name=name, parent=context))
    return "\n".join(parts)


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    yield from (f"## {context.command_path}", "", "```text", _help(command, context), "```", "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            child = click.Context(inner, info_name=name, parent=context)
            yield from (f"### {child.command_path}", "", "```text", _help(inner, child), "```", "")


def _help(command: click.Command, context: click.Context) -> str:
    context.terminal_width = context.max_content_width = 100
    return command.get_help(context).rstrip()


if __name__ == "__main__":
    click.echo(reference())
