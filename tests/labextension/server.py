"""A really started Jupyter server with cellmill, for the tests of this room and of `e2e`."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import nbconvert

TOKEN = "a-token-for-tests"
#: Made once: otherwise each request reads all certificates of the machine, for addresses that begin with http.
CERTIFICATES = ssl.create_default_context()
NOTEBOOK: dict[str, Any] = {
    "cells": [
        {"cell_type": "code", "id": "load", "metadata": {}, "execution_count": None, "outputs": [], "source": text}
        if index == 0
        else {
            "cell_type": "code",
            "id": f"cell{index}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": text,
        }
        for index, text in enumerate(
            [
                "%load_ext cellmill",
                '%%asset raw --group source\n"""Ten numbers."""\nlist(range(10))',
                '%%asset doubled --group made\n"""Twice as much."""\n[2 * number for number in raw]',
                '%schedule "*/5 * * * *" doubled',
            ]
        )
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


class Server:
    """The address of a server, and requests to it."""

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self.root = root

    def request(self, method: str, path: str, *, token: str | None = TOKEN, **options: Any) -> httpx.Response:
        """The answer to one request."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"token {token}"
        return httpx.request(method, self.url + path, headers=headers, timeout=30, verify=CERTIFICATES, **options)

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer to one GraphQL document."""
        body = {"query": query, "variables": variables}
        answer: dict[str, Any] = self.request("POST", "/cellmill/graphql", json=body).json()
        return answer

    def data(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of one GraphQL document that must succeed."""
        answer = self.graphql(query, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def running(root: Path, *options: str, module: str = "cellmill_lab", notebook: bool = True) -> Iterator[Server]:
    """A server on `root` in a process group of its own, stopped at the end with all it started."""
    if notebook:
        (root / "example.ipynb").write_text(json.dumps(NOTEBOOK))
    port = free_port()
    command = [sys.executable, "-m", module, "--no-browser", f"--port={port}", "--ip=127.0.0.1", "--allow-root"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}", "--ServerApp.port_retries=0"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    env |= {"JUPYTER_CONFIG_DIR": str(root / ".jupyter"), "JUPYTER_RUNTIME_DIR": str(root / ".runtime")}
    env["JUPYTERLAB_SETTINGS_DIR"] = str(root / ".settings")
    # Where the libraries' own files lie, also when they are not in this environment's own prefix.
    env["JUPYTER_PATH"] = str(Path(nbconvert.__file__).parents[4] / "share" / "jupyter")
    log = (root / "server.log").open("w")
    process = subprocess.Popen(
        [*command, *options], cwd=root, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    server = Server(f"http://127.0.0.1:{port}", root)
    try:
        _wait(server, process)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def _wait(server: Server, process: subprocess.Popen[bytes], limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        assert process.poll() is None, (server.root / "server.log").read_text()
        try:
            if server.request("GET", "/api/status").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError((server.root / "server.log").read_text())
