"""What an OpenLineage server hears of runs, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cellmill as cm
import pandas as pd
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.daemon import make_loops
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.openlineage import OpenLineageEmitter
from cellmill.instance.instance import Instance


class Sink:
    """A server that keeps what is posted; `refuse` answers 400."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.refuse = False
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not sink.refuse:
                    sink.events.append(json.loads(body))
                self.send_response(400 if sink.refuse else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """The server."""
    made = Sink()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


@cm.asset
def orders() -> pd.DataFrame:
    """Two orders."""
    return pd.DataFrame({"amount": [1, 2], "city": ["Oslo", "Rome"]})


@cm.asset
def totals(context: cm.AssetExecutionContext, orders: pd.DataFrame) -> pd.DataFrame:
    """Their sum."""
    lineage = cm.TableColumnLineage({"total": [cm.TableColumnDep("orders", "amount")]})
    context.add_output_metadata({"dagster/column_lineage": lineage})
    return pd.DataFrame({"total": [int(orders["amount"].sum())]})


@cm.asset
def broken() -> None:
    """Fails."""
    raise ValueError("no")


def test_runs_are_told_once_with_their_datasets(instance: Instance, sink: Sink) -> None:
    """Start and end of each run since the first pass, with schema, column lineage, version and row count."""
    emitter = OpenLineageEmitter(instance, url=sink.url)
    cm.materialize([orders], instance=instance)
    assert 0 == emitter.run_once()
    result = cm.materialize([orders, totals], instance=instance, selection=["totals"])
    assert 2 == emitter.run_once()
    assert 0 == emitter.run_once()
    start, end = sink.events

    assert ("START", "COMPLETE") == (start["eventType"], end["eventType"])
    assert result.run_id == start["run"]["runId"] == end["run"]["runId"]
    assert "totals" == end["job"]["name"]
    (given,), (made,) = end["inputs"], end["outputs"]
    assert ("cellmill", "orders") == (given["namespace"], given["name"])
    assert ["amount", "city"] == [one["name"] for one in given["facets"]["schema"]["fields"]]
    assert "totals" == made["name"]
    assert ["total"] == [one["name"] for one in made["facets"]["schema"]["fields"]]
    (column,) = made["facets"]["columnLineage"]["fields"]["total"]["inputFields"]
    assert ("orders", "amount") == (column["name"], column["field"])
    assert 1 == made["outputFacets"]["outputStatistics"]["rowCount"]
    assert made["facets"]["version"]["datasetVersion"]


def test_a_failed_run(instance: Instance, sink: Sink) -> None:
    """The end of a failed run says why."""
    emitter = OpenLineageEmitter(instance, url=sink.url)
    emitter.run_once()
    cm.materialize([broken], instance=instance, raise_on_error=False)
    emitter.run_once()

    assert "FAIL" == sink.events[-1]["eventType"]
    assert sink.events[-1]["run"]["facets"]["errorMessage"]["message"]


def test_what_was_refused_is_told_again(instance: Instance, sink: Sink) -> None:
    """A server that is not there loses nothing."""
    emitter = OpenLineageEmitter(instance, url=sink.url)
    emitter.run_once()
    cm.materialize([orders], instance=instance)
    sink.refuse = True
    with pytest.raises(Exception, match="400"):
        emitter.run_once()
    sink.refuse = False

    assert 2 == emitter.run_once()
    assert ["START", "COMPLETE"] == [event["eventType"] for event in sink.events]


def test_the_daemon_has_the_loop_when_a_server_is_named(
    instance: Instance, sink: Sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`OPENLINEAGE_URL` brings the loop; a server that refuses is a line in the log and no more."""
    assert "openlineage" not in make_loops(instance, DefinitionsSource(), ManualClock(0.0), "me")
    monkeypatch.setenv("OPENLINEAGE_URL", sink.url)
    loop = make_loops(instance, DefinitionsSource(), ManualClock(0.0), "me")["openlineage"]
    loop()
    cm.materialize([orders], instance=instance)
    sink.refuse = True
    loop()
    assert "OpenLineage was not told" in caplog.text
    sink.refuse = False
    loop()
    assert 2 == len(sink.events)
