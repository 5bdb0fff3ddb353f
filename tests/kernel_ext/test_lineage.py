"""The lineage widget: states, clicks, buttons, folding."""

from __future__ import annotations

from pathlib import Path

import pytest
from cellmill_kernel.lineage import MAX_NODES, Lineage, LiveLineage

from .conftest import Notebook

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def live(nb: Notebook) -> LiveLineage:
    """The widget over two assets."""
    nb.ok("%%asset a\n1", "a")
    nb.ok("%%asset b\na + 1", "b")
    lineage = Lineage(nb.session)
    return LiveLineage(lineage, lineage.picture())


def test_nodes_are_placed_left_to_right(live: LiveLineage) -> None:
    """An upstream stands left of what reads it, with its state's colour."""
    a, b = live._nodes["a"], live._nodes["b"]

    assert a.position["x"] < b.position["x"]
    assert a.data["state"] == b.data["state"] == "fresh"


def test_states_are_repainted(nb: Notebook, live: LiveLineage) -> None:
    """Running an edited cell repaints what is below it, and nothing is laid out anew."""
    node = live._nodes["b"]
    nb.ok("%%asset a\n2", "a")

    assert live._nodes["b"] is node
    assert node.data["state"] == "stale"


def test_click_shows_details(live: LiveLineage) -> None:
    """A click shows description, code and last materialization."""
    live._clicked({"data": {"id": "b"}})

    assert "a + 1" in live._details.value
    assert not live._make.disabled


def test_buttons_materialize(nb: Notebook, live: LiveLineage) -> None:
    """The buttons make the selected asset, or all that is stale."""
    nb.ok("%%asset a\n5", "a")
    live._make_stale.click()

    assert nb.names["b"] == 6
    assert live._nodes["b"].data["state"] == "fresh"


def test_new_asset_appears(nb: Notebook, live: LiveLineage) -> None:
    """A new asset is added to the graph."""
    nb.ok("%%asset c\nb", "c")

    assert set(live._nodes) == {"a", "b", "c"}


def test_large_graphs_are_folded(nb: Notebook) -> None:
    """Beyond the limit a neighbourhood is shown and groups stand for the rest; a click unfolds one."""
    cells = {f"c{n}": f"%%asset a{n} --group g{n % 4}\n" + (f"a{n - 1}" if n else "1") for n in range(400)}
    nb.save(**cells)
    nb.ok("1", "c0x")
    nb.session.live.file = Path(nb.folder / "book.ipynb")
    nb.session.live.path = "book.ipynb"
    nb.session.refresh(force=True)
    lineage = Lineage(nb.session)
    picture = lineage.picture()

    folded = [node for node in picture.nodes if node.folded]
    assert len(picture.nodes) <= MAX_NODES + 4
    assert {node.id for node in folded} == {"group:g0", "group:g1", "group:g2", "group:g3"}
    assert sum(node.folded for node in folded) + len(picture.nodes) - len(folded) == 400
    lineage._unfolded.add("group:g0")
    assert len(lineage.picture().nodes) > len(picture.nodes)


def test_labels_are_escaped(nb: Notebook) -> None:
    """What goes into HTML is escaped."""
    nb.ok('%%asset a --description "<script>alert(1)</script>"\n1')

    assert "<script>" not in nb.ok("%asset a").value._repr_html_()
    assert "<script>" not in Lineage(nb.session).to_html()
