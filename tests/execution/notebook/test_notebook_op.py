"""Whole notebooks as ops and assets: inputs as parameters, results by name, the executed notebook as metadata."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from bash_kernel.install import kernel_json
from cellmill import DailyPartitionsDefinition, In, Instance, Out, job, materialize, notebook_asset, notebook_op, op
from cellmill.errors import InvalidDefinitionError

from .conftest import MakeNotebook, notebook_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@op
def made() -> SimpleNamespace:
    """Give an object that has no form as source text."""
    return SimpleNamespace(number=20)


@op
def seen(value: int) -> int:
    """Pass a number on."""
    return value


def test_a_notebook_gets_inputs_and_hands_results_back(make_notebook: MakeNotebook) -> None:
    """An input without a source form, a default and configuration arrive; results of both kinds come back."""
    path = make_notebook(
        "thing = None\nfactor = 1\nplus = 0",
        "from cellmill import yield_result\nyield_result(thing.number * factor + plus)",
        "yield_result({1, 2}, 'pair')",
        tags={0: ["parameters"]},
    )
    report = notebook_op(
        path,
        name="report",
        ins={"thing": In()},
        outs={"result": Out(), "pair": Out()},
        config_schema={"plus": int},
        parameters={"factor": 2},
    )

    @job
    def with_report() -> None:
        seen(report(made())[0])

    result = with_report.execute_in_process(run_config={"ops": {"report": {"config": {"plus": 2}}}})

    assert result.output_for_node("seen") == 42
    assert result.output_for_node("report", "pair") == {1, 2}


def test_a_notebook_asset_has_its_value_and_its_executed_notebook(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """The value is what was handed back; the materialization links to the executed notebook; the partition arrives."""
    path = make_notebook("from cellmill import yield_result\nyield_result(partition_key + '!')")
    daily = notebook_asset(path, name="daily", partitions_def=DailyPartitionsDefinition("2024-01-01"))

    with Instance.get(tmp_path / "home") as instance:
        result = materialize([daily], instance=instance, partition_key="2024-01-02")

        assert result.output_for_node("daily") == "2024-01-02!"
        (event,) = result.asset_materializations_for_node("daily")
        assert Path(event.metadata["executed_notebook"].value).exists()


def test_a_notebook_that_fails_fails_its_step_and_is_kept(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """The failure names the notebook, the cell and the error."""
    path = make_notebook("1", "1/0")
    broken = notebook_asset(path, name="broken")

    with Instance.get(tmp_path / "home") as instance:
        result = materialize([broken], instance=instance, raise_on_error=False)

        assert not result.success
        (failure,) = [event for event in result.all_events if event.is_step_failure]
        text = str(failure.data.error)
        assert "cell 2" in text and "ZeroDivisionError" in text
        assert list((tmp_path / "home" / "runs" / result.run_id).glob("*.ipynb"))


@pytest.fixture
def bash_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that writes a notebook for the Bash kernel, which is installed for the test alone."""
    spec = tmp_path / "jupyter" / "kernels" / "bash"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({**kernel_json, "argv": [sys.executable, *kernel_json["argv"][1:]]}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    def make(*sources: str) -> Path:
        document = notebook_of(*sources, tags={0: ["parameters"]})
        document["metadata"] = {"kernelspec": {"name": "bash", "display_name": "Bash", "language": "bash"}}
        (tmp_path / "report.ipynb").write_text(json.dumps(document))
        return tmp_path / "report.ipynb"

    return make


def test_a_notebook_in_another_language_is_an_op(bash_notebook: Callable[..., Path]) -> None:
    """Bash gets inputs, configuration and defaults as its own variables, and hands results back as JSON files."""
    path = bash_notebook(
        "times=1\nname=nobody",
        'for i in $(seq $times); do echo "hello $name"; done; pwd > where',
        'echo "$((times * value))" > "$CELLMILL_RESULTS/total.json"\necho "\\"$name\\"" > "$CELLMILL_RESULTS/who.json"',
    )
    report = notebook_op(
        path,
        name="report",
        ins={"value": In(int)},
        outs={"total": Out(int), "who": Out(str)},
        config_schema={"times": int},
        parameters={"name": "Ann O'Hara"},
    )

    @op
    def seven() -> int:
        return 7

    @job
    def with_report() -> None:
        report(seven())

    result = with_report.execute_in_process(run_config={"ops": {"report": {"config": {"times": 3}}}})

    assert result.output_for_node("report", "total") == 21
    assert result.output_for_node("report", "who") == "Ann O'Hara"
    assert (path.parent / "where").read_text().strip() == str(path.parent)


def test_a_notebook_in_another_language_is_an_asset_and_its_failure_is_told(
    bash_notebook: Callable[..., Path], tmp_path: Path
) -> None:
    """The value is what was handed back; a cell that exits with a status fails the step with the cell's number."""
    path = bash_notebook("limit=5", 'echo "[$limit, 2]" > "$CELLMILL_RESULTS/numbers.json"', "test $limit -gt 3")
    numbers = notebook_asset(path, name="numbers")

    with Instance.get(tmp_path / "home") as instance:
        assert materialize([numbers], instance=instance).output_for_node("numbers") == [5, 2]
        failing = notebook_asset(path, name="numbers", parameters={"limit": 1})
        result = materialize([failing], instance=instance, raise_on_error=False)

        (failure,) = [event for event in result.all_events if event.is_step_failure]
        assert "cell 4" in str(failure.data.error)


def test_something_else_than_a_notebook_is_refused() -> None:
    """The path must name a notebook."""
    with pytest.raises(InvalidDefinitionError, match="ipynb"):
        notebook_op("report.py")
