"""The code blocks of the seed documents run with only the import line changed."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

SEEDS = Path(__file__).parent / "data" / "seeds"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: What the documents use and do not define.
STUBS = """
from cellmill import *  # noqa: F403
import types
import pandas as pd

conn = None
thirty_days_ago = 0
file_path = "data.csv"
psycopg2 = types.SimpleNamespace(connect=lambda **where: where)

def fetch_from_api(): return [1, 2, 3]
def transform(data): return [2 * one for one in data]
def check_for_new_files(): return True
def get_path(context): return "/".join(context.get_identifier())
"""


def blocks() -> list[str]:
    """Return the code blocks of all seed documents in order."""
    return [block for path in sorted(SEEDS.glob("*.txt")) for block in _BLOCK.findall(path.read_text())]


def runnable(block: str) -> str:
    """Return a block with the import changed and a body where the document only has a comment."""
    lines = block.replace("from dagster import", "from cellmill import").splitlines()
    made: list[str] = []
    for index, line in enumerate(lines):
        made.append(line)
        if re.match(r"\s*(def|with|if) .*:\s*$", line):
            body = [one for one in lines[index + 1 :] if one.strip()]
            indent = len(line) - len(line.lstrip())
            inner = [one for one in body if not one.strip().startswith("#")]
            if not inner or len(inner[0]) - len(inner[0].lstrip()) <= indent:
                made.append(" " * (indent + 4) + "pass")
    return "\n".join(made)


def _namespace() -> dict[str, Any]:
    import cellmill

    space: dict[str, Any] = {"__name__": "seed"}
    exec(textwrap.dedent(STUBS).replace("from cellmill import *  # noqa: F403\n", ""), space)
    for name in ("op", "job", "asset", "resource", "schedule", "sensor", "io_manager", "RunRequest"):
        space.setdefault(name, getattr(cellmill, name))
    return space


def test_all_blocks_run_one_after_the_other() -> None:
    """Every block of the documents runs, each in the names of those above it."""
    from cellmill import op

    space = _namespace()

    @op
    def process_data(data):  # type: ignore[no-untyped-def]
        return data

    @op
    def download_file(url: str) -> str:
        return url

    found = blocks()
    assert len(found) >= 9
    for block in found:
        if "def production_pipeline" in block:
            # The document's job is all comment; the op that its config names is its first step.
            space["download_file"] = download_file
            block = block.replace("# Job definition", "download_file()")
        space.setdefault("process_data", process_data)
        exec(compile(runnable(block), "<seed>", "exec"), space)


@pytest.mark.parametrize("name", ["etl_pipeline", "production_pipeline"])
def test_jobs_are_jobs(name: str) -> None:
    """The jobs that the documents declare have the ops that their bodies call."""
    from cellmill import op

    space = _namespace()
    ran: list[Any] = []

    @op
    def process_data(data):  # type: ignore[no-untyped-def]
        ran.append(data)

    @op
    def download_file(url: str) -> str:
        ran.append(url)
        return url

    @op
    def parse_csv(file_path: str) -> Any:
        return file_path

    space.update(process_data=process_data, download_file=download_file, parse_csv=parse_csv)
    for block in blocks():
        if f"def {name}(" in block:
            exec(compile(runnable(block.replace("# Job definition", "download_file()")), "<seed>", "exec"), space)
    config = {"ops": {"download_file": {"config": {"url": "u"}}}} if name == "etl_pipeline" else None

    assert space[name].execute_in_process(run_config=config).success
    assert ran[0] == ("u" if name == "etl_pipeline" else "https://example.com/data.csv")


def test_putting_it_all_together_runs() -> None:
    """The last block's job, over assets called in its body, makes the asset and its upstream."""
    space = _namespace()
    exec(compile(runnable(blocks()[-1]), "<seed>", "exec"), space)
    defs = space["defs"]

    result = defs.get_job_def("daily_processing").execute_in_process()

    assert result.success
    assert result.asset_value("processed_data") == [2, 4, 6]
    assert result.asset_value("raw_data") == [1, 2, 3]
    assert defs.get_schedule_def("daily_schedule").cron_schedule == "0 0 * * *"
