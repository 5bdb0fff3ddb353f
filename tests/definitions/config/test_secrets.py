"""Secret fields of config are masked wherever config is shown, and their values in what a run writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.definitions.config.json_schema import config_json_schema
from cellmill.definitions.config.process import as_config_type
from cellmill.definitions.config.secrets import masked, secret_paths
from cellmill.graphql.context import open_context
from cellmill.graphql.schema import execute
from pydantic import Field as PydanticField

SCHEMA = {
    "user": str,
    "password": cm.Field(str, is_secret=True),
    "servers": [{"host": str, "key": cm.Field(cm.StringSource, is_secret=True)}],
    "by_name": cm.Map(str, {"token": cm.Field(cm.Noneable(str), is_secret=True)}),
    "login": cm.Selector({"pin": cm.Field(int, is_secret=True), "none": cm.Field(bool)}),
}


def test_secret_parts_are_masked_at_every_depth() -> None:
    """In lists, maps and choices too; what names a variable stays, since it tells nothing."""
    config = {
        "user": "u",
        "password": "hidden words",
        "servers": [{"host": "h", "key": "hidden words"}, {"host": "h", "key": {"env": "KEY"}}],
        "by_name": {"a": {"token": "hidden words"}, "b": {"token": None}},
        "login": {"pin": 1234},
    }
    shown = masked(config, list(secret_paths(as_config_type(SCHEMA))))

    assert "hidden" not in json.dumps(shown)
    assert "1234" not in json.dumps(shown)
    assert {"host": "h", "key": {"env": "KEY"}} == shown["servers"][1]
    assert ("u", "h") == (shown["user"], shown["servers"][0]["host"])
    assert {"a": {"token": "[redacted]"}, "b": {"token": None}} == shown["by_name"]


def test_a_schema_says_that_a_field_is_secret_and_not_its_default() -> None:
    """Fields of `Config` classes are marked among the extras of their JSON Schema."""

    class Login(cm.Config):
        user: str = "u"
        password: str = PydanticField("preset words", json_schema_extra={"dagster__is_secret": True})

    properties = config_json_schema(Login)["properties"]

    assert properties["password"]["writeOnly"] is True
    assert "preset" not in json.dumps(properties)
    assert "writeOnly" not in properties["user"]


def test_the_value_is_masked_in_what_a_run_writes() -> None:
    """The op may log it by mistake: events of the run do not have it."""

    @cm.op(config_schema={"password": cm.Field(str, is_secret=True)})
    def login(context: Any) -> None:
        context.log.info("connecting with %s", context.op_config["password"])
        context.log_event(cm.AssetMaterialization("door", metadata={"said": context.op_config["password"]}))

    @cm.job
    def visit() -> None:
        login()

    with cm.Instance.ephemeral() as instance:
        config = {"ops": {"login": {"config": {"password": "open sesame 7319"}}}}
        result = visit.execute_in_process(run_config=config, instance=instance)
        logs = instance.all_logs(result.run_id)

    assert result.success
    assert "sesame" not in str(logs)
    assert any("[redacted]" in (event.message or "") for event in logs)


MODULE = """
import cellmill as cm

@cm.op(config_schema={"user": str, "password": cm.Field(str, is_secret=True)})
def login(): ...

@cm.job
def visit():
    login()

@cm.asset(config_schema={"token": cm.Field(str, is_secret=True)})
def made(): ...

defs = cm.Definitions(jobs=[visit], assets=[made])
"""


@pytest.mark.slow
def test_stored_run_config_is_shown_without_secrets(tmp_path: Path) -> None:
    """GraphQL gives a mask in their place, of jobs and of assets; the run itself keeps them."""
    (tmp_path / "things.py").write_text(MODULE)
    (tmp_path / "cellmill.toml").write_text('[[location]]\nfile = "things.py"\n')
    config = {
        "ops": {
            "login": {"config": {"user": "me", "password": "open sesame"}},
            "made": {"config": {"token": "open sesame"}},
        }
    }
    opened = open_context(tmp_path)
    try:
        run = opened.instance.create_run(job_name="visit", run_config=config)
        query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { runConfigYaml runConfig } } }"
        answer = execute(query, {"id": run.run_id}, None, opened.for_request("tester"))
        assert config == opened.instance.get_run_by_id(run.run_id).run_config
    finally:
        opened.close()
    shown = answer["data"]["runOrError"]

    assert "sesame" not in json.dumps(shown)
    assert "password: '[redacted]'" in shown["runConfigYaml"]
    assert {"user": "me", "password": "[redacted]"} == shown["runConfig"]["ops"]["login"]["config"]
    assert {"token": "[redacted]"} == shown["runConfig"]["ops"]["made"]["config"]
