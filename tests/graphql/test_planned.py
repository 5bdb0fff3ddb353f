"""What would happen: plans, schedules in words, and documents that are being edited."""

from __future__ import annotations

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.graphql.context import Context
from cellmill.graphql.planned import cron_words

from tests.graphql.conftest import Ask

CELLS = "query($path: String!, $cells: [CellInput!]!) { notebookCells(path: $path, cells: $cells) { cellId keys state edited reason } }"
DOCUMENT = [
    {"id": "load", "source": "%load_ext cellmill"},
    {"id": "cell1", "source": '%%asset raw --group source\n"""Ten numbers."""\nlist(range(10))'},
    {"id": "cell2", "source": '%%asset doubled --group made\n"""Twice as much."""\n[2 * number for number in raw]'},
]


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("*/5 * * * *", "every 5 minutes"),
        ("0 6 * * *", "every day at 06:00"),
        ("30 7 * * 1-5", "every weekday at 07:30"),
        ("0 0 1 * *", "on day 1 of the month at 00:00"),
        ("@hourly", "every hour, on the hour"),
        ("15 */2 * * *", "every 2 hours at minute 15"),
        ("0 9 * * 1,3", "every Monday and Wednesday at 09:00"),
    ],
)
def test_a_cron_line_in_words(cron: str, words: str) -> None:
    """Common lines are said as people say them."""
    assert cron_words(cron) == words


def test_a_preview_has_five_times_or_says_what_is_wrong(ask: Ask) -> None:
    """A right line has words and ascending times; a wrong line or zone has a problem and nothing else."""
    query = "query($c: String!, $z: String!) { cronPreview(cron: $c, timezone: $z) { words next problem } }"
    found = ask(query, c="0 6 * * *", z="Europe/Berlin")["cronPreview"]
    assert len(found["next"]) == 5 and found["next"] == sorted(found["next"]) and found["problem"] is None
    assert ask(query, c="0 6 *", z="UTC")["cronPreview"]["problem"]
    assert "Nowhere" in ask(query, c="0 6 * * *", z="Nowhere")["cronPreview"]["problem"]


def test_a_plan_names_cells_and_reasons(ask: Ask) -> None:
    """Making one asset executes its cell, and says why."""
    found = ask('{ materializationPlan(assetKeys: [{path: ["raw"]}]) { notebook cellIndex assets why } }')
    cell = next(one for one in found["materializationPlan"] if one["assets"])
    assert cell == {"notebook": "example.ipynb", "cellIndex": 1, "assets": ["raw"], "why": "It was never made."}


def test_a_document_that_is_edited_is_read_without_being_saved(ask: Ask, context: Context) -> None:
    """An edit of an upstream's code marks it and nothing else as edited; an unsaved new asset is there."""
    assert context.assets[AssetKey("raw")].cell_id == "cell1"
    found = ask(CELLS, path="example.ipynb", cells=DOCUMENT)["notebookCells"]
    assert [(one["keys"], one["edited"], one["state"]) for one in found] == [
        (["raw"], False, "MISSING"),
        (["doubled"], False, "MISSING"),
    ]
    edited = [DOCUMENT[0], {**DOCUMENT[1], "source": DOCUMENT[1]["source"].replace("10", "11")}, DOCUMENT[2]]
    new = {"id": "new", "source": "%%asset third\nraw[:3]"}
    found = ask(CELLS, path="example.ipynb", cells=[*edited, new])["notebookCells"]
    assert {one["cellId"]: one["edited"] for one in found} == {"cell1": True, "cell2": False, "new": True}


def test_a_document_with_a_mistake_has_no_states(ask: Ask) -> None:
    """A cell that cannot be read leaves the others as they are."""
    found = ask(CELLS, path="example.ipynb", cells=[*DOCUMENT, {"id": "bad", "source": "%%asset\nx = ("}])
    assert {one["cellId"] for one in found["notebookCells"]} >= {"cell1", "cell2"}
