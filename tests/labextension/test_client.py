"""`cellmill.client` and `cellmill graphql --remote` against a really started server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cellmill.cli.main import main
from cellmill.client import CellmillClient, ClientError

from tests.labextension.server import TOKEN, Server


@pytest.fixture
def client(server: Server) -> CellmillClient:
    """A client with the server's token."""
    return CellmillClient(server.url, token=TOKEN)


@pytest.mark.slow
def test_assets_are_made_and_seen(client: CellmillClient) -> None:
    """A run is started, waited for, and the assets are fresh afterwards; a report counts too."""
    run_id = client.materialize("raw", "doubled", tags={"by": "the client"})

    assert client.wait(run_id, timeout_s=60) == "SUCCESS"
    assert {asset.key: asset.state for asset in client.assets()} == {("raw",): "FRESH", ("doubled",): "FRESH"}
    assert {asset.key: asset.upstream for asset in client.assets()}[("doubled",)] == (("raw",),)
    client.report_materialization("raw", description="made elsewhere")
    client.reload_location("notebooks")


def test_refusals_are_errors(client: CellmillClient, server: Server) -> None:
    """What the server refuses, and a server that is not there, are errors that say so."""
    for call, words in (
        (lambda: client.run_status("nope"), "nope"),
        (lambda: client.terminate("nope"), "nope"),
        (lambda: client.run_job("nope"), "nope"),
        (lambda: client.reload_location("nope"), "nope"),
        (lambda: client.query("{ versoin }"), "versoin"),
        (lambda: CellmillClient(server.url, token="wrong").assets(), "token"),
        (lambda: CellmillClient("http://127.0.0.1:9", token="x").assets(), "cannot be reached"),
        (lambda: CellmillClient("localhost:8888"), "no address"),
    ):
        with pytest.raises(ClientError, match=words):
            call()


@pytest.mark.parametrize("path", ["", "/", "/cellmill", "/cellmill/graphql"])
def test_any_address_of_the_server(path: str) -> None:
    """The server's address, its page's and its API's mean the same."""
    assert CellmillClient(f"http://hub:8000/user/ann{path}").url == "http://hub:8000/user/ann/cellmill/graphql"


def test_the_command_asks_a_server(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`cellmill graphql --remote` answers what the server answers, with its exit code."""
    assert main(["graphql", "-t", "{ version }", "--remote", server.url, "--token", TOKEN]) == 0
    assert json.loads(capsys.readouterr().out) == {"data": {"version": "0.1.0"}}
    assert main(["graphql", "-t", "{ nope }", "--remote", server.url, "--token", TOKEN]) == 1
    assert "nope" in json.loads(capsys.readouterr().out)["errors"][0]["message"]
    assert main(["graphql", "-t", "{ version }", "--remote", server.url, "--token", "wrong"]) == 1
    assert "token" in capsys.readouterr().err
