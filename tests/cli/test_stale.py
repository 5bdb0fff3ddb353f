"""`--stale` from the command line: single partitions, and what turns out to be fresh while the run goes on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cellmill import Instance
from cellmill.planning.event import EventType

from tests.workspace.notebooks import write_notebook

from .command import Command

pytestmark = pytest.mark.slow

STEP_ENDS = (EventType.STEP_SUCCESS, EventType.STEP_SKIPPED, EventType.STEP_FAILURE)
DEFS = """
from cellmill import StaticPartitionsDefinition, asset
PARTS = StaticPartitionsDefinition(["a", "b"])
@asset(code_version="1", partitions_def=PARTS)
def first(context):
    return context.partition_key
@asset(code_version="1", partitions_def=PARTS)
def second(first):
    return len(first)
@asset(code_version="1")
def third(second):
    return sum(second.values())
"""


def test_partitions_of_a_module(cellmill: Command, tmp_path: Path) -> None:
    """The partitions that are not fresh are named with their reasons, and made: upstreams first, the others not."""
    path = tmp_path / "defs.py"
    path.write_text(DEFS)
    (tmp_path / "cellmill.toml").write_text('files = ["defs.py"]\n')
    made = cellmill("materialize", "--stale")
    assert made.code == 0, made.err
    assert re.findall(r"Run \d of \d: (.*)", made.out) == ["a", "b", "third"]
    assert cellmill("materialize", "--stale").out.strip() == "Everything is fresh."
    path.write_text(DEFS.replace('"1"', '"2"', 1))
    assert cellmill("materialize", "first", "--partition", "a").code == 0
    assert cellmill("partitions", "status", "first", "--json").data == {"materialized": 1, "stale": 1}
    rows = cellmill("partitions", "list", "second", "--stale", "--json").data
    assert rows == [{"partition": "b", "status": "stale", "because": "first is stale"}]
    plan = cellmill("plan", "--stale", "--json").data
    assert plan["partitions"] == {"first": ["b"], "second": ["b"]}
    assert {one["asset"]: one["state"] for one in cellmill("assets", "list", "--json").data} == {
        "first": "stale", "second": "stale", "third": "stale",
    }  # fmt: skip
    limited = cellmill("materialize", "first", "second", "--stale", "--partition", "a")
    assert limited.out.strip() == "Everything is fresh."
    again = cellmill("materialize", "--stale")
    assert re.findall(r"Run \d of \d: (.*)", again.out) == ["b", "third"]
    runs = cellmill("runs", "list", "--json").data
    events = cellmill("runs", "logs", runs[0]["run"], "--json").data
    assert any("what it makes is fresh" in str(event) for event in events)


def test_a_notebook_leaves_out_what_turns_out_to_be_fresh(cellmill: Command, tmp_path: Path) -> None:
    """A changed cell with an equal result ends the wave in its notebook and in the one that reads it."""
    path = write_notebook(
        tmp_path / "a.ipynb", "%load_ext cellmill", "%%asset first\n1", "%%asset second\nfirst + 1",
        "%%asset third\nsecond + 1",
    )  # fmt: skip
    write_notebook(tmp_path / "b.ipynb", "%load_ext cellmill", "%%asset fourth\nthird + 1")
    assert cellmill("materialize", "--stale").code == 0
    path.write_text(path.read_text().replace("first + 1", "first * 2"))
    done = cellmill("materialize", "--stale")
    assert done.code == 0, done.err
    with Instance.get(tmp_path / ".cellmill") as instance:
        events = instance.all_logs(instance.get_runs(limit=1)[0].run_id)
    ended = {event.step_key: event.type.value for event in events if event.type in STEP_ENDS}
    assert ended == {"second": "STEP_SUCCESS", "third": "STEP_SKIPPED", "fourth": "STEP_SKIPPED"}
    path.write_text(path.read_text().replace("first * 2", "first * 5"))
    assert cellmill("materialize", "--stale").code == 0
    assert cellmill("materialize", "--stale").out.strip() == "Everything is fresh."
