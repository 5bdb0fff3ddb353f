"""`%backfill` and `%resources`: what they record and show, and how they teach."""

from __future__ import annotations

import pytest
from cellmill_kernel.session import get_session

from .conftest import Notebook


@pytest.fixture
def parted(nb: Notebook) -> Notebook:
    """An asset with partitions, and one without."""
    nb.ok("%%asset colour --partitions static:red,green,blue\ncontext.partition_key", "p")
    nb.ok("%%asset plain\n1", "q")
    return nb


@pytest.mark.parametrize(
    ("options", "partitions"),
    [
        ("--partition red --partition blue", ["red", "blue"]),
        ("--range red..green", ["red", "green"]),
        ("--all", None),
    ],
)
def test_a_backfill_is_recorded(parted: Notebook, options: str, partitions: list[str] | None) -> None:
    """%backfill records the partitions of the selection for the daemon, and %backfill alone lists it."""
    shown = repr(parted.ok(f"%backfill colour {options}").value)
    (row,) = get_session().instance.backfills.search(limit=5)
    request = row.body["request"]

    assert request == {"targets": {"colour": partitions}, "all_partitions": partitions is None}
    assert "cellmill daemon" in shown
    assert parted.ok("%backfill").value.rows[0][:2] == (row.backfill_id, "REQUESTED")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%backfill colour", "--range FIRST..LAST"),
        ("%backfill colour --all --partition red", "which partitions?"),
        ("%backfill colour --partition rde", "Did you mean red?"),
        ("%backfill colour --range red", "Write --range FIRST..LAST"),
        ("%backfill colour --range blue..red", "comes behind"),
        ("%backfill plain --all", "Write %materialize plain"),
        ("%backfill colour --al", "has no option --al"),
        ("%resources x", "takes nothing"),
    ],
)
def test_mistakes_teach(parted: Notebook, line: str, expected: str) -> None:
    """Each mistake names what is wrong and what to write instead, and records nothing."""
    assert expected in str(parted.run(line).error)
    assert list(get_session().instance.backfills.search(limit=5)) == []


def test_resources_are_listed_with_their_users(nb: Notebook) -> None:
    """%resources shows what Definitions give, and a resource that an asset asks for and nobody gives."""
    assert "No resources yet" in repr(nb.ok("%resources").value)
    nb.ok("from cellmill import Definitions\ndefs = Definitions(resources={'rate': 3})", "d")
    nb.ok("%%asset half --resources rate\ncontext.resources.rate / 2", "h")

    rows = {row[0]: row[1:] for row in nb.ok("%resources").value.rows}

    assert rows["rate"][1] == "half"
