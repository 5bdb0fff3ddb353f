"""`context` in plain cells: always there in a run and interactively, and never in the way of a notebook's own name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cellmill import Instance, materialize, notebook_asset
from cellmill.execution.notebook.notebook_context import NotebookContext, bind
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step
from cellmill.notebooks.document import read_notebook
from cellmill.notebooks.scan import scan_notebook
from cellmill.notebooks.workspace import link_workspace
from cellmill.planning.run import PARTITION_TAG, SCHEDULED_AT_TAG, Run

from .conftest import MakeNotebook, notebook_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


def test_what_is_bound_and_what_is_left_alone() -> None:
    """The context is bound once more for a run, and a name that the notebook gave is its own."""
    names: dict[str, object] = {}
    bind(names, NotebookContext())
    assert isinstance(names["context"], NotebookContext) and names["context"].is_interactive
    bind(names, NotebookContext(run_id="r"))
    assert isinstance(names["context"], NotebookContext) and names["context"].run_id == "r"

    names["context"] = "my own"
    bind(names, NotebookContext())

    assert names["context"] == "my own"


def test_a_context_travels_as_text() -> None:
    """What a worker writes is what a kernel reads; another language finds it in the environment."""
    told = NotebookContext(
        run_id="r", job_name="j", partition_key="2024-02-29", scheduled_execution_time=NOON, run_tags={"a": "b"},
        run_config={"ops": {"x": {"config": 'quo"te'}}},
    )  # fmt: skip

    assert NotebookContext.from_text(told.to_text()) == told
    assert told.has_partition_key and not told.is_interactive
    assert told.environment()["CELLMILL_PARTITION_KEY"] == "2024-02-29"
    assert told.environment()["CELLMILL_SCHEDULED_TIME"] == "2024-02-29T12:00:00+00:00"


@pytest.mark.parametrize("hidden", [False, True])
def test_a_kernel_without_cellmill_gets_the_same_words(hidden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that the kernel runs binds `context` and no other name, with cellmill or without."""
    if hidden:
        monkeypatch.setitem(__import__("sys").modules, "cellmill.execution.notebook.notebook_context", None)
    names: dict[str, object] = {}
    exec(NotebookContext(run_id="r", partition_key="p", scheduled_execution_time=NOON).bind_code(), names)
    found: object = names["context"]

    assert names.keys() - {"__builtins__"} == {"context"}
    assert isinstance(found, NotebookContext) is not hidden
    asked = [eval(f"context.{word}", {"context": found}) for word in (
        "run_id", "partition_key", "scheduled_execution_time", "has_partition_key", "is_interactive", "log.name",
    )]  # fmt: skip
    assert asked == ["r", "p", NOON, True, False, "cellmill.notebook"]


def test_nothing_misses_a_definition_of_context() -> None:
    """A helper that reads it, and the asset that calls the helper, miss nothing."""
    book = notebook_of(
        "%load_ext cellmill", "def stamp():\n    return context.run_id", "%%asset day\nstamp(), nowhere_defined"
    )
    scan = scan_notebook(read_notebook(json.dumps(book), "a.ipynb"), "a.ipynb")
    (cell,) = link_workspace([scan]).in_notebook("a.ipynb")

    assert not any("'context'" in note for note in cell.notes)
    assert any("'nowhere_defined'" in note for note in cell.notes)


def test_plain_cells_of_a_whole_notebook_are_told_of_their_run(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """Run id, partition and scheduled time are there from the first cell; a cell that binds the name has it."""
    path = make_notebook(
        "from cellmill import yield_result\n"
        "told = (context.run_id, context.partition_key, context.scheduled_execution_time, context.run_tags['who'])\n"
        "context.log.info('said below the cell')",
        "context = 'my own'",
        "yield_result((*told, context))",
    )
    whole = notebook_asset(path, name="whole")
    tags = {SCHEDULED_AT_TAG: str(int(NOON.timestamp())), PARTITION_TAG: "north", "who": "me"}

    with Instance.get(tmp_path / "home") as instance:
        result = materialize([whole], instance=instance, tags=tags)

        assert result.output_for_node("whole") == (result.run_id, "north", NOON, "me", "my own")
        (executed,) = (tmp_path / "home" / "runs" / result.run_id).glob("*.ipynb")
        first = json.loads(executed.read_text())["cells"][0]
        assert "said below the cell" in "".join(first["outputs"][0]["text"])


def test_a_run_by_hand_is_for_the_instant_it_was_asked_for(tmp_path: Path) -> None:
    """The record of a run answers: the tick's instant, else when the run was recorded."""
    with Instance.get(tmp_path / "home") as instance:
        by_hand, due = Run(job_name="a"), Run(job_name="b", tags={SCHEDULED_AT_TAG: str(NOON.timestamp())})
        for run in (by_hand, due):
            instance.add_run(run)
        records = [instance.get_run_record_by_id(run.run_id) for run in (by_hand, due)]

        assert [record and record.scheduled_execution_time for record in records] == [
            records[0] and records[0].create_timestamp, NOON,
        ]  # fmt: skip


def test_a_step_without_a_run_leaves_the_namespace_as_it_is(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """Without a context nothing is bound: papermill's engine adds no name of its own."""
    path = make_notebook("'context' in globals()")

    outcome = run_notebook_step(NotebookStepRequest(path=path, artifacts=tmp_path / "kept"))

    (output,) = outcome.result.notebook["cells"][0]["outputs"]
    assert output["data"]["text/plain"] == "False"
