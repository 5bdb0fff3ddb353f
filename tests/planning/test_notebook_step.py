"""Which cells of which notebooks a run of assets executes, in which order."""

from __future__ import annotations

import json

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.workspace import scan_workspace
from cellmill.planning.notebook_step import NotebookStep, plan_notebook_steps


def _notebook(*sources: str) -> str:
    cells = [
        {
            "cell_type": "code",
            "id": f"c{index}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for index, source in enumerate(sources)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _plan(notebooks: dict[str, str], *keys: str) -> tuple[NotebookStep, ...]:
    scan = scan_workspace(notebooks)
    assert scan.problems == ()
    wanted = [AssetKey.from_user_string(key) for key in keys] or list(scan.assets)
    return plan_notebook_steps(scan.assets[key] for key in wanted)


def test_a_selected_asset_brings_only_the_plain_cells_that_it_needs() -> None:
    """Unneeded plain cells and other assets are left out."""
    text = _notebook(
        "import time", "rate = 2", "time.sleep(60)", "%%asset a\n1", "unused = 3", "%%asset b\na * rate", "print(b)"
    )

    steps = _plan({"n.ipynb": text}, "b")

    assert [(step.path, step.cells) for step in steps] == [("n.ipynb", (1, 5))]
    assert steps[0].reads == {AssetKey("a")}


def test_notebooks_that_need_each_other_are_visited_more_than_once() -> None:
    """a1 feeds b1 feeds a2: the first notebook is visited twice, and the visits are ordered."""
    steps = _plan(
        {
            "a.ipynb": _notebook("%%asset a1\n1", "%%asset a2\nb1 + 1", "%%asset a3\na1 + 1"),
            "b.ipynb": _notebook("%%asset b1\na1 + 1"),
        }
    )

    assert [(step.key, step.cells, step.after) for step in steps] == [
        ("a.ipynb", (0, 2), ()),
        ("b.ipynb", (0,), (0,)),
        ("a.ipynb#2", (1,), (1,)),
    ]


def test_a_notebook_is_visited_once_where_that_is_possible() -> None:
    """A notebook that waits for another for some of its assets only is still visited once."""
    steps = _plan(
        {
            "a.ipynb": _notebook("%%asset a1\n1", "%%asset a2\nb1 + 1"),
            "b.ipynb": _notebook("%%asset b1\n1"),
        }
    )

    assert [(step.key, step.after) for step in steps] == [("b.ipynb", ()), ("a.ipynb", (0,))]


def test_independent_notebooks_wait_for_nothing() -> None:
    """Visits without a dependency between them can run in parallel."""
    steps = _plan({f"{name}.ipynb": _notebook(f"%%asset {name}\n1") for name in "xyz"})

    assert [step.after for step in steps] == [(), (), ()]


def test_an_asset_below_the_one_that_reads_it_runs_first() -> None:
    """Assets are linked by name in any order; plain cells run before the first asset that needs them."""
    steps = _plan(
        {"n.ipynb": _notebook("factor = 3", "%%asset late\nearly * factor", "start = 1", "%%asset early\nstart + 1")}
    )

    assert steps[0].cells == (2, 3, 0, 1)


def test_a_dependency_through_a_module_asset_counts() -> None:
    """`between` says what the assets of Python modules need."""
    scan = scan_workspace(
        {
            "a.ipynb": _notebook("%%asset a1\n1", "%%asset a2 --deps mid\n2"),
        },
        other_assets=[AssetKey("mid")],
    )
    other = scan_workspace({"b.ipynb": _notebook("%%asset b1 --deps a1\n1")}, other_assets=[AssetKey("a1")])

    steps = plan_notebook_steps([*scan.assets.values(), *other.assets.values()], {AssetKey("mid"): [AssetKey("b1")]})

    assert [step.key for step in steps] == ["a.ipynb", "b.ipynb", "a.ipynb#2"]


def test_hundreds_of_notebooks_are_planned_at_once() -> None:
    """A chain through 300 notebooks gives 300 ordered visits."""
    notebooks = {"n0.ipynb": _notebook("%%asset x0\n1")}
    notebooks |= {f"n{i}.ipynb": _notebook(f"%%asset x{i}\nx{i - 1} + 1") for i in range(1, 300)}

    steps = _plan(notebooks)

    assert [step.after for step in steps] == [(), *((i,) for i in range(299))]


@pytest.mark.parametrize("selection", [("a",), ("a", "b")])
def test_the_step_names_what_it_makes(selection: tuple[str, ...]) -> None:
    """`asset_keys` lists the assets in the order of execution."""
    steps = _plan({"n.ipynb": _notebook("%%asset a\n1", "%%asset b\na")}, *selection)

    assert steps[0].asset_keys == tuple(AssetKey(name) for name in selection)
