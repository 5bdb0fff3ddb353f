"""The graphs of jobs, and what selections mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.graphql.context import Context, open_context
from cellmill.graphql.schema import execute

from .conftest import Ask

MODULE = '''
import cellmill as cm


@cm.op(config_schema={"n": int})
def first(context):
    """Says a number."""
    return context.op_config["n"]


@cm.op
def second(value):
    return value


@cm.graph
def inner():
    return second(first())


@cm.graph
def outer():
    second(inner())


@cm.asset
def up():
    """What is first."""
    return 1


@cm.asset
def down(up):
    return up


defs = cm.Definitions(assets=[up, down], jobs=[outer.to_job("nightly"), cm.define_asset_job("made", "*")])
'''
GRAPH = """query($name: String!, $parent: String) {
  graphOrError(selector: {graphName: $name, repositoryName: "__repository__", repositoryLocationName: "code"}) {
    __typename ... on Error { message } ... on Graph { name modes { name } solids { name upstream isGraph }
      solidHandles(parentHandleID: $parent) { handleID parent { handleID } solid { name configSchema description } }
      solidHandle(handleID: "inner.first") { solid { configSchema } } } } }"""


@pytest.fixture
def coded(tmp_path: Path) -> Iterator[Context]:
    """A workspace of one module with a job of ops and a job of assets."""
    (tmp_path / "graphs_told.py").write_text(MODULE)
    (tmp_path / "cellmill.toml").write_text('[[location]]\nname = "code"\nfile = "graphs_told.py"\n')
    opened = open_context(tmp_path)
    yield opened
    opened.close()


def _graph(context: Context, name: str, parent: str | None = None) -> dict[str, Any]:
    answer = execute(GRAPH, {"name": name, "parent": parent}, None, context.for_request("tester"))
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["graphOrError"]
    return found


def test_a_graph_tells_its_ops_and_what_configures_them(coded: Context) -> None:
    """By the graph's name, not the job's; ops in graphs have handles and a JSON Schema of their configuration."""
    graph = _graph(coded, "outer")
    assert graph["solids"] == [
        {"name": "inner", "upstream": [], "isGraph": True},
        {"name": "second", "upstream": ["inner"], "isGraph": False},
    ]
    assert [one["handleID"] for one in graph["solidHandles"]] == ["inner", "inner.first", "inner.second", "second"]
    schema = graph["solidHandle"]["solid"]["configSchema"]
    assert schema["properties"] == {"n": {"type": "integer"}} and schema["required"] == ["n"]
    assert [one["handleID"] for one in _graph(coded, "outer", "")["solidHandles"]] == ["inner", "second"]
    below = _graph(coded, "outer", "inner")["solidHandles"]
    assert [one["solid"]["name"] for one in below] == ["first", "second"]
    assert below[0]["parent"] == {"handleID": "inner"} and below[0]["solid"]["description"] == "Says a number."


def test_a_job_of_assets_has_a_graph_of_what_makes_them(coded: Context) -> None:
    """Each op that makes assets waits for those whose assets it reads."""
    assert _graph(coded, "made")["solids"] == [
        {"name": "down", "upstream": ["up"], "isGraph": False},
        {"name": "up", "upstream": [], "isGraph": False},
    ]
    missing = _graph(coded, "nightly")
    assert missing["__typename"] == "GraphNotFoundError" and "nightly" in missing["message"]


SELECTION = """query($text: String!) { assetSelectionOrError(selection: $text) {
  __typename ... on SelectedAssets { assetKeys { path } } ... on AssetSelectionError { message position } } }"""


def test_a_selection_is_evaluated(ask: Ask, context: Context) -> None:
    """Keys come upstreams first; status counts what is stored; a mistake is told with its place."""

    def keys(text: str) -> list[str]:
        found = ask(SELECTION, text=text)["assetSelectionOrError"]
        return ["/".join(key["path"]) for key in found["assetKeys"]]

    assert keys('+key:"doubled"') == ["raw", "doubled"]
    assert keys("*doubled") == ["raw", "doubled"]
    assert keys("status:fresh") == []
    context.instance.report_runless_asset_event(cm.AssetMaterialization("raw"))
    assert "doubled" in keys("status:missing") and "raw" not in keys("status:missing")
    wrong = ask(SELECTION, text='key:"raw" andd key:"doubled"')["assetSelectionOrError"]
    assert wrong["__typename"] == "AssetSelectionError" and wrong["position"] == 10
    unknown = ask(SELECTION, text="duobled")["assetSelectionOrError"]
    assert unknown["position"] is None and "doubled" in unknown["message"]
    graph = ask('{ assetGraph(selection: "status:missing") { keys } }')["assetGraph"]
    assert graph["keys"] == ["doubled"]
