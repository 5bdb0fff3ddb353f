"""The schema is the one that is checked in, says what everything means, and keeps Dagster's documented names."""

from __future__ import annotations

from importlib.resources import files

import pytest
from cellmill.graphql.context import Context
from cellmill.graphql.schema import execute, schema, sdl
from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

QUERIES = """version repositoriesOrError repositoryOrError workspaceOrError assetNodes assetsOrError assetOrError
pipelineOrError runsOrError runOrError pipelineRunsOrError logsForRun schedulesOrError sensorsOrError
partitionSetsOrError instigationStatesOrError isPipelineConfigValid runConfigSchemaOrError partitionBackfillsOrError"""
MUTATIONS = """launchRun launchPipelineExecution launchRunReexecution terminateRun deleteRun startSchedule
stopRunningSchedule startSensor stopSensor reloadRepositoryLocation launchPartitionBackfill reportRunlessAssetEvents
wipeAssets addDynamicPartition"""


def test_the_checked_in_schema_is_fresh() -> None:
    """`schema.graphql` is what the code says; write it anew with `python -m cellmill.graphql`."""
    assert (files("cellmill.graphql") / "schema.graphql").read_text() == sdl()


def test_everything_is_described() -> None:
    """Each type, field and argument says what it means."""
    silent = []
    for name, kind in schema._schema.type_map.items():
        if name.startswith("__") or not isinstance(
            kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType
        ):
            continue
        silent += [] if kind.description else [name]
        for field_name, field in kind.fields.items():
            silent += [] if field.description else [f"{name}.{field_name}"]
            for argument_name, argument in getattr(field, "args", {}).items():
                silent += [] if argument.description else [f"{name}.{field_name}({argument_name})"]
    assert silent == []


def test_documented_names_are_there() -> None:
    """The names of Dagster's documentation that mean the same thing exist here."""
    query, mutation = schema._schema.query_type, schema._schema.mutation_type
    assert query is not None and mutation is not None
    assert not set(QUERIES.split()) - set(query.fields)
    assert not set(MUTATIONS.split()) - set(mutation.fields)


def test_what_is_refused_is_logged_as_one_short_line(caplog: pytest.LogCaptureFixture, context: Context) -> None:
    """A long document that cannot be answered leaves one line in the log, without the document."""
    with caplog.at_level("INFO"):
        assert execute("{ " + "n" * 5000 + " }", {}, None, context)["errors"]
    (record,) = [record for record in caplog.records if "refused" in record.message]
    assert record.levelname == "INFO" and len(record.getMessage()) < 300 and "\n" not in record.getMessage()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
