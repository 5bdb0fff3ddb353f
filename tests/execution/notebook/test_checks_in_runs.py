"""Checks and line magics of a notebook in a run: part of the worker's run, never a run of the kernel's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.instance.instance import Instance
from cellmill.io.default import ByTypeIOManager
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import RunStatus
from cellmill.workspace.run_names import ASSET_JOB, NOTEBOOK_JOB, NOTEBOOK_TAG, PARAMETERS_TAG
from cellmill.workspace.worker import main

from .conftest import notebook_of

pytestmark = pytest.mark.slow

SOURCES = (
    "%load_ext cellmill",
    "limit = 3",
    "%%asset numbers\n[1, 2, 3]",
    "%%check few --asset numbers\nlen(numbers) <= limit",
    "%%asset other\n'x'",
    "%%check never --asset other\nother == 'y'",
    '%schedule "0 6 * * *" numbers',
    "%lineage",
    "%assets",
    "%materialize numbers",
)


def _write(folder: Path, *sources: str) -> Path:
    path = folder / "book.ipynb"
    path.write_text(json.dumps(notebook_of(*sources)))
    return folder / ".cellmill"


def _run(home: Path, keys: list[str] | None) -> tuple[RunStatus, list[Event]]:
    """Run the assets, or the whole notebook; the run is the only one of the instance."""
    with Instance.get(home) as instance:
        run = (
            instance.create_run(job_name=NOTEBOOK_JOB, tags={NOTEBOOK_TAG: "book.ipynb"})
            if keys is None
            else instance.create_run(job_name=ASSET_JOB, asset_selection=frozenset(AssetKey(key) for key in keys))
        )
    main([run.run_id, "--home", str(home), "--workspace", str(home.parent)])
    with Instance.get(home) as instance:
        (only,) = instance.get_runs()
        assert only.run_id == run.run_id
        return only.status, list(instance.all_logs(run.run_id))


def _evaluations(events: list[Event]) -> dict[AssetCheckKey, bool]:
    return {
        event.asset_check_evaluation_data.asset_check_key: event.asset_check_evaluation_data.passed
        for event in events
        if event.type is EventType.ASSET_CHECK_EVALUATION
    }


def test_a_whole_notebook_is_one_run_with_its_checks(tmp_path: Path) -> None:
    """Checks are planned and evaluated in the worker's run; a failed one that does not block leaves it a success."""
    status, events = _run(_write(tmp_path, *SOURCES), None)

    assert status is RunStatus.SUCCESS
    assert _evaluations(events) == {
        AssetCheckKey(AssetKey("numbers"), "few"): True,
        AssetCheckKey(AssetKey("other"), "never"): False,
    }
    assert sum(event.type is EventType.ASSET_CHECK_EVALUATION_PLANNED for event in events) == 2
    assert sum(event.type is EventType.ASSET_MATERIALIZATION for event in events) == 2


def test_making_an_asset_evaluates_its_checks_only(tmp_path: Path) -> None:
    """The check of the selected asset runs, with the plain cell that it needs; the other asset's does not."""
    status, events = _run(_write(tmp_path, *SOURCES), ["numbers"])

    assert status is RunStatus.SUCCESS
    assert _evaluations(events) == {AssetCheckKey(AssetKey("numbers"), "few"): True}


def test_a_blocking_check_that_fails_ends_the_run(tmp_path: Path) -> None:
    """What stands below a blocking check is not made, and the run says which check failed."""
    home = _write(
        tmp_path,
        "%load_ext cellmill",
        "%%asset numbers\n[1, 2, 3]",
        "%%check few --asset numbers --blocking\nlen(numbers) < 3",
        "%%asset total\nsum(numbers)",
    )

    status, events = _run(home, None)

    assert status is RunStatus.FAILURE
    made = [event.asset_key for event in events if event.type is EventType.ASSET_MATERIALIZATION]
    assert made == [AssetKey("numbers")]
    assert "few" in next(event.message for event in events if event.type is EventType.RUN_FAILURE)


def test_a_notebook_without_assets_checks_those_of_another(tmp_path: Path) -> None:
    """A notebook of checks alone loads what it checks and adds no run."""
    (tmp_path / "assets.ipynb").write_text(json.dumps(notebook_of("%load_ext cellmill", "%%asset numbers\n[1, 2]")))
    home = _write(tmp_path, "%load_ext cellmill", "%%check two --asset numbers\nlen(numbers) == 2")
    with Instance.get(home) as instance:
        run = instance.create_run(job_name=ASSET_JOB, asset_selection=frozenset({AssetKey("numbers")}))
    main([run.run_id, "--home", str(home), "--workspace", str(tmp_path)])
    with Instance.get(home) as instance:
        instance.delete_run(run.run_id)

    status, events = _run(home, None)

    assert status is RunStatus.SUCCESS
    assert _evaluations(events) == {AssetCheckKey(AssetKey("numbers"), "two"): True}


def test_a_failure_names_notebook_cell_line_and_what_to_do(tmp_path: Path) -> None:
    """Of an asset cell that fails in a helper, run and step name the cell's own line and show it."""
    home = _write(tmp_path, "%load_ext cellmill", "def half(x):\n    return x / 0", "%%asset a\nb = 1\nhalf(b)")

    status, events = _run(home, ["a"])

    assert status is RunStatus.FAILURE
    failed = next(event for event in events if event.type is EventType.RUN_FAILURE)
    assert "book.ipynb, cell 3, line 3: ZeroDivisionError: division by zero\n    half(b)\n" in failed.message
    assert f"cellmill runs retry {failed.run_id[:8]}" in failed.message
    step = next(event for event in events if event.type is EventType.STEP_FAILURE)
    assert "book.ipynb, cell 3, line 3: half(b)" in step.step_failure_data.error.cause.message


def test_a_failure_of_a_plain_cell_names_its_line(tmp_path: Path) -> None:
    """A notebook without any asset says as much."""
    home = _write(tmp_path, "x = 1\ny = x / 0")

    _, events = _run(home, None)

    failed = next(event for event in events if event.type is EventType.RUN_FAILURE)
    assert failed.message.startswith("book.ipynb, cell 1, line 2: ZeroDivisionError: division by zero\n    y = x / 0\n")


def _materializations(events: list[Event]) -> list[tuple[str, str | None]]:
    return [
        (event.asset_key.to_user_string(), event.partition)
        for event in events
        if event.type is EventType.ASSET_MATERIALIZATION and event.asset_key is not None
    ]


def test_materialize_makes_another_partition_as_part_of_the_run(tmp_path: Path) -> None:
    """A partition asked for by a line is made in this run, and cells below read it; what is there is not made again."""
    home = _write(
        tmp_path,
        "%load_ext cellmill",
        "%%asset month --partitions static:a,b\ncontext.partition_key",
        "%%asset twice --partitions static:a,b\nmonth * 2",
        "%materialize month --partition a",
        "%materialize *twice --partition a",
        "%load_asset twice --partition a --as first",
        "assert first == 'aa'",
    )

    status, events = _run(home, None)

    assert status is RunStatus.SUCCESS
    assert _materializations(events) == [("month", "b"), ("twice", "b"), ("month", "a"), ("twice", "a")]


@pytest.mark.parametrize("keys", [None, ["total", "late", "one", "two"]])
def test_decorated_functions_and_cells_make_assets_of_one_run(tmp_path: Path, keys: list[str] | None) -> None:
    """Both forms read each other's values; a function stands above what it reads, and two stand in one cell."""
    home = _write(
        tmp_path,
        "from cellmill import asset",
        "@asset\ndef two(one):\n    return one + 1\n\n@asset\ndef late(total):\n    return -total",
        "@asset\ndef one():\n    return 1",
        "%load_ext cellmill",
        "%%asset total\none + two",
    )

    status, events = _run(home, keys)

    assert status is RunStatus.SUCCESS
    assert _materializations(events) == [("one", None), ("two", None), ("total", None), ("late", None)]
    with Instance.get(home) as instance:
        ref = instance.find_value_ref(AssetKey("late"))
        assert ref is not None
        assert ByTypeIOManager(instance.storage_directory(), key_folder=instance.home).store.read(ref) == -3


def test_a_decorated_function_that_raises_fails_its_step(tmp_path: Path) -> None:
    """The step of the asset, the cell and its line are named; what stands below is not reached."""
    home = _write(tmp_path, "from cellmill import asset", "@asset\ndef one():\n    return 1 / 0", "open('x', 'w')")

    status, events = _run(home, None)

    assert status is RunStatus.FAILURE
    failed = next(event for event in events if event.type is EventType.STEP_FAILURE)
    assert failed.step_key == "one"
    message = next(event.message for event in events if event.type is EventType.RUN_FAILURE)
    assert "book.ipynb, cell 2, line 3" in message
    assert not (tmp_path / "x").exists()


def test_an_upstream_of_another_notebook_that_was_never_made_is_named(tmp_path: Path) -> None:
    """The whole notebook runs up to the cell that needs it; the error names the asset and the command that makes it."""
    (tmp_path / "other.ipynb").write_text(json.dumps(notebook_of("%load_ext cellmill", "%%asset raw\n1")))
    home = _write(tmp_path, "%load_ext cellmill", "%%asset own\n2", "%%asset both\nraw + own")

    status, events = _run(home, None)

    assert status is RunStatus.FAILURE
    assert _materializations(events) == [("own", None)]
    message = next(event.message for event in events if event.type is EventType.RUN_FAILURE)
    assert "both needs the asset 'raw', which was never materialized" in message
    assert "cellmill materialize both --upstream" in message


def test_parameters_move_no_stored_value_to_another_cell(tmp_path: Path) -> None:
    """The cell of parameters shifts those below it; a stored value is bound before the cell that reads it."""
    (tmp_path / "other.ipynb").write_text(json.dumps(notebook_of("%load_ext cellmill", "%%asset raw\n1")))
    home = _write(tmp_path, "%load_ext cellmill", "%%asset own\n2", "n = 1", "assert (raw, n) == (1, 1)")
    with Instance.get(home) as instance:
        run = instance.create_run(job_name=ASSET_JOB, asset_selection=frozenset({AssetKey("raw")}))
    main([run.run_id, "--home", str(home), "--workspace", str(tmp_path)])
    with Instance.get(home) as instance:
        instance.delete_run(run.run_id)
        tags = {NOTEBOOK_TAG: "book.ipynb", PARAMETERS_TAG: json.dumps({"limit": 5})}
        run = instance.create_run(job_name=NOTEBOOK_JOB, tags=tags)
    main([run.run_id, "--home", str(home), "--workspace", str(tmp_path)])
    with Instance.get(home) as instance:
        assert [run.status for run in instance.get_runs()] == [RunStatus.SUCCESS]
