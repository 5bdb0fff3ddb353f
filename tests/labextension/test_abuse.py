"""Requests that would cost too much, or reach out of their folder, are refused quickly and harm nothing."""

from __future__ import annotations

import base64
import json
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import websocket
from cellmill import Instance
from cellmill.errors import CellmillError, SecurityError
from cellmill.execution.load import load
from cellmill.execution.notebook.journal import Journal
from cellmill.io.value_store import ValueStore
from cellmill_lab.contained import contained
from hypothesis import given
from hypothesis import strategies as st

from tests.instance.log import materialization
from tests.labextension.server import TOKEN, Server

pytestmark = pytest.mark.security

ABUSES = {
    "depth": "{ repositoriesOrError { ... on RepositoryConnection { nodes "
    + "{ location { repositories " * 12
    + "{ name }"
    + " } }" * 12
    + " } } }",
    "aliases": "{ " + " ".join(f"a{n}: version" for n in range(100)) + " }",
    "tokens": "{ " + "version " * 5000 + "}",
    "cycle": "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
    "introspection": "{ __schema { types "
    + "{ fields { type { fields { type " * 5
    + "{ name }"
    + "} } } }" * 5
    + " } }",
    "page": "{ runsOrError(limit: 1000000000000) { __typename } }",
    "negative": "{ runsOrError(limit: -1) { ... on Runs { results { runId } } } }",
    "subscription": "subscription { assetStateChanges { keys } }",
    "syntax": "{ runsOrError(",
    "deep syntax": "{" * 1500,
    "unknown": "{ nothing }",
    "repeats": "{ " + "assetNodes { id assetKey { path } } " * 180 + "}",
    "large": "{ version } #" + "x" * 200_000,
}


@pytest.mark.parametrize("name", ABUSES)
def test_expensive_documents_are_refused_quickly(server: Server, name: str) -> None:
    """Each is answered with a typed error in 0.2 s, and the server goes on to answer others."""
    server.data("{version}")
    start = time.monotonic()
    answer = server.graphql(ABUSES[name])
    took = time.monotonic() - start
    assert answer["errors"][0]["message"]
    assert "Traceback" not in json.dumps(answer)
    assert took < 1.0  # 0.2 s on an idle machine; the test machine is shared
    assert server.data("{version}") == {"version": "0.1.0"}


def test_a_page_has_a_maximum(server: Server) -> None:
    """Asking for a billion runs gives a page of the server's own size."""
    assert "errors" not in server.graphql("{ runsOrError(limit: 1000000000) { __typename ... on Runs { count } } }")


def test_a_socket_may_not_open_hundreds_of_subscriptions(server: Server) -> None:
    """The twenty-first operation of one socket is an error; the others stay."""
    with connect(server) as socket:
        for n in range(25):
            document = {"query": "subscription { assetStateChanges { keys } }"}
            socket.send(json.dumps({"id": str(n), "type": "subscribe", "payload": document}))
        refused = [json.loads(socket.recv()) for _ in range(5)]
    assert {frame["type"] for frame in refused} == {"error"}
    assert {int(frame["id"]) for frame in refused} == {20, 21, 22, 23, 24}


@pytest.mark.parametrize("frame", ["nonsense", "[]", '{"type": "what"}', '{"type": "subscribe", "id": 1}'])
def test_a_broken_frame_closes_the_socket(server: Server, frame: str) -> None:
    """The protocol's close codes are used, and the server goes on."""
    with connect(server) as socket:
        socket.send(frame)
        opcode, data = socket.recv_data()
        assert opcode == websocket.ABNF.OPCODE_CLOSE and int.from_bytes(data[:2]) == 4400
    assert server.data("{version}")


@contextmanager
def connect(server: Server) -> Iterator[websocket.WebSocket]:
    """A socket that has said hello."""
    socket = websocket.create_connection(
        server.url.replace("http", "ws") + "/cellmill/graphql",
        subprotocols=["graphql-transport-ws"],
        header={"Authorization": f"token {TOKEN}"},
        timeout=20,
        # its own way of validating takes seconds for what the tests of large logs receive
        skip_utf8_validation=True,
    )
    try:
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv()) == {"type": "connection_ack"}
        yield socket
    finally:
        socket.shutdown()


ESCAPES = [
    "..", "../secret", "../../etc/passwd", "a/../../secret", "./../secret", "%2e%2e/secret", "%252e%252e/secret",
    "..%2fsecret", "..\\secret", "/etc/passwd", "//etc/passwd", "C:\\secret", "C:/secret", "\\\\host\\share", "link",
    "link/passwd", "a\x00b", "\x00", ".", "", "..\u2215secret", "..\u2044secret", "..\uff0fsecret", "x" * 4000,
    "../root-sibling/secret.ipynb", "a\nb",
]  # fmt: skip


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leaves_its_folder(tmp_path: Path, path: str) -> None:
    """Every way out of a folder that is known to us is a `SecurityError`."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "root-sibling").mkdir()
    (tmp_path / "root-sibling" / "secret.ipynb").write_text("secret")
    (root / "link").symlink_to("/etc")
    with pytest.raises(SecurityError):
        contained(root, path)


@given(st.text())
def test_any_text_stays_inside_or_is_refused(path: str) -> None:
    """Whatever the text, the result lies below the folder."""
    root = Path("/tmp/cellmill-root")
    try:
        assert contained(root, path).is_relative_to(root)
    except SecurityError:
        pass


@pytest.mark.parametrize("path", [path for path in ESCAPES if path and "\x00" not in path])
@pytest.mark.parametrize(
    "route",
    [
        "/cellmill/static/{}",
        "/cellmill/runs/{}/notebook/a.ipynb",
        "/cellmill/runs/run/notebook/{}",
        "/cellmill/runs/{}/printed/out/step",
        "/cellmill/runs/run/cells/c/{}",
    ],
)
def test_no_address_leaves_its_folder(server: Server, route: str, path: str) -> None:
    """Over HTTP each escape is a 404 (or no route at all), in plain and in encoded form."""
    for text in (quote(path, safe=""), quote(path, safe="/")):
        text = text.replace(".", "%2E")  # clients themselves resolve plain dots
        answer = server.request("GET", route.format(text))
        assert answer.status_code in (404, 405, 414, 400, 431), (text, answer.status_code)
        assert "root:" not in answer.text


def test_previews_are_sandboxed(server: Server) -> None:
    """An executed notebook is shown in an origin of its own, where it can reach nothing."""
    folder = server.root / ".cellmill" / "runs" / "shown"
    folder.mkdir(parents=True)
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {"text/html": ["<script>alert(1)</script>"]}}]
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": 1, "source": "1", "outputs": outputs}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "a.ipynb").write_text(json.dumps(notebook))
    for path in ("/cellmill/runs/shown/notebook/a.ipynb", "/cellmill/runs/shown/cells/c/a.ipynb"):
        answer = server.request("GET", path)
        assert answer.status_code == 200, path
        assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-scripts;")
        assert "allow-same-origin" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    saved = server.request("GET", "/cellmill/runs/shown/notebook/a.ipynb?download=1")
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert server.request("GET", "/cellmill/runs/shown/cells/other/a.ipynb").status_code == 404


def test_a_notebook_that_runs_is_shown_as_far_as_it_has_come(server: Server) -> None:
    """Its outputs so far come from the journal, in the same sandbox; there is no file yet."""
    folder = server.root / ".cellmill" / "runs" / "going"
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": None, "source": "1", "outputs": []}
    with Journal(folder / "a.journal.jsonl") as journal:
        journal.notebook_started({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        journal.append("cell_started", cell=0)
        journal.output("output", 0, {"output_type": "stream", "name": "stdout", "text": "so far\n"})
    page = server.request("GET", "/cellmill/runs/going/notebook/a.ipynb")
    assert page.status_code == 200 and "so far" in page.text
    assert page.headers["Content-Security-Policy"].startswith("sandbox allow-scripts;")
    saved = server.request("GET", "/cellmill/runs/going/notebook/a.ipynb?download=1").json()
    assert saved["cells"][0]["outputs"][0]["text"] == ["so far\n"]
    assert server.request("GET", "/cellmill/runs/going/notebook/b.ipynb").status_code == 404


class _Canary:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)


@pytest.mark.parametrize("kind", ["application/json", "application/x-python-pickle", "application/octet-stream"])
def test_a_pickle_in_a_request_is_never_executed(server: Server, tmp_path: Path, kind: str) -> None:
    """Whatever a body calls itself, and wherever in a document a pickle stands, nothing unpickles it."""
    canary = tmp_path / "executed"
    bomb = pickle.dumps(_Canary(canary))
    assert server.request("POST", "/cellmill/graphql", content=bomb, headers={"Content-Type": kind}).status_code >= 400
    text = base64.b64encode(bomb).decode()
    server.graphql("query($id: ID!) { runOrError(runId: $id) { __typename } }", id=text)
    server.graphql("query($c: String!) { runsOrError(cursor: $c) { __typename } }", c=text)
    assert server.data("{version}")
    assert not canary.exists()


def test_a_stored_value_that_was_exchanged_is_not_executed_by_looking_at_it(server: Server, tmp_path: Path) -> None:
    """A foreign pickle in the place of an asset's value: every screen of the asset answers, nothing is executed."""
    canary = tmp_path / "executed"
    with Instance.get(server.root / ".cellmill") as instance:
        run = instance.create_run(job_name="job")
        ref = ValueStore(instance.storage_directory(), key_folder=instance.home).write("assets/odd", {1, 2})
        instance.run_writer(run.run_id).append([materialization(run.run_id, "odd", ref=ref)])
        (Path(instance.storage_directory()) / ref.path).write_bytes(pickle.dumps(_Canary(canary)))
        found = server.data(
            'query { assetOrError(assetKey: {path: ["odd"]}) { ... on Asset { assetMaterializations(limit: 5) { '
            "runId metadataEntries { __typename label } } } } }"
        )
        assert found["assetOrError"]["assetMaterializations"]
        with pytest.raises(CellmillError, match="odd"):
            load("odd", instance=instance)
    assert not canary.exists()


def test_what_a_step_printed_is_plain_text(server: Server) -> None:
    """It is never HTML, a step's name leads to no other file, and of much output the end is sent."""
    folder = server.root / ".cellmill" / "runs" / "printed" / "steps"
    folder.mkdir(parents=True)
    (folder / "loud.out").write_text("<script>alert(1)</script>\n")
    (folder / "long.err").write_text("first\n" + "line\n" * 60_000 + "last\n")
    (folder.parent / "secret.out").write_text("secret")
    answer = server.request("GET", "/cellmill/runs/printed/printed/out/loud")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text == "<script>alert(1)</script>\n"
    end = server.request("GET", "/cellmill/runs/printed/printed/err/long").text
    assert end.startswith("line\n") and end.endswith("last\n") and len(end) <= 200_000
    for name in ("%2E%2E/secret", "%2E%2E%2Fsecret", "silent"):
        answer = server.request("GET", f"/cellmill/runs/printed/printed/out/{name}")
        assert answer.text == "", name
