"""The lineage widget: states, clicks, buttons, folding."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from cellmill.planning.event import EventType
from cellmill.planning.run import RunStatus
from cellmill_kernel.folding import MAX_FOLDED, MAX_NODES
from cellmill_kernel.lineage import Lineage, LiveLineage, _Follower
from comm import DummyComm

from tests.instance.log import event, materialization, planned
from tests.waiting import PATIENCE_S
from tests.workspace.notebooks import write_notebook

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


def test_edits_and_runs_elsewhere_are_followed(nb: Notebook, live: LiveLineage) -> None:
    """What another notebook declares gets a node when its file is written, and its colour when it is made."""

    async def until_state(name: str, state: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while name not in live._nodes or live._nodes[name].data["state"] != state:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    async def follow() -> None:
        follower = _Follower(nb.session)
        write_notebook(nb.folder / "beside.ipynb", "%load_ext cellmill", "%%asset c\n1")
        await until_state("c", "missing")
        # as its own process would: without the listeners of this one
        run = nb.session.instance.create_run(job_name="made elsewhere")
        nb.session.instance.handle_new_event(materialization(run.run_id, "c"))
        await until_state("c", "fresh")
        del follower

    asyncio.run(follow())


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
    lineage.unfold("group:g0")
    assert len(lineage.picture().nodes) > len(picture.nodes)


def test_labels_are_escaped(nb: Notebook) -> None:
    """What goes into HTML is escaped."""
    nb.ok('%%asset a --description "<script>alert(1)</script>"\n1')

    assert "<script>" not in nb.ok("%asset a").value._repr_html_()
    assert "<script>" not in Lineage(nb.session).to_html()


def test_few_messages_go_over_the_wire(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand assets open with a message per visible element; a change of state sends one, of its node."""
    sent: list[str] = []
    monkeypatch.setattr(DummyComm, "publish_msg", lambda self, kind, *args, **more: sent.append(kind))
    cells = {f"c{n}": f"%%asset a{n} --group g{n % 100}\n" + (f"a{n - 1}" if n else "1") for n in range(1000)}
    look = "from cellmill_kernel import lineage, session\nlineage = lineage.Lineage(session.get_session())"
    nb.save(c0=cells.pop("c0"), c1=cells.pop("c1"), look=look, **cells)
    nb.session.live.file = nb.folder / "book.ipynb"
    nb.session.live.path = "book.ipynb"
    nb.ok("%%asset a0\n1", "c0")
    nb.ok(look + "\nlineage.picture()", "look")
    lineage = nb.names["lineage"]
    picture = lineage.picture()
    live = LiveLineage(lineage, picture)

    assert len(lineage.keys()) == 1000
    assert {"a0", "a1"} <= {node.id for node in picture.nodes}
    assert len(picture.nodes) <= MAX_NODES + MAX_FOLDED + 1
    assert len(sent) < len(picture.nodes) + len(picture.edges) + 40
    sent.clear()
    nb.ok("%%asset a1\na0", "c1")
    assert live._nodes["a1"].data["state"] == "fresh"
    assert sent == ["comm_msg"]


def test_a_click_shows_more_of_what_is_folded(nb: Notebook) -> None:
    """A folded node that is too large for one click shows more with the next, and the number of nodes stays bounded."""
    nb.save(**{f"c{n}": f"%%asset a{n}\n" + (f"a{n - 1}" if n else "1") for n in range(400)})
    nb.session.live.file = nb.folder / "book.ipynb"
    nb.session.live.path = "book.ipynb"
    nb.ok("%%asset a0\n1", "c0")
    live = LiveLineage(lineage := Lineage(nb.session), lineage.picture())
    seen = set(live._nodes)
    for _ in range(6):
        live._clicked({"data": {"id": "notebook:book.ipynb"}})
        seen |= set(live._nodes)
        assert len(live._nodes) <= MAX_NODES + 1

    assert {f"a{n}" for n in range(400)} <= seen


def test_runs_of_other_processes_show(nb: Notebook) -> None:
    """An asset that a run is making is running, one that a run failed to make is failed; %assets and %stale say so."""
    nb.ok("%%asset a\n1", "a")
    nb.ok("%%asset b\na + 1", "b")
    nb.ok("%%asset a\n2", "a")
    live = LiveLineage(lineage := Lineage(nb.session), lineage.picture())
    instance = nb.session.instance
    run_id = instance.create_run(status=RunStatus.STARTED).run_id
    instance.handle_new_event(event(EventType.RUN_START, run_id))
    instance.handle_new_event(planned(run_id, "b"))
    nb.session.changed([])

    assert live._nodes["b"].data["state"] == "running"
    assert "running" in repr(nb.ok("%assets b").value)
    instance.handle_new_event(event(EventType.RUN_FAILURE, run_id))
    nb.session.changed([])
    assert live._nodes["b"].data["state"] == "failed"
    assert f"run {run_id[:8]} failed" in repr(nb.ok("%stale").value)
    live._make_stale.click()
    assert live._nodes["b"].data["state"] == "fresh"


def test_a_renamed_asset_replaces_the_saved_one(nb: Notebook) -> None:
    """The file still has the old name: what ran counts, also for the rest of the workspace that is read from files."""
    nb.save(base="%%asset base\n10", scaled="%%asset scaled\nbase * 2", other="%%asset other\nscaled")
    nb.session.live.file = nb.folder / "book.ipynb"
    nb.session.live.path = "book.ipynb"
    nb.ok("%%asset base\n10", "base")
    nb.ok("%%asset scaled\nbase * 2", "scaled")
    live = LiveLineage(lineage := Lineage(nb.session), lineage.picture())
    nb.ok("%%asset doubled\nbase * 2", "scaled")

    assert {name: node.data["state"] for name, node in live._nodes.items()} == {
        "base": "fresh", "doubled": "fresh", "other": "missing",
    }  # fmt: skip
