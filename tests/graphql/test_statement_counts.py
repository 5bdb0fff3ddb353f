"""How many statements each documented query costs: the same for few and for many rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.graphql.context import Context, open_context
from cellmill.graphql.schema import execute

from tests.workspace.notebooks import write_notebook

SELECTOR = '{repositoryName: "__repository__", repositoryLocationName: "notebooks"}'
QUERIES = {
    "workspace": "{ workspaceOrError { ... on Workspace { locationEntries { name } } } }",
    "repositories": "{ repositoriesOrError { ... on RepositoryConnection { nodes { name pipelines { name } } } } }",
    "asset nodes": "{ assetNodes { assetKey { path } dependencyKeys { path } assetMaterializations(limit: 1) { runId } } }",
    "assets": "{ assetsOrError { ... on AssetConnection { nodes { key { path } } } } }",
    "runs": "{ runsOrError(limit: 100) { ... on Runs { count results { runId status tags { key value } } } } }",
    "schedules": f"{{ schedulesOrError(repositorySelector: {SELECTOR}) {{ ... on Schedules {{ results {{ name "
    "scheduleState { status } } } } }",
    "sensors": f"{{ sensorsOrError(repositorySelector: {SELECTOR}) {{ ... on Sensors {{ results {{ name "
    "sensorState { status } } } } }",
    "backfills": "{ partitionBackfillsOrError { ... on PartitionBackfills { results { id status } } } }",
}


def statements(folder: Path, query: str, count: int) -> int:
    """How many statements a query takes with this many assets, schedules, materializations and runs."""
    cells = [f"%%asset a{n}\n{n}" for n in range(count)]
    cells += [f"%schedule '0 {n} * * *' a{n} --name s{n}" for n in range(count)]
    folder.mkdir()
    write_notebook(folder / "a.ipynb", "%load_ext cellmill", *cells)
    context = open_context(folder)
    try:
        for n in range(count):
            context.instance.create_run(job_name="j", tags={"n": str(n)})
            context.instance.report_runless_asset_event(cm.AssetMaterialization(f"a{n}"))
        return _asked(context, query)
    finally:
        context.close()


def _asked(context: Context, query: str) -> int:
    counted: list[str] = []
    db: Any = context.instance.db
    for name in ("rows", "row"):
        original = getattr(db, name)

        def counting(sql: str, *rest: Any, original: Any = original) -> Any:
            counted.append(sql)
            return original(sql, *rest)

        setattr(db, name, counting)
    answer = execute(query, {}, None, context.for_request("tester"))
    assert "errors" not in answer, answer
    return len(counted)


@pytest.mark.parametrize("name", QUERIES)
def test_more_rows_take_no_more_statements(tmp_path: Path, name: str) -> None:
    """Two of everything and twelve of everything cost the same statements, and few of them."""
    few, many = (statements(tmp_path / str(count), QUERIES[name], count) for count in (2, 12))
    assert few == many <= 4
