"""`cellmill graphql`: answer a GraphQL query on this workspace, or write the schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from cellmill.cli.app import App, pass_app
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_json
from cellmill.graphql.context import open_context
from cellmill.graphql.schema import execute, sdl


@click.command()
@click.argument("query", required=False)
@click.option(
    "--file", "-f", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Query in a file."
)
@click.option("--variables", "-v", default="{}", help="Variables as JSON.")
@click.option("--operation", help="Which operation, where the query has several.")
@click.option("--schema", is_flag=True, help="Write the schema.")
@pass_app
def graphql(app: App, query: str | None, file: Path | None, variables: str, operation: str | None, schema: bool) -> int:
    """Answer QUERY (or the one in a file, or on standard input) as JSON."""
    if schema:
        click.echo(sdl())
        return 0
    text = query or (file.read_text("utf-8") if file else sys.stdin.read())
    if not text.strip():
        raise click.UsageError("Give a query, such as '{ assetNodes { assetKey { path } } }'.")
    try:
        values: Any = json.loads(variables)
    except ValueError as error:
        raise click.UsageError(f"--variables is no JSON: {error}") from None
    found = execute(text, values, operation, open_context(app.config.root))
    show_json(found)
    return EXIT_FAILED if found.get("errors") else 0
