"""Definitions that the text does not show: which cells make them, and how they link once they are known."""

from __future__ import annotations

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.described import DescribedAsset, definition_cells, with_described
from cellmill.notebooks.scan import NotebookScan, scan_notebook
from cellmill.notebooks.workspace import link_workspace

from .books import book

IMPORT = "from cellmill import asset, define_asset_job, AssetSpec, AssetIn, Definitions, ScheduleDefinition"
LOOP = "for n in names:\n    @asset(name=n)\n    def made():\n        return scale(n)"


def scan(*sources: str) -> NotebookScan:
    return scan_notebook(book(*sources), "n.ipynb")


@pytest.mark.parametrize(
    "source",
    [
        LOOP,
        "def make(name):\n    @asset(name=name)\n    def inner():\n        return 1\n    return inner",
        "jobs = [define_asset_job(f'j{n}', selection=n) for n in names]",
        "s = ScheduleDefinition(name=f's{hour}', job='j', cron_schedule='0 6 * * *')",
        "j = define_asset_job(NAME, selection='a')",
        "defs = Definitions(assets=make_all())",
        "found = load_assets_from_modules([mod])",
        "@multi_asset(specs=[AssetSpec('a', deps=['b'])])\ndef many():\n    return 1",
        "@asset(group_name=GROUP)\ndef grouped():\n    return 1",
        "@schedule(name=NAME, cron_schedule='@daily', job=nightly)\ndef daily(context):\n    return {}",
    ],
)
def test_what_the_text_does_not_show_is_said(source: str) -> None:
    """Loops, factories, lists and computed options are each one thing that only running tells."""
    found = scan(IMPORT, source)

    assert found.unknowns
    assert all(item.cell_index == 1 for item in found.unknowns)


@pytest.mark.parametrize(
    "source",
    [
        "@asset(group_name='g')\ndef a():\n    return 1",
        "@multi_asset(specs=[AssetSpec('a'), AssetSpec('b')])\ndef many():\n    return 1, 2",
        "defs = Definitions(assets=[a], resources={'r': R()})",
        "j = define_asset_job('j', selection='a')",
        "@op\ndef work():\n    return 1",
    ],
)
def test_what_the_text_shows_needs_no_run(source: str) -> None:
    """Literal definitions leave nothing unknown."""
    assert not scan(IMPORT, source).unknowns


def test_only_definition_cells_are_run() -> None:
    """The cells that make definitions, those that use a factory, and what they need; nothing else."""
    found = scan(
        IMPORT,
        "names = ['a', 'b']",
        "import pandas as pd\nframe = pd.read_parquet('large')",
        "def make(name):\n    @asset(name=name)\n    def inner():\n        return 1\n    return inner",
        "frame.describe()",
        "every = [make(n) for n in names]",
        "%%asset total\na + b",
        "print('at the end')",
    )

    assert definition_cells(found) == (0, 1, 3, 5)


def test_a_described_asset_links_as_one_that_the_text_shows() -> None:
    """Readers find it by its name; its slice is that of the statement that makes it, and so is its code version."""
    sources = [
        IMPORT,
        "factor = 2",
        "names = ['a', 'b']",
        "def scale(n):\n    return factor",
        LOOP,
        "%%asset total\na + b",
    ]
    told = [DescribedAsset(keys=(AssetKey(name),), upstream=(AssetKey("raw"),), cell=4, line=1) for name in ("a", "b")]
    linked = link_workspace([with_described(scan(*sources), told)])
    edited = [source.replace("factor = 2", "factor = 3") for source in sources]
    other = link_workspace([with_described(scan(*edited), told)])

    a, total = linked.assets[AssetKey("a")], linked.assets[AssetKey("total")]
    assert [up.key for up in total.upstreams] == [AssetKey("a"), AssetKey("b")]
    assert [up.key for up in a.upstreams] == [AssetKey("raw")]
    assert a.cells >= {0, 1, 2, 3}
    assert a.code_version != other.assets[AssetKey("a")].code_version
    assert not a.notes
