"""Drives a server with Dagster's own Python client; runs in an environment that has `dagster-graphql`, not cellmill.

``python official_client.py PORT TOKEN`` writes one JSON object with what each call answered.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError

#: States of a run that do not change any more.
FINAL = ("SUCCESS", "FAILURE", "CANCELED")


def refused(call: Callable[[], Any]) -> str:
    """Return the first word of the error that a call raises."""
    try:
        call()
    except DagsterGraphQLClientError as error:
        return str(error.args[0])
    return "no error"


def wait_for(client: DagsterGraphQLClient, run_id: str, states: tuple[str, ...]) -> str:
    """Return the state of a run as soon as it is one of `states`."""
    while (state := client.get_run_status(run_id).value) not in (*states, *FINAL):
        time.sleep(0.2)
    return state


def main() -> None:
    """Call everything that the client offers."""
    port, token = int(sys.argv[1]), sys.argv[2]
    headers = {"Authorization": f"token {token}"}
    client = DagsterGraphQLClient("127.0.0.1", port_number=port, headers=headers, path_prefix="/cellmill")
    found: dict[str, Any] = {}
    run_id = client.submit_job_execution(
        "greet", run_config={"ops": {"hello": {"config": {"name": "you"}}}}, tags={"a": "b"}
    )
    found["job"] = wait_for(client, run_id, FINAL)
    found["assets"] = wait_for(client, client.submit_job_execution("numbers", asset_selection=["raw"]), FINAL)
    found["wrong config"] = refused(lambda: client.submit_job_execution("greet", run_config={"opps": {}}))
    found["unknown job"] = refused(lambda: client.submit_job_execution("gret"))
    found["unknown run"] = refused(lambda: client.get_run_status("nope"))
    found["unknown run to end"] = refused(lambda: client.terminate_run("nope"))
    for end in (client.terminate_run, lambda run_id: client.terminate_runs([run_id])):
        slow = client.submit_job_execution("slow")
        wait_for(client, slow, ("STARTED",))
        end(slow)
        found.setdefault("terminated", []).append(wait_for(client, slow, FINAL))
    found["reload"] = client.reload_repository_location("defs.py").status.value
    found["unknown location"] = client.reload_repository_location("nope").failure_type
    found["shutdown"] = client.shutdown_repository_location("defs.py").status.value
    found["after shutdown"] = client.reload_repository_location("defs.py").status.value
    print(json.dumps(found))


main()
