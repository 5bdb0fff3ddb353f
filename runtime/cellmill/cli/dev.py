"""`cellmill dev`: JupyterLab and the daemon, in one command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec

import click

from cellmill.cli.app import App, pass_app
from cellmill.errors import MissingExtra

#: Seconds that a child has to end after Ctrl-C before it is killed.
_GRACE_S = 10.0
_POLL_S = 0.2


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--no-lab", is_flag=True, help="The daemon alone.")
@click.option("--no-browser", is_flag=True, help="Open no browser.")
@click.option("--port", type=int, help="Port of JupyterLab.")
@click.argument("lab_options", nargs=-1, type=click.UNPROCESSED)
@pass_app
def dev(app: App, no_lab: bool, no_browser: bool, port: int | None, lab_options: Sequence[str]) -> int:
    """Start JupyterLab and the daemon on this workspace; Ctrl-C ends both. LAB_OPTIONS go to JupyterLab."""
    if not no_lab and find_spec("jupyterlab") is None:
        raise MissingExtra("lab")
    app.warn_problems()
    where = str(app.config.path or app.config.root)
    env = {**os.environ, "CELLMILL_WORKSPACE": where, "CELLMILL_HOME": str(app.home)}
    commands = [[sys.executable, "-m", "cellmill", "--workspace", where, "--home", str(app.home), "daemon"]]
    if not no_lab:
        lab = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={app.config.root}"]
        lab += ["--no-browser"] if no_browser else []
        lab += [f"--port={port}"] if port else []
        commands.append([*lab, *lab_options])
    children = [subprocess.Popen(command, cwd=app.config.root, env=env, start_new_session=True) for command in commands]
    # A supervisor stops us with SIGTERM: the same as Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        while all(child.poll() is None for child in children):
            time.sleep(_POLL_S)
        ended = next(child for child in children if child.poll() is not None)
        return int(ended.returncode or 0)
    except KeyboardInterrupt:
        app.errors.print("\nStopping JupyterLab and the daemon …")
        return 0
    finally:
        _end(children)


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the children in order: interrupt, then kill; nothing is left."""
    for child in children:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
