"""`cellmill checks`: list asset checks and run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.complete import complete_asset
from cellmill.cli.launch import RunOrder, start_and_follow
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_rows
from cellmill.cli.select import select
from cellmill.cli.state import has_instance
from cellmill.definitions.asset_key import AssetCheckKey
from cellmill.workspace.run_names import ASSET_JOB, CHECKS_TAG


@click.group()
def checks() -> None:
    """List and run asset checks."""


def check_keys(app: App, selection: Sequence[str]) -> list[AssetCheckKey]:
    """Return the checks on the selected assets (all without a selection)."""
    chosen = {entry.key for entry in select(app, selection)} if selection else None
    manifest = app.workspace.manifest
    found = {AssetCheckKey(entry.asset_key, name) for entry in manifest.assets for name in entry.checks}
    found |= {check.check_key for check in manifest.checks}
    return sorted(key for key in found if chosen is None or key.asset_key.parts in chosen)


@checks.command("list")
@click.argument("selection", nargs=-1, shell_complete=complete_asset)
@json_option
@pass_app
def list_checks(app: App, selection: Sequence[str], as_json: bool) -> None:
    """List the checks on SELECTION (default: all) with their last result."""
    app.warn_problems()
    rows = check_rows(app, check_keys(app, selection))
    show_rows(
        app.console, rows, ("asset", "check", "result"), as_json=as_json, empty="No checks. Write --check CONDITION."
    )


def check_rows(app: App, keys: Sequence[AssetCheckKey]) -> list[dict[str, object]]:
    """Return each check with its last result."""
    states = app.instance.catalog.check_states(keys) if keys and has_instance(app) else {}
    rows: list[dict[str, object]] = []
    for key in keys:
        state = states.get(key)
        result = None if state is None or state.passed is None else "passed" if state.passed else "failed"
        rows.append({"asset": key.asset_key.to_user_string(), "check": key.name, "result": result})
    return rows


@checks.command("run")
@click.argument("selection", nargs=-1, required=True, shell_complete=complete_asset)
@click.option("--detach", is_flag=True, help="Write the run's id and do not wait.")
@json_option
@pass_app
def run(app: App, selection: Sequence[str], detach: bool, as_json: bool) -> int:
    """Run the checks on SELECTION and exit with 1 where one fails.

    A `%%check` cell runs alone, on the stored value; a check that belongs to its asset's code runs with the asset.
    """
    keys = check_keys(app, selection)
    if not keys:
        raise click.UsageError("No check is on that. See 'cellmill checks list'.")
    code = 0
    for order in _orders(app, keys):
        code = start_and_follow(app, order, detach=detach) or code
    if detach:
        return code
    rows = check_rows(app, keys)
    show_rows(app.console, rows, ("asset", "check", "result"), as_json=as_json, empty="")
    return EXIT_FAILED if code or any(row["result"] == "failed" for row in rows) else 0


def _orders(app: App, keys: Sequence[AssetCheckKey]) -> Iterator[RunOrder]:
    """Yield a run of the assets whose code holds checks, and one of the check cells on other assets alone."""
    cells = {check.check_key for check in app.workspace.manifest.checks if check.notebook}
    made = sorted({key.asset_key for key in keys if key not in cells})
    alone = sorted({key.asset_key for key in keys} - set(made))
    if made:
        yield RunOrder(job_name=ASSET_JOB, assets=made)
    if alone:
        yield RunOrder(job_name=ASSET_JOB, assets=alone, tags={CHECKS_TAG: "true"})
