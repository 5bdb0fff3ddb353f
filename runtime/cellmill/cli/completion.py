"""`cellmill completion`: the script by which a shell completes commands, options and run ids."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cellmill.cli.main import program


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Write the completion script of SHELL, for example: eval "$(cellmill completion bash)"."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(program, {}, "cellmill", "_CELLMILL_COMPLETE").source())
