"""`cellmill graphql`: answer a GraphQL query on this workspace, or write the schema."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import click

from cellmill.cli.app import App, pass_app
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_json
from cellmill.client import CellmillClient
from cellmill.graphql.context import context_of
from cellmill.graphql.schema import execute, sdl


@click.command()
@click.argument("query", required=False)
@click.option("--text", "-t", "text", metavar="QUERY", help="The query, as Dagster's command takes it.")
@click.option(
    "--file", "-f", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Query in a file."
)
@click.option("--variables", "-v", default="{}", help="Variables as JSON.")
@click.option("--operation", help="Which operation, where the query has several.")
@click.option("--remote", "-r", metavar="URL", help="Ask this Jupyter server, not the workspace here.")
@click.option("--token", envvar="JUPYTER_TOKEN", help="Token of that server [JUPYTER_TOKEN].")
@click.option("--schema", is_flag=True, help="Write the schema.")
@pass_app
def graphql(
    app: App,
    query: str | None,
    text: str | None,
    file: Path | None,
    variables: str,
    operation: str | None,
    remote: str | None,
    token: str | None,
    schema: bool,
) -> int:
    """Answer QUERY (or the one in a file, or on standard input) as JSON."""
    if schema:
        click.echo(sdl())
        return 0
    if sum(one is not None for one in (query, text, file)) > 1:
        raise click.UsageError("Give one query: as an argument, with --text or with --file.")
    asked = query if query is not None else text
    if asked is None:
        asked = sys.stdin.read() if file is None else file.read_text("utf-8")
    if not asked.strip():
        raise click.UsageError("Give a query, such as '{ assetNodes { assetKey { path } } }'.")
    values = _variables(variables)
    if remote:
        found = CellmillClient(remote, token=token).answer(asked, values, operation)
    else:
        with contextlib.closing(context_of(app.workspace, worker_arguments=app.worker_arguments)) as context:
            found = execute(asked, values, operation, context)
    show_json(found)
    return EXIT_FAILED if found.get("errors") else 0


def _variables(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--variables is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise click.UsageError(f"--variables is an object, such as '{{\"id\": 1}}'; got {text}.")
    return values
