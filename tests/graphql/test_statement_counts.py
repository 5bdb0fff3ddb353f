"""How many statements each documented query costs: the same for few and for many rows."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.graphql.context import Context, open_context
from cellmill.graphql.schema import execute, sdl
from graphql import GraphQLSchema, build_schema, get_named_type, is_leaf_type, is_required_argument, is_union_type

from tests.workspace.notebooks import write_notebook

SELECTOR = '{repositoryName: "__repository__", repositoryLocationName: "notebooks"}'


@cache
def graphql_schema() -> GraphQLSchema:
    """The schema that is served."""
    return build_schema(sdl())


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


#: Where lists of these types come from.
LISTS = {
    "AssetNode": "{ assetNodes { %s } }",
    "Asset": "{ assetsOrError { ... on AssetConnection { nodes { %s } } } }",
    "Run": "{ runsOrError(limit: 100) { ... on Runs { results { %s } } } }",
    "Job": "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { %s } } } } }",
    "Schedule": f"{{ schedulesOrError(repositorySelector: {SELECTOR}) {{ ... on Schedules {{ results {{ %s }} }} }} }}",
    "Sensor": f"{{ sensorsOrError(repositorySelector: {SELECTOR}) {{ ... on Sensors {{ results {{ %s }} }} }} }}",
}
#: One object of each kind, by what names it; the most statements that any of its fields may take.
OBJECTS = {
    "AssetNode": ('{ assetNodeOrError(assetKey: {path: ["a1"]}) { ... on AssetNode { %s } } }', 5),
    "Asset": ('{ assetOrError(assetKey: {path: ["a1"]}) { ... on Asset { %s } } }', 5),
    "Run": ('{ runOrError(runId: "RUN") { ... on Run { %s } } }', 4),
    "Schedule": (
        '{ scheduleOrError(scheduleSelector: {repositoryName: "__repository__", repositoryLocationName: "notebooks", '
        'scheduleName: "s1"}) { ... on Schedule { %s } } }',
        3,
    ),
}


def statements(folder: Path, query: str, count: int) -> int:
    """How many statements a query takes with this many assets, schedules, materializations and runs."""
    context = filled(folder, count)
    try:
        return _asked(context, query)
    finally:
        context.close()


def filled(folder: Path, count: int) -> Context:
    """A workspace with so many assets, schedules, jobs, sensors, materializations and runs."""
    cells = [f"%%asset a{n} --partitions dynamic:d{n}\n{n}" for n in range(count)]
    cells += [f"%schedule '0 {n} * * *' a{n} --name s{n}" for n in range(count)]
    cells += [f"%job j{n} = a{n}" for n in range(count)]
    cells += [f"%%sensor x{n} --job j{n}\nNone" for n in range(count)]
    folder.mkdir()
    write_notebook(folder / "a.ipynb", "%load_ext cellmill", *cells)
    context = open_context(folder)
    for n in range(count):
        context.instance.create_run(job_name=f"j{n}", tags={"n": str(n)})
        for event in (cm.AssetMaterialization, cm.AssetMaterialization, cm.AssetObservation):
            context.instance.report_runless_asset_event(event(f"a{n}"))
    return context


def fields_of(name: str) -> list[str]:
    """The fields of a type that need no argument, each with the scalars below it."""
    found = graphql_schema().type_map[name].fields.items()
    return [
        field + _scalars(get_named_type(one.type))
        for field, one in found
        if not any(is_required_argument(argument) for argument in one.args.values())
    ]


def _scalars(kind: Any) -> str:
    if is_leaf_type(kind):
        return ""
    if is_union_type(kind):
        return "{ __typename " + " ".join(f"... on {one.name} {_scalars(one)}" for one in kind.types) + "}"
    names = [
        name
        for name, field in kind.fields.items()
        if is_leaf_type(get_named_type(field.type)) and not any(map(is_required_argument, field.args.values()))
    ]
    return "{ __typename " + " ".join(names) + " }"


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


def test_no_field_of_a_list_is_loaded_item_by_item(tmp_path: Path) -> None:
    """Every field of every item of a list, with the scalars below it, takes the statements of a short list."""
    few, many = filled(tmp_path / "few", 3), filled(tmp_path / "many", 12)
    try:
        for name, query in LISTS.items():
            for field in fields_of(name):
                counts = _asked(few, query % field), _asked(many, query % field)
                assert counts[0] == counts[1] <= 6, f"{name}.{field}: {counts}"
    finally:
        few.close()
        many.close()


def test_one_object_takes_few_statements(tmp_path: Path) -> None:
    """Whatever is asked of one asset, run or schedule takes a handful of statements, with many others beside it."""
    context = filled(tmp_path / "many", 12)
    run_id = context.instance.get_runs(limit=1)[0].run_id
    try:
        for name, (query, most) in OBJECTS.items():
            for field in fields_of(name):
                assert _asked(context, query.replace("RUN", run_id) % field) <= most, f"{name}.{field}"
    finally:
        context.close()
