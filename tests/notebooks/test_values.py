"""Expressions whose worth is known from the text, and those of which it is not."""

from __future__ import annotations

import ast
import json
from datetime import timedelta
from typing import Any

import cellmill as cm
import pytest
from cellmill.errors import CellmillError
from cellmill.notebooks.scan import scan_notebook
from cellmill.notebooks.values import UNKNOWN, Values

PREAMBLE = """
import datetime as dt
from datetime import timedelta
import cellmill as cm
from cellmill import *
import cellmill.dagster as dg
HOURS = 2
daily = cm.DailyPartitionsDefinition(start_date="2024-01-01")
if HOURS:
    either = 1
changed = ["a"]
changed.append("b")
again = 1
again = 2
def helper(): return 3
@cm.asset
def sales(): ...
@cm.job(partitions_def=daily)
def nightly(): ...
@daily_partitioned_config(start_date="2024-02-01")
def by_day(start, end): return {}
@dg.job(config=by_day)
def configured(): ...
loop = loop_of_itself = 1
"""


def worth(text: str, preamble: str = PREAMBLE) -> Any:
    """What an expression below the preamble is worth."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for n, source in enumerate((preamble, "1"))
    ]
    notebook = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    scan = scan_notebook(notebook, "a.ipynb")
    (node,) = ast.parse(text).body
    assert isinstance(node, ast.Expr)
    return Values(scan).of(node.value, len(scan.linker().units))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, 'a', {'k': (True, None)}, -2.5]", [1, "a", {"k": (True, None)}, -2.5]),
        ("timedelta(hours=HOURS) * 2", timedelta(hours=4)),
        ("dt.timedelta(days=1)", timedelta(days=1)),
        ("daily", cm.DailyPartitionsDefinition(start_date="2024-01-01")),
        ("cm.DefaultScheduleStatus.RUNNING", cm.DefaultScheduleStatus.RUNNING),
        ("CatchUp.all(HOURS + 1)", cm.CatchUp.all(3)),
        ("AssetSelection.groups('a') | AssetSelection.assets('b')",
         cm.AssetSelection.groups("a") | cm.AssetSelection.assets("b")),
        ("dg.AutomationCondition.eager() & ~cm.AutomationCondition.in_progress()",
         cm.AutomationCondition.eager() & ~cm.AutomationCondition.in_progress()),
        ("cm.BackfillPolicy.multi_run(5)", cm.BackfillPolicy.multi_run(5)),
        ("sales", cm.AssetKey("sales")),
        ("again", 2),
    ],
)  # fmt: skip
def test_literals_and_constructors(text: str, expected: Any) -> None:
    """They are what running the cells would give."""
    assert expected == worth(text)


@pytest.mark.parametrize(("name", "start"), [("nightly", "2024-01-01"), ("configured", "2024-02-01")])
def test_a_job_of_ops_is_known_by_name_and_partitions(name: str, start: str) -> None:
    """Whether the partitions are given or come with the config."""
    assert (name, start) == (worth(name).name, worth(name).partitions_def.get_first_partition_key())


@pytest.mark.parametrize(
    "text",
    ["open('x')", "helper()", "nobody", "either", "changed", "sales.key", "().__class__", "'x' * 10 ** 9",
     "[f() for f in x]", "f'{HOURS}'",
     "cm.load_assets_from_modules([])", "daily.__class__", "cm.Instance.get()", "timedelta(hours=nobody)", 
     "1 if x else 2", "__import__('os')", "dg.EnvVar('HOME').get_value()", "{**x}"],
)  # fmt: skip
def test_what_takes_running_is_unknown(text: str) -> None:
    """A user's code, a branch, a change in place, what reads the machine: never a guess."""
    assert UNKNOWN is worth(text)


def test_a_wrong_definition_says_so_as_it_does_when_it_runs() -> None:
    """The error of the constructor, with the text that would be right."""
    with pytest.raises(CellmillError, match="as in .0 6"):
        worth("cm.AutomationCondition.on_cron('every day')")
