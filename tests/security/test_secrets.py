"""A secret that a run uses is found nowhere but in the memory of the run's process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import cellmill as cm
import pytest
from cellmill import redaction
from cellmill.instance.instance import Instance

pytestmark = pytest.mark.security

CELLS = [
    "%load_ext cellmill",
    "import os, sys\nimport cellmill as cm",
    "secret = os.environ['WAREHOUSE_PASSWORD']\nprint('in the output:', secret)\nsecret",
    "%%asset shown\ncontext.log.info('in the log: ' + secret)\n"
    "context.add_output_metadata({'dsn': f'postgresql://me:{secret}@host/db'})\nprint(secret, file=sys.stderr)\n1",
    "%%asset failing\nraise RuntimeError(f'no connection to postgresql://me:{secret}@host/db with {secret}')",
]


def notebook(path: Path) -> None:
    """A notebook that is careless with its secret."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for n, text in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document))


def places(folder: Path, secret: str) -> list[str]:
    """Every file below a folder in which the secret stands."""
    wanted = secret.encode()
    return [
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and wanted in path.read_bytes()
    ]


@pytest.mark.slow
def test_a_secret_is_nowhere_after_a_careless_run(tmp_path: Path) -> None:
    """Output, log, metadata, exception, URL: nothing of the store, the executed notebook or the terminal has it."""
    secret = f"hunter2-{uuid.uuid4().hex}"
    notebook(tmp_path / "careless.ipynb")
    environment = {**os.environ, "WAREHOUSE_PASSWORD": secret}
    environment.pop("CELLMILL_HOME", None)
    command = [sys.executable, "-m", "cellmill.cli"]

    done = subprocess.run(
        [*command, "run", "careless.ipynb"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    told = subprocess.run(
        [*command, "runs", "list", "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    assert 0 != done.returncode
    assert "RuntimeError" in done.stdout + done.stderr
    assert secret not in told.stdout
    assert [] == places(tmp_path / ".cellmill", secret)


def test_a_reference_shows_its_name_and_never_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """`repr`, `str` and the stored run config know the variable only."""
    secret = f"hunter2-{uuid.uuid4().hex}"
    monkeypatch.setenv("THE_DOOR", secret)

    @cm.op(config_schema={"key": cm.StringSource})
    def use(context: cm.OpExecutionContext) -> str:
        raise RuntimeError("key " + context.op_config["key"])

    @cm.job
    def careless() -> None:
        use()

    with Instance.ephemeral() as instance:
        result = careless.execute_in_process(
            run_config={"ops": {"use": {"config": {"key": {"env": "THE_DOOR"}}}}},
            instance=instance,
            raise_on_error=False,
        )
        run = instance.get_run_by_id(result.run_id)
        stored = instance.db.rows("SELECT message, body FROM events") + instance.db.rows("SELECT body FROM runs")

        assert not result.success
        assert secret not in repr(run)
        assert secret not in repr(stored)
        assert "THE_DOOR" in repr(stored)
    assert secret not in repr(cm.EnvVar("THE_DOOR"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://me:pa55@host/db", f"postgresql://me:{redaction.MASK}@host/db"),
        ("https://host/path?x=1", "https://host/path?x=1"),
        ("mail me@host", "mail me@host"),
        ("redis://:pa55@host", f"redis://:{redaction.MASK}@host"),
    ],
)
def test_passwords_in_urls(text: str, expected: str) -> None:
    """The password goes, the rest of the URL stays."""
    assert expected == redaction.redacted(text)


def test_a_learnt_secret_is_found_in_json_too() -> None:
    """Quotes and backslashes do not hide it."""
    secret = 'a"b\\c' + uuid.uuid4().hex
    redaction.learn(secret)

    assert redaction.MASK == redaction.redacted(secret)
    assert secret not in json.loads(redaction.redacted(json.dumps({"x": secret})))["x"]
