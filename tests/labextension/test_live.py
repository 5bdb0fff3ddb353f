"""What happens is seen by those who follow, once and in order."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import websocket
from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.instance.instance import Instance
from cellmill.planning.event import Event, EventType

from tests.cli.dev_process import wait_for
from tests.labextension.server import Server, running
from tests.labextension.test_abuse import connect

LOG = """subscription($id: ID!) { pipelineRunLogs(runId: $id) {
  ... on PipelineRunLogsSubscriptionSuccess { run { status } messages { ... on MessageEvent { message } } }
  ... on PipelineRunLogsSubscriptionFailure { message } } }"""


def test_a_report_reaches_who_follows_the_assets(server: Server) -> None:
    """A materialization reported over REST is a change of state in the subscription."""
    with connect(server) as socket:
        payload = {"query": "subscription { assetStateChanges { keys states structureChanged } }"}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        for n in range(20):  # until the first look has come before a report
            body = {"asset_key": "raw", "metadata": {"rows": 10}, "data_version": f"v{n}"}
            assert server.request("POST", "/cellmill/report_asset_materialization", json=body).status_code == 200
            if select.select([socket.sock], [], [], 0.5)[0]:
                break
        patch = json.loads(socket.recv())["payload"]["data"]["assetStateChanges"]
        assert "raw" in patch["keys"] and patch["structureChanged"] is False


def test_wrong_reports_say_what_is_wrong(server: Server) -> None:
    """A report without a key, with an unknown field or with wrong metadata is a 400 with the reason."""
    for body in ({}, {"asset_key": "raw", "colour": 1}, {"asset_key": "raw", "metadata": "{"}, {"asset_key": [1]}):
        answer = server.request("POST", "/cellmill/report_asset_materialization", json=body)
        assert answer.status_code == 400 and answer.json()["error"]


def test_observations_and_checks_are_reported(server: Server) -> None:
    """By path and query, or by a body, which counts more than the query; what is wrong is a 400 with the reason."""
    seen = "/cellmill/report_asset_observation/raw?data_version=v7&metadata=%7B%22rows%22%3A3%7D"
    assert server.request("POST", seen).status_code == 200
    checked = {"asset_key": ["raw"], "check_name": "few", "passed": False, "severity": "WARN", "metadata": {"n": 1}}
    assert server.request("POST", "/cellmill/report_asset_check?passed=true", json=checked).status_code == 200
    by_query = "/cellmill/report_asset_check/raw?check_name=many&passed=true"
    assert server.request("POST", by_query).status_code == 200
    with Instance.get(server.root / ".cellmill") as instance:
        observed = instance.fetch_observations(AssetKey("raw"), limit=1).records[0].asset_observation
        assert observed is not None and observed.tags["dagster/data_version"] == "v7"
        few, many = (
            instance.get_asset_check_evaluations(AssetCheckKey(AssetKey("raw"), name), limit=1)[0].event_log_entry.data
            for name in ("few", "many")
        )
    assert (few.passed, few.severity.value, many.passed, many.severity.value) == (False, "WARN", True, "ERROR")
    for wrong, word in (
        ({"check_name": "few"}, "passed"),
        ({"check_name": "few", "passed": 1}, "passed"),
        ({"passed": True}, "check_name"),
        ({"check_name": "few", "passed": True, "severity": "LOUD"}, "WARN"),
        ({"check_name": "few", "passed": True, "data_version": "1"}, "data_version"),
    ):
        answer = server.request("POST", "/cellmill/report_asset_check/raw", json=wrong)
        assert answer.status_code == 400 and word in answer.json()["error"]


def test_followers_of_a_run_get_every_event_once_and_in_order(server: Server) -> None:
    """Fifty sockets that follow a run from different moments each receive the same events, until it ends."""
    with ExitStack() as open_sockets:
        instance = open_sockets.enter_context(Instance.get(server.root / ".cellmill"))
        run = instance.create_run(job_name="j")
        writer = instance.run_writer(run.run_id)
        writer.append([Event(EventType.RUN_START, run.run_id, time.time(), message="start")])
        sockets = []
        for n in range(50):
            sockets.append(open_sockets.enter_context(connect(server)))
            payload = {"query": LOG, "variables": {"id": run.run_id}}
            sockets[-1].send(json.dumps({"id": "log", "type": "subscribe", "payload": payload}))
            writer.append([Event(EventType.LOG, run.run_id, time.time(), message=f"line {n}")])
        writer.append([Event(EventType.RUN_SUCCESS, run.run_id, time.time(), message="end")])
        expected = ["start", *(f"line {n}" for n in range(50)), "end"]
        for socket in sockets:
            assert [message["message"] for message in _until_complete(socket)] == expected


@pytest.mark.slow
def test_a_subscriber_that_does_not_read_is_dropped(tmp_path: Path) -> None:
    """Its socket is closed before it has everything, and the others receive everything."""
    with ExitStack() as opened:
        server = opened.enter_context(running(tmp_path, "--CellmillApp.unread_limit_s=5"))
        instance = opened.enter_context(Instance.get(server.root / ".cellmill"))
        run = instance.create_run(job_name="j")
        writer = instance.run_writer(run.run_id)
        writer.append([Event(EventType.RUN_START, run.run_id, time.time(), message="start")])
        lazy, *readers = [opened.enter_context(connect(server)) for _ in range(3)]
        for socket in (lazy, *readers):
            payload = {"query": LOG, "variables": {"id": run.run_id}}
            socket.send(json.dumps({"id": "log", "type": "subscribe", "payload": payload}))
        names = [f"line {number} " for number in range(120)]
        large = "x" * 64_000  # together more than the buffers of both ends hold
        with ThreadPoolExecutor(len(readers)) as pool:
            reading = [pool.submit(_until_complete, socket) for socket in readers]
            for start in range(0, len(names), 20):
                lines = names[start : start + 20]
                writer.append([Event(EventType.LOG, run.run_id, time.time(), message=name + large) for name in lines])
            writer.append([Event(EventType.RUN_SUCCESS, run.run_id, time.time(), message="end")])
            for received in reading:
                heads = [message["message"].removesuffix(large) for message in received.result()]
                assert heads == ["start", *names, "end"]
        log = server.root / "server.log"
        assert wait_for(lambda: "is dropped" in log.read_text()), log.read_text()
        assert log.read_text().count("is dropped") == 1
        assert "complete" not in set(_until_closed(lazy))
        assert server.data("{version}")


def _until_closed(socket: websocket.WebSocket) -> Iterator[str]:
    """Yield the types of the frames that were sent before the socket was closed."""
    while True:
        try:
            opcode, data = socket.recv_data()
        except (websocket.WebSocketException, OSError):
            return
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return
        yield json.loads(data)["type"]


def _until_complete(socket: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while (frame := json.loads(socket.recv()))["type"] != "complete":
        messages += frame["payload"]["data"]["pipelineRunLogs"]["messages"]
    return messages


def test_a_run_that_is_not_there_is_told(server: Server) -> None:
    """Following an unknown run is one failure, and the end of the subscription."""
    with connect(server) as socket:
        payload = {"query": LOG, "variables": {"id": "nope"}}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        assert "nope" in json.loads(socket.recv())["payload"]["data"]["pipelineRunLogs"]["message"]
        assert json.loads(socket.recv())["type"] == "complete"
