"""Text that tries to be code or a command: SQL, YAML, config, queries of the store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.errors import CellmillError
from cellmill.instance.instance import Instance
from cellmill.planning.run import Run, RunsFilter
from cellmill.workspace.config import find_workspace

pytestmark = pytest.mark.security

HOSTILE = [
    "'; DROP TABLE runs; --",
    '" OR 1=1 --',
    "x' UNION SELECT body FROM runs --",
    "%_%",
    "a\x00b",
    "\ud800",
    "${HOME}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_sql(text: str) -> None:
    """Job names, tags, keys and partitions are data in every query."""
    with Instance.ephemeral() as instance:
        instance.add_run(Run(job_name="kept", tags={"k": "v"}))
        plain = text.replace("\x00", "").encode("utf-8", "ignore").decode()
        instance.add_run(Run(job_name=plain, tags={plain or "t": plain}))
        instance.add_dynamic_partitions("files", [plain])

        assert 1 == instance.get_runs_count(RunsFilter(job_name="kept"))
        assert 1 == instance.get_runs_count(RunsFilter(job_name=plain))
        assert 1 == instance.get_runs_count(RunsFilter(tags={plain or "t": plain}))
        assert instance.has_dynamic_partition("files", plain)
        assert not instance.get_materialized_partitions(cm.AssetKey([plain or "x"]))
        assert 2 == instance.get_runs_count()


BOMBS = {
    "python object": "ops: !!python/object/apply:os.system ['touch pwned']",
    "python name": "ops: !!python/name:os.system",
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]" for n in range(8)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_yaml_executes_nothing_and_ends_soon(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run configs from files are read as data, or refused, within a second."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bomb.yaml").write_text(BOMBS[name])
    started = time.monotonic()
    try:
        cm.config_from_files(["bomb.yaml"])
    except (CellmillError, ValueError) as error:
        assert str(error)

    assert time.monotonic() - started < 1.0
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "text", ["[workspace", "notebooks = 3", "x = " + "[" * 5000, '[run_queue]\nmax_concurrent_runs = "many"']
)
def test_a_broken_workspace_file_is_a_typed_refusal(text: str, tmp_path: Path) -> None:
    """`cellmill.toml` is data: what is wrong is said, nothing is executed."""
    (tmp_path / "cellmill.toml").write_text(text)
    try:
        found: Any = find_workspace(tmp_path)
    except CellmillError as error:
        assert "cellmill.toml" in str(error)
    else:
        assert found is not None


def test_an_unknown_variable_of_the_environment_is_named() -> None:
    """A reference to a variable that is not set is an error that names it."""

    @cm.op(config_schema=cm.StringSource)
    def use(context: cm.OpExecutionContext) -> None:
        context.log.info(context.op_config)

    @cm.job
    def reads() -> None:
        use()

    with pytest.raises(CellmillError, match="NOT_SET_ANYWHERE"):
        reads.execute_in_process(run_config={"ops": {"use": {"config": {"env": "NOT_SET_ANYWHERE"}}}})
