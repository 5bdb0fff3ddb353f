"""A run that is started over the API does what it says."""

from __future__ import annotations

import time

import pytest

from tests.labextension.server import Server

# The documents of Dagster's own Python client, shortened.
SUBMIT = """mutation($executionParams: ExecutionParams!) { launchPipelineExecution(executionParams: $executionParams) {
  __typename
  ... on LaunchPipelineRunSuccess { run { runId } }
  ... on PipelineConfigValidationInvalid { errors { message path reason } }
  ... on PipelineNotFoundError { message }
  ... on PipelineRunConflict { message }
  ... on PythonError { message } } }"""
STATUS = """query($runId: ID!) { pipelineRunOrError(runId: $runId) { __typename
  ... on PipelineRun { status } ... on PipelineRunNotFoundError { message } } }"""


@pytest.mark.slow
def test_a_client_of_dagster_starts_a_run_and_reads_its_end(server: Server) -> None:
    """Submit the job of all assets, poll its status, and see what it made."""
    params = {"selector": {"pipelineName": "__ASSET_JOB"}, "runConfigData": {}, "mode": "default"}
    launched = server.data(SUBMIT, executionParams=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess"
    run_id = launched["run"]["runId"]
    deadline = time.monotonic() + 60
    while (status := server.data(STATUS, runId=run_id)["pipelineRunOrError"]["status"]) not in ("SUCCESS", "FAILURE"):
        assert time.monotonic() < deadline, status
        time.sleep(0.2)
    assert status == "SUCCESS"
    graph = server.data("{ assetGraph { keys states } }")["assetGraph"]
    assert dict(zip(graph["keys"], graph["states"], strict=True)) == {"raw": "FRESH", "doubled": "FRESH"}
    again = server.data(SUBMIT, executionParams={**params, "executionMetadata": {"runId": run_id}})
    assert again["launchPipelineExecution"]["__typename"] == "RunConflict"
