"""A notebook linked again after an edit, against the same notebook linked anew."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.cache import FactsCache
from cellmill.notebooks.linking import NotebookLinking
from cellmill.notebooks.relink import take_over
from cellmill.notebooks.scan import scan_notebook
from cellmill.notebooks.workspace import WorkspaceScan, asset_index, link_notebook, link_workspace

from tests.notebooks.books import book

CELLS = (
    "import pandas as pd\nimport numpy as np",
    "np.random.seed(3)",
    "SCALE = 2\nLIMIT = 10",
    "def clean(frame):\n    return frame * SCALE",
    "rows = []\ndef note(x):\n    rows.append(x)",
    "%%asset raw\npd.DataFrame({'a': [1]})",
    "note(1)\nalias = rows",
    "%%asset cleaned\nclean(raw)",
    "%%asset few\ncleaned.head(LIMIT)",
    "steps = [clean]",
    "%%asset counted\nlen(rows)",
    "%%asset through\nsteps[0](raw)",
    "%%op sized\nLIMIT + raw",
    "%%check positive --asset few\nfew.a.min() > LIMIT",
)
EDITS = (
    "SCALE = 3",
    "LIMIT = 11\nSCALE = LIMIT",
    "def clean(frame):\n    return frame + OFFSET",
    "OFFSET = 1",
    "# nothing",
    "alias = rows\nalias.append(2)",
    "rows = alias = []",
    "def note(x):\n    global LIMIT\n    LIMIT = x",
    "from os.path import *",
    "exec(text)",
    "import numpy as np",
    "pd.set_option('display.width', SCALE)",
    "raw = 5",
    "del SCALE",
    "steps = [note]",
    "class Scaled:\n    def run(self):\n        return SCALE\nsteps = [Scaled().run]",
    "broken(",
    "%%asset late\nLIMIT",
    "%run other.ipynb",
    "if LIMIT:\n    SCALE = 1",
)


class Live:
    """A notebook that is edited, linked with what can be kept of the linking before."""

    def __init__(self) -> None:
        self.cache = FactsCache()
        self.earlier: NotebookLinking | None = None
        self.kept = 0

    def link(self, sources: Sequence[str], others: Sequence[AssetKey] = ()) -> WorkspaceScan:
        """The notebook linked; `kept` is how many definitions were taken from before."""
        scan = scan_notebook(book(*sources), "n.ipynb", cache=self.cache)
        linking = NotebookLinking(scan, *asset_index([scan], others), {}, (3, 11))
        if self.earlier is not None:
            take_over(self.earlier, linking)
        self.earlier, self.kept = linking, len(linking.linked)
        return link_notebook(linking)


def said(scan: WorkspaceScan) -> tuple[object, ...]:
    """What a linked notebook says, without the identity of its parts."""
    cells = [*scan.assets.values(), *scan.others]
    return (
        [
            (c.keys, c.upstreams, c.slice, c.cells, c.plain_names, c.code_version, c.notes, c.reasons)
            for c in cells
        ],
        [str(problem) for problem in scan.problems],
    )  # fmt: skip


def anew(sources: Sequence[str], others: Sequence[AssetKey] = ()) -> tuple[object, ...]:
    """The same notebook, read and linked from nothing."""
    return said(link_workspace([scan_notebook(book(*sources), "n.ipynb")], other_assets=others))


@pytest.mark.parametrize("at", range(len(CELLS)))
def test_one_edited_cell_links_as_if_all_were_new(at: int) -> None:
    """Each cell replaced by each edit, and back again."""
    for edit in EDITS:
        live = Live()
        live.link(CELLS)
        edited = [*CELLS[:at], edit, *CELLS[at + 1 :]]
        assert said(live.link(edited)) == anew(edited), edit
        assert said(live.link(CELLS)) == anew(CELLS), edit


@pytest.mark.parametrize("seed", range(8))
def test_many_edits_in_a_row(seed: int) -> None:
    """Edits, insertions, deletions and moves one after the other."""
    dice, live, sources = random.Random(seed), Live(), list(CELLS)
    for _ in range(40):
        at = dice.randrange(len(sources))
        match dice.choice(("edit", "edit", "edit", "insert", "delete", "move", "restore")):
            case "edit":
                sources[at] = dice.choice(EDITS)
            case "insert":
                sources.insert(at, dice.choice(EDITS))
            case "delete" if len(sources) > 4:
                del sources[at]
            case "move":
                sources.insert(dice.randrange(len(sources)), sources.pop(at))
            case _:
                sources = list(CELLS)
        assert said(live.link(sources)) == anew(sources), sources


def test_what_an_edit_does_not_touch_is_kept() -> None:
    """A constant that one asset reads: that one is linked again, and what reads nothing of it is not."""
    live = Live()
    live.link(CELLS)
    first = live.earlier
    edited = [*CELLS[:2], "SCALE = 2\nLIMIT = 12\nMORE = 1", *CELLS[3:]]
    live.link(edited)
    assert first is not None and live.earlier is not None
    again = {one.cell.key.to_user_string() for one in live.earlier.linked.values()} if live.kept else set()
    assert 0 < live.kept < len(again)


def test_another_asset_of_the_workspace_counts() -> None:
    """A name that becomes an asset elsewhere links every reader anew."""
    live, others = Live(), [AssetKey("LIMIT2")]
    sources = [*CELLS, "%%asset uses\nLIMIT2 + 1"]
    live.link(sources)
    assert said(live.link(sources, others)) == anew(sources, others)
