"""adopt turns ordinary notebooks into ones with asset cells; export turns these into plain modules."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

from cellmill import materialize_to_memory

from tests.workspace.notebooks import write_notebook

from .command import Command

ORDINARY = (
    "import math\n%matplotlib inline",
    "N = 3",
    "def grow(x):\n    return x * N",
    "raw = list(range(N))\nraw[:2]",
    "grown = grow(len(raw))",
    "print(grown)",
    "first = 1 + grown",
    "first = first + 1",
    "bad = list(raw)",
    "bad.append(1)",
    "result = grown + len(bad)",
)


def roles(cellmill: Command, path: Path) -> dict[int, tuple[str, list[str]]]:
    data = cellmill("adopt", str(path), "--json").data
    return {cell["cell"]: (cell["role"], cell["names"]) for cell in data[0]["cells"]}


def test_roles(cellmill: Command, tmp_path: Path) -> None:
    """Cells that make what others read are assets; set-up, helpers, views and unclear ones are told apart."""
    path = write_notebook(tmp_path / "a.ipynb", *ORDINARY)
    found = roles(cellmill, path)

    assert found[1][0] == "setup" and found[2][0] == "setup" and found[3][0] == "helper"
    assert found[4] == ("asset", ["raw"]) and found[5] == ("asset", ["grown"])
    assert found[6][0] == "look"
    assert found[7][0] == "unclear" and found[9][0] == "unclear" and found[10][0] == "unclear"
    assert found[11] == ("asset", ["result"])


def test_nothing_is_written_unasked_and_the_rest_is_kept(cellmill: Command, tmp_path: Path) -> None:
    """Without --write the file stays; with it only the headers are added."""
    path = write_notebook(tmp_path / "a.ipynb", *ORDINARY)
    before = path.read_text()
    shown = cellmill("adopt", str(path))
    assert path.read_text() == before and "+%%asset raw" in shown.out
    assert cellmill("adopt", str(path), "--write").code == 0
    data = json.loads(path.read_text())
    sources = ["".join(cell["source"]) for cell in data["cells"]]

    assert sources[0].startswith("%load_ext cellmill\n")
    assert sources[3] == "%%asset raw\n" + ORDINARY[3]
    assert sources[5] == ORDINARY[5]
    assert data["metadata"] == json.loads(before)["metadata"]
    assert cellmill("check").code == 0
    graph = cellmill("assets", "graph", "--json").data["assets"]
    assert {node["key"][0]: [up[0] for up in node["upstream"]] for node in graph}["grown"] == ["raw"]


def test_export_is_a_module_that_computes_the_same(cellmill: Command, tmp_path: Path) -> None:
    """The functions of the module give the values that the cells give; helpers that read assets work too."""
    path = write_notebook(
        tmp_path / "a.ipynb",
        "%load_ext cellmill",
        "import math\nSCALE = 2  # how much\ndef helper(x):\n    return x + len(raw)",
        '%%asset raw --group g\n"""Numbers."""\n[1, 2, 3]',
        '%%asset doubled --check "len(doubled) == 3"\ndoubled = [x * SCALE for x in raw]\nprint(doubled)',
        "%%asset shifted\nhelper(10)",
        "top = doubled[-1]",
        "%%asset topped\ntop + 1",
        "%%asset low high\nlow, high = min(raw), max(raw)",
        '%schedule "0 6 * * *" *topped --name early',
    )
    found = cellmill("export", str(path), "--module", "out.py")
    assert found.code == 0, found.err
    namespace = runpy.run_path("out.py")
    result = materialize_to_memory(namespace["defs"].assets)

    values = {name: result.asset_value(name) for name in ("raw", "doubled", "shifted", "topped", "low", "high")}
    assert values == {"raw": [1, 2, 3], "doubled": [2, 4, 6], "shifted": 13, "topped": 7, "low": 1, "high": 3}
    assert "SCALE = 2" in Path("out.py").read_text()
    assert [schedule.name for schedule in namespace["defs"].schedules] == ["early"]
