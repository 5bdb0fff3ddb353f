"""Nobody reaches anything without being allowed to: every route, every method, every credential."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import websocket
from cellmill.graphql.permissions import MUTATIONS, required_permissions
from cellmill.graphql.schema import schema
from cellmill_lab.app import ROUTES
from cellmill_lab.graphql_handler import GraphQLHandler
from cellmill_lab.guard import CellmillHandler

from tests.labextension.server import TOKEN, Server, running

pytestmark = pytest.mark.security

PATHS = (
    "/cellmill",
    "/cellmill/static/standalone.js",
    "/cellmill/graphql",
    "/cellmill/report_asset_materialization/raw",
    "/cellmill/report_asset_observation/raw",
    "/cellmill/report_asset_check/raw",
    "/cellmill/runs/some-run/notebook/example.ipynb",
    "/cellmill/runs/some-run/printed/out/step",
    "/cellmill/runs/some-run/cells/cell1/example.ipynb",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
REFUSED = (403, 404, 405)
BODY = {"query": "{version}"}

#: An authorizer that lets users read and nothing else.
READ_ONLY = """
from jupyter_server.auth import Authorizer


class ReadOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return action == "read"


c.ServerApp.authorizer_class = ReadOnly
"""

#: An authorizer that allows everything and writes down what it was asked.
RECORDING = """
import os
from jupyter_server.auth import Authorizer


class Recording(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        if handler.request.path.startswith("/cellmill"):
            with open("asked.txt", "a") as file:
                print(handler.request.method, handler.request.path, action, resource, file=file)
        return True


c.ServerApp.authorizer_class = Recording
"""
#: What each route must ask, whichever was asked before it.
ASKS = {
    ("GET", "/cellmill"): "read cellmill:page",
    ("GET", "/cellmill/static/standalone.js"): "read cellmill:page",
    ("POST", "/cellmill/graphql"): "read cellmill:graphql",
    ("POST", "/cellmill/report_asset_materialization/raw"): "write cellmill:assets",
    ("POST", "/cellmill/report_asset_observation/raw"): "write cellmill:assets",
    ("POST", "/cellmill/report_asset_check/raw"): "write cellmill:assets",
    ("GET", "/cellmill/runs/some-run/notebook/example.ipynb"): "read cellmill:runs",
    ("GET", "/cellmill/runs/some-run/printed/out/step"): "read cellmill:runs",
    ("GET", "/cellmill/runs/some-run/cells/cell1/example.ipynb"): "read cellmill:runs",
}


@pytest.fixture(scope="module", params=[False, True], ids=["guarded", "unauthenticated-allowed"])
def swept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that does, or does not, leave authentication to each handler."""
    with running(
        tmp_path_factory.mktemp("sweep"), f"--ServerApp.allow_unauthenticated_access={request.param}"
    ) as found:
        yield found


def test_every_route_is_swept() -> None:
    """A new route must be added to the sweep."""
    for pattern, *_ in ROUTES:
        assert any(re.fullmatch(pattern, path) for path in PATHS), pattern


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", PATHS)
def test_no_credential_reaches_nothing(swept: Server, path: str, method: str) -> None:
    """Without a token, with a wrong one, and from a foreign page with the right one, everything is refused."""
    for options in (
        {"token": None},
        {"token": "wrong"},
        {"token": TOKEN, "headers": {"Origin": "https://evil.example"}},
    ):
        answer = swept.request(method, path, json=BODY, **options)  # type: ignore[arg-type]
        login = path == "/cellmill" and answer.status_code == 302 and "/login?next=" in answer.headers["Location"]
        assert login or answer.status_code in REFUSED, (options, answer.status_code)


def test_a_cookie_needs_its_xsrf_token(swept: Server) -> None:
    """A POST with the login cookie alone is refused; with the token that only our pages can read it is served."""
    with httpx.Client(base_url=swept.url, timeout=30) as client:
        assert client.get(f"/cellmill?token={TOKEN}").status_code == 200
        assert client.post("/cellmill/graphql", json=BODY).status_code == 403
        headers = {"X-XSRFToken": client.cookies["_xsrf"]}
        assert client.post("/cellmill/graphql", json=BODY, headers=headers).json() == {"data": {"version": "0.1.0"}}


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({}, None),
        ({"Authorization": "token wrong"}, None),
        ({"Authorization": f"token {TOKEN}"}, "https://evil.example"),
    ],
)
def test_a_socket_needs_a_token_and_our_origin(swept: Server, headers: dict[str, str], origin: str | None) -> None:
    """The handshake itself is refused, so no frame of a stranger is ever read."""
    url = swept.url.replace("http", "ws") + "/cellmill/graphql"
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(url, subprotocols=["graphql-transport-ws"], header=headers, origin=origin)
    assert refused.value.status_code == 403


def test_every_method_names_its_resource() -> None:
    """Each method of each handler declares an action and a resource that begins with ``cellmill:``."""
    for _, handler, *_ in ROUTES:
        assert issubclass(handler, CellmillHandler)
        for method in METHODS:
            function = handler.__dict__.get(method.lower())
            if function is not None:
                closure = inspect.getclosurevars(
                    inspect.unwrap(function, stop=lambda f: "action" in f.__code__.co_freevars)
                )
                assert str(closure.nonlocals["resource"]).startswith("cellmill:")
                assert closure.nonlocals["action"] in ("read", "write", "execute")


def test_each_route_asks_for_its_own_resource(tmp_path: Path) -> None:
    """Twice and in both orders: what one handler asks for never becomes what another is judged by."""
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(RECORDING)
    with running(tmp_path, f"--config={config}") as server:
        routes = [*ASKS, *reversed(ASKS)]
        for method, path in routes:
            server.request(method, path, **({"json": BODY} if method == "POST" else {}))
        asked = [line.split(" ", 2) for line in (server.root / "asked.txt").read_text().splitlines()]

    assert set(PATHS) == {path for _, path in ASKS}
    assert [(method, path, ASKS[method, path]) for method, path in routes] == [tuple(line) for line in asked]


def test_every_mutation_needs_a_permission() -> None:
    """The table of permissions names exactly the mutations that the schema has."""
    mutation = schema._schema.mutation_type
    assert mutation is not None
    assert set(MUTATIONS) == set(mutation.fields)


def test_permissions_see_through_fragments() -> None:
    """A mutation hidden in fragments or behind an alias needs the same permission."""
    query = """
    mutation A { ...one harmless: deleteRun(runId: "x") { __typename } }
    fragment one on Mutation { ... on Mutation { wipeAssets(assetPartitionRanges: []) { __typename } } }
    """
    assert set(required_permissions(query, "A")) == {("write", "cellmill:assets"), ("write", "cellmill:runs")}


def test_a_reader_cannot_change_anything(tmp_path: Path) -> None:
    """With an authorizer that only allows reading, queries work and each mutation is a 403."""
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(READ_ONLY)
    with running(tmp_path, f"--config={config}") as reader:
        assert reader.data("{version}") == {"version": "0.1.0"}
        for name in MUTATIONS:
            answer = reader.request("POST", "/cellmill/graphql", json={"query": f"mutation {{ {name} }}"})
            assert answer.status_code == 403, name
        for kind in ("materialization", "observation", "check"):
            assert reader.request("POST", f"/cellmill/report_asset_{kind}/raw", json={}).status_code == 403


def test_a_plain_get_is_refused(server: Server) -> None:
    """A query in an address would end up in logs and histories."""
    assert server.request("GET", "/cellmill/graphql?query={version}").status_code == 405
    assert GraphQLHandler.SUPPORTED_METHODS


def test_bodies_are_json_objects_of_bounded_size(server: Server) -> None:
    """Batches, forms, uploads and large bodies are refused before anything is parsed."""
    post = "/cellmill/graphql"
    assert server.request("POST", post, json=[BODY, BODY]).status_code == 400
    assert server.request("POST", post, data={"query": "{version}"}).status_code == 415
    assert server.request("POST", post, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    large = json.dumps({"query": "{version}" + " " * 1_000_000})
    assert server.request("POST", post, content=large, headers={"Content-Type": "application/json"}).status_code == 413
