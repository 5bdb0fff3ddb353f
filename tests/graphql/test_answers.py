"""What the API answers, on a real workspace and a real instance."""

from __future__ import annotations

from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetMaterialization
from cellmill.execution.notebook.ends import CellResult, End
from cellmill.execution.notebook.journal import Journal
from cellmill.graphql.context import Context
from cellmill.graphql.schema import execute, sdl
from cellmill.planning.run import RunStatus
from graphql import build_schema, parse, validate

from tests.graphql.conftest import Ask

GRAPH = "{ assetGraph { keys groups states reasons edgeSources edgeTargets x } }"
NODES = """{ assetNodes { id assetKey { path } description groupName staleStatus staleCauses { reason } dataVersion
  dependencyKeys { path } dependedByKeys { path } jobNames definitionSource { path cellId cellIndex code } } }"""
SELECTOR = {"repositoryName": "__repository__", "repositoryLocationName": "notebooks"}


def test_assets_come_with_their_cells_and_neighbours(ask: Ask) -> None:
    """A node knows its notebook, its cell's source, what it is made from and what is made from it."""
    raw, doubled = ask(NODES)["assetNodes"]
    assert raw["definitionSource"]["path"] == "example.ipynb"
    assert raw["definitionSource"]["cellId"] == "cell1"
    assert raw["definitionSource"]["code"].startswith("%%asset raw")
    assert raw["dependedByKeys"] == [{"path": ["doubled"]}]
    assert doubled["dependencyKeys"] == [{"path": ["raw"]}]
    assert doubled["description"] == "Twice as much."
    assert doubled["staleStatus"] == "MISSING"


def test_the_graph_is_one_message(ask: Ask, context: Context) -> None:
    """Keys, states, edges and positions come as lists in one order; a report changes a state."""
    graph = ask(GRAPH)["assetGraph"]
    assert graph["keys"] == ["raw", "doubled"]
    assert (graph["edgeSources"], graph["edgeTargets"]) == ([0], [1])
    assert graph["states"] == ["MISSING", "MISSING"]
    assert graph["x"][0] < graph["x"][1]
    context.instance.report_runless_asset_event(AssetMaterialization(asset_key=AssetKey("raw"), metadata={"rows": 10}))
    assert ask(GRAPH)["assetGraph"]["states"][1] == "MISSING"


def test_an_unknown_asset_is_answered_with_the_nearest(ask: Ask) -> None:
    """A wrong key is a value that names the likely right one."""
    found = ask('{ assetNodeOrError(assetKey: {path: ["duobled"]}) { __typename ... on Error { message } } }')
    assert found["assetNodeOrError"]["__typename"] == "AssetNotFoundError"
    assert "doubled" in found["assetNodeOrError"]["message"]


def test_reported_materializations_are_listed_with_their_metadata(ask: Ask) -> None:
    """What an outside program reports is an event of the asset like any other."""
    ask(
        """mutation { reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION,
        assetKey: {path: ["raw"]}, description: "made by hand"}) { __typename } }"""
    )
    found = ask(
        '{ assetOrError(assetKey: {path: ["raw"]}) { ... on Asset { assetMaterializations { description } } } }'
    )
    assert found["assetOrError"]["assetMaterializations"] == [{"description": "made by hand"}]


def test_runs_are_paged_and_filtered(ask: Ask, context: Context) -> None:
    """Runs come newest first, by status and tag, behind a cursor."""
    made = [
        context.instance.create_run(job_name="j", tags={"n": str(n)}, status=RunStatus.SUCCESS if n else None).run_id
        for n in range(4)
    ]
    query = "query($f: RunsFilter, $c: String) { runsOrError(filter: $f, cursor: $c, limit: 2) { ... on Runs { results { runId } count } } }"
    page = ask(query, f={"statuses": ["SUCCESS"]})["runsOrError"]
    assert [run["runId"] for run in page["results"]] == [made[3], made[2]]
    assert page["count"] == 3
    assert [run["runId"] for run in ask(query, c=made[2])["runsOrError"]["results"]] == [made[1], made[0]]
    tagged = ask(query, f={"tags": [{"key": "n", "value": "1"}]})["runsOrError"]
    assert [run["runId"] for run in tagged["results"]] == [made[1]]


def test_a_schedule_is_switched_on_and_off(ask: Ask) -> None:
    """The switch is remembered, and the next instants are five minutes apart."""
    query = """query($s: RepositorySelector!) { schedulesOrError(repositorySelector: $s) { ... on Schedules { results {
      name cronSchedule scheduleState { id status } futureTicks(limit: 2) { results { timestamp } } } } } }"""
    schedule = ask(query, s=SELECTOR)["schedulesOrError"]["results"][0]
    first, second = (tick["timestamp"] for tick in schedule["futureTicks"]["results"])
    assert second - first == 300
    assert schedule["scheduleState"]["status"] == "STOPPED"
    start = "mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { ... on ScheduleStateResult { scheduleState { status } } } }"
    started = ask(start, s={**SELECTOR, "scheduleName": schedule["name"]})
    assert started["startSchedule"]["scheduleState"]["status"] == "RUNNING"
    stop = "mutation($id: String) { stopRunningSchedule(id: $id) { ... on ScheduleStateResult { scheduleState { status } } } }"
    assert ask(stop, id=schedule["scheduleState"]["id"])["stopRunningSchedule"]["scheduleState"]["status"] == "STOPPED"


def test_a_wrong_run_configuration_is_told_in_full(ask: Ask) -> None:
    """Every mistake comes with its path; a right configuration is valid."""
    query = """query($d: RunConfigData) { isPipelineConfigValid(pipeline: {pipelineName: "__ASSET_JOB"}, runConfigData: $d) {
      __typename ... on RunConfigValidationInvalid { errors { path reason message } } } }"""
    wrong = ask(query, d={"opps": {}, "ops": {"rwa": {}}})["isPipelineConfigValid"]
    assert [error["path"] for error in wrong["errors"]] == [["opps"], ["ops", "rwa"]]
    assert (
        ask(query, d="ops: {raw: {config: {n: 1}}}")["isPipelineConfigValid"]["__typename"]
        == "PipelineConfigValidationValid"
    )


def test_a_launch_of_nothing_known_is_refused(ask: Ask) -> None:
    """Unknown jobs and assets are values of the union, and no run is recorded."""
    query = (
        """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename ... on Error { message } } }"""
    )
    assert ask(query, p={"selector": {"jobName": "nope"}})["launchRun"]["__typename"] == "PipelineNotFoundError"
    steps = ask(query, p={"selector": {"jobName": "nope"}, "stepKeys": ["raw"]})["launchRun"]
    assert steps["__typename"] == "InvalidSubsetError" and "assetSelection" in steps["message"]
    wrong = ask(query, p={"selector": {"assetSelection": [{"path": ["rww"]}]}})["launchRun"]
    assert wrong["__typename"] == "InvalidSubsetError" and "raw" in wrong["message"]
    assert ask("{ runsOrError { ... on Runs { count } } }")["runsOrError"]["count"] == 0


def test_lists_need_a_fixed_number_of_statements(context: Context) -> None:
    """The statements of a query do not grow with the number of assets or runs that it lists."""
    for n in range(30):
        context.instance.create_run(job_name="j", tags={"n": str(n)})
    counted = _count_statements(context)
    for query, most in (
        (NODES, 3),
        (GRAPH, 3),
        (
            "{ runsOrError(limit: 30) { ... on Runs { results { runId status tags { key } assetSelection { path } } } } }",
            3,
        ),
        (
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { pipelines { name } schedules { scheduleState { status } } } } } }",
            3,
        ),
    ):
        counted.clear()
        assert "errors" not in execute(query, {}, None, context.for_request("tester"))
        assert len(counted) <= most, (query, counted)


def _count_statements(context: Context) -> list[str]:
    """Every statement that the instance's database executes from now on."""
    counted: list[str] = []
    db: Any = context.instance.db
    for name in ("rows", "row"):
        original = getattr(db, name)

        def counting(sql: str, *rest: Any, original: Any = original) -> Any:
            counted.append(sql)
            return original(sql, *rest)

        setattr(db, name, counting)
    return counted


def test_the_cells_of_a_run_that_goes_on(ask: Ask, context: Context) -> None:
    """A notebook is listed as soon as its journal is there: each code cell with its state, times and memory."""
    run = context.instance.create_run(job_name="job")
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}
    cells = [cell, {**cell, "id": "b"}, {**cell, "id": "c"}]
    with Journal(context.notebooks_folder() / run.run_id / "book.journal.jsonl") as journal:
        journal.notebook_started({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        journal.append("cell_started", cell=0)
        journal.cell_ended(
            CellResult(index=0, end=End.SUCCEEDED, started_at=1.0, ended_at=2.5, execution_count=1, peak_memory=5)
        )
        journal.append("cell_started", cell=1)

    answer = ask(
        "query($id: ID!) { runOrError(runId: $id) { ... on Run { executedNotebooks { name url cells { "
        "index cellId state startTime endTime executionCount peakMemory } } } } }",
        id=run.run_id,
    )

    (notebook,) = answer["runOrError"]["executedNotebooks"]
    assert notebook["name"] == "book.ipynb"
    assert [one["state"] for one in notebook["cells"]] == ["succeeded", "running", "waiting"]
    assert notebook["cells"][0] == {
        "index": 0, "cellId": "a", "state": "succeeded", "startTime": 1.0, "endTime": 2.5, "executionCount": 1,
        "peakMemory": 5.0,
    }  # fmt: skip


DOCUMENTED_LAUNCH = """mutation LaunchRunMutation(
  $repositoryLocationName: String!
  $repositoryName: String!
  $jobName: String!
  $runConfigData: RunConfigData!
  $tags: [ExecutionTag!]
) {
  launchRun(
    executionParams: {
      selector: {
        repositoryLocationName: $repositoryLocationName
        repositoryName: $repositoryName
        jobName: $jobName
      }
      runConfigData: $runConfigData
      executionMetadata: { tags: $tags }
    }
  ) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message reason } }
    ... on PythonError { message }
  }
}"""


def test_the_documented_launch_is_understood() -> None:
    """Dagster's documentation declares the configuration as a type of its own."""
    assert not validate(build_schema(sdl()), parse(DOCUMENTED_LAUNCH))
