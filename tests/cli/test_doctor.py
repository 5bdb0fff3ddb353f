"""What `cellmill doctor` warns of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cellmill.cli import doctor as module
from cellmill.cli.main import main
from cellmill.errors import StorageLocationError
from cellmill.instance.instance import Instance


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    """What the doctor says, by what it is about."""
    capsys.readouterr()
    main(["doctor", "--json"])
    return {one["what"]: one for one in json.loads(capsys.readouterr().out)["findings"]}


def test_what_endangers_the_store_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An old SQLite, a network file system, a store that others can read, and a server without a token."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CELLMILL_HOME", raising=False)
    with Instance.get(tmp_path / ".cellmill"):
        pass
    monkeypatch.setattr(module.sqlite3, "sqlite_version_info", (3, 40, 1))
    monkeypatch.setattr(module, "_servers", lambda: [{"url": "http://host:8888/", "token": "", "password": False}])

    def on_a_network(folder: Path) -> None:
        raise StorageLocationError(f"{folder} is on a network file system (nfs4).")

    monkeypatch.setattr(module, "refuse_network_filesystem", on_a_network)

    assert "store" not in findings(capsys)
    (tmp_path / ".cellmill").chmod(0o755)
    found = findings(capsys)

    assert "chmod" in found["store"]["message"]
    assert "hint" == found["SQLite"]["level"]
    assert "nfs4" in found["file system"]["message"] and "wrong" == found["file system"]["level"]
    assert "asks for no token" in found["server"]["message"]
