"""`cellmill doctor`: what is wrong with this set-up, each finding with its remedy."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from jupyter_client.kernelspec import KernelSpecManager

from cellmill import __version__
from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.instance import examine
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_json
from cellmill.cli.state import has_instance
from cellmill.errors import CellmillError
from cellmill.instance.location import refuse_network_filesystem

Finding = dict[str, Any]

#: Optional libraries and what they are for.
_EXTRAS = {
    "jupyterlab": ("lab", "cellmill dev, and the panels in JupyterLab"),
    "distributed": ("dask", "the Dask executor"),
    "psycopg": ("postgres", "an instance on PostgreSQL"),
    "polars": ("polars", "polars data frames"),
    "duckdb": ("duckdb", "the DuckDB IO manager"),
    "s3fs": ("s3", "values on S3"),
}


@click.command()
@json_option
@pass_app
def doctor(app: App, as_json: bool) -> int:
    """Look for what is wrong with this set-up: Python, kernels, workspace, instance, daemon."""
    findings = [*_environment(), *_kernels(), *_workspace(app), *_instance(app), *_exposure(app)]
    bad = [finding for finding in findings if finding["level"] == "wrong"]
    if as_json:
        show_json({"ok": not bad, "findings": findings})
        return EXIT_FAILED if bad else 0
    colours = {"ok": "green", "hint": "yellow", "wrong": "red"}
    for finding in findings:
        text = finding["message"].replace("[", r"\[").replace("\n", "\n       ")
        app.console.print(f"[{colours[finding['level']]}]{finding['level']:<5}[/]  {finding['what']}: {text}")
    return EXIT_FAILED if bad else 0


def _finding(level: str, what: str, message: str) -> Finding:
    return {"level": level, "what": what, "message": message}


def _environment() -> Iterator[Finding]:
    yield _finding("ok", "cellmill", f"{__version__} on Python {platform.python_version()} ({sys.executable})")
    for module, (extra, use) in _EXTRAS.items():
        if find_spec(module) is None:
            yield _finding("hint", module, f"not installed; needed for {use}: pip install 'cellmill[{extra}]'")
    for name in ("papermill", "nbclient", "jupyter_client", "ipykernel", "sqlalchemy", "pandas"):
        try:
            version(name)
        except PackageNotFoundError:
            yield _finding("wrong", name, f"not installed: pip install {name}")


def _kernels() -> Iterator[Finding]:
    specs = KernelSpecManager().get_all_specs()
    if not specs:
        yield _finding("wrong", "kernels", "no kernelspec is installed: python -m ipykernel install --user")
    for name, found in sorted(specs.items()):
        argv = found["spec"].get("argv") or [""]
        python = argv[0]
        if os.sep in python and not Path(python).exists():
            message = f"its Python {python} does not exist\nRemove it: jupyter kernelspec remove {name}"
            yield _finding("wrong", f"kernel {name}", message)
        else:
            yield _finding("ok", f"kernel {name}", python)


def _workspace(app: App) -> Iterator[Finding]:
    try:
        manifest = app.workspace.manifest
    except CellmillError as error:
        yield _finding("wrong", "workspace", str(error))
        return
    where = app.config.path or app.config.root
    yield _finding(
        "ok", "workspace", f"{where}: {len(manifest.assets)} assets in {len(app.workspace.locations)} locations"
    )
    errors = [problem for problem in manifest.problems if problem.severity == "error"]
    if errors:
        yield _finding("wrong", "definitions", f"{len(errors)} errors\nSee 'cellmill check'.")


def _instance(app: App) -> Iterator[Finding]:
    home = app.home
    parent = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(parent, os.W_OK):
        yield _finding("wrong", "instance", f"{home} cannot be written\nSet CELLMILL_HOME to a folder that can.")
        return
    if not has_instance(app):
        yield _finding("ok", "instance", f"nothing stored yet; it will be in {home}")
        return
    for finding in examine(app):
        yield _finding("ok" if finding["ok"] else "wrong", finding["what"], finding["message"])


#: SQLite before this version can, rarely, damage a database that several processes reset the log of.
_SAFE_SQLITE = (3, 51, 3)


def _exposure(app: App) -> Iterator[Finding]:
    """What endangers the store or shows it to others."""
    home = app.home
    on_sqlite = not (has_instance(app) and app.instance.db.dialect != "sqlite")
    if on_sqlite and sqlite3.sqlite_version_info < _SAFE_SQLITE:
        safe = ".".join(map(str, _SAFE_SQLITE))
        message = (
            f"{sqlite3.sqlite_version} has a rare fault where several processes write (fixed in {safe})\n"
            "Keep backups ('cellmill instance export'), or use PostgreSQL for many daemons."
        )
        yield _finding("hint", "SQLite", message)
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if on_sqlite:
        try:
            refuse_network_filesystem(existing)
        except CellmillError as error:
            yield _finding("wrong", "file system", str(error))
    if home.exists() and home.stat().st_mode & 0o077:
        yield _finding("wrong", "store", f"{home} can be read by other users\nClose it: chmod -R go-rwx {home}")
    for running in _servers():
        if not running.get("token") and not running.get("password"):
            yield _finding("wrong", "server", f"{running.get('url')} asks for no token: whoever reaches it runs code")


def _servers() -> list[Finding]:
    """The Jupyter servers of this user that say that they run."""
    if find_spec("jupyter_server") is None:
        return []
    return list(import_module("jupyter_server.serverapp").list_running_servers())
