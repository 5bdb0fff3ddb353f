"""Which executor carries out a run: its tag, else what the code declares, else the workspace's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from cellmill.errors import InvalidDefinitionError
from cellmill.planning.run import Run
from cellmill.workspace.config import WorkspaceConfig, WorkspaceConfigError, find_workspace
from cellmill.workspace.run_executor import chosen_executor, declared_executor, executor_definition, remote_notebooks
from cellmill.workspace.run_names import EXECUTOR_TAG

_DASK = """
[executor]
name = "dask"
max_concurrent = 3
[executor.config.cluster.existing]
address = "tls://here:8786"
tls_ca_file = "ca.pem"
"""


def _config(folder: Path, text: str) -> WorkspaceConfig:
    (folder / "cellmill.toml").write_text(text)
    return find_workspace(folder)


def _run(tag: str = "") -> Run:
    return Run(job_name="j", tags={EXECUTOR_TAG: tag} if tag else {})


def test_the_file_names_the_executor_of_all_runs(tmp_path: Path) -> None:
    """Its configuration comes along; nothing is chosen by the run itself."""
    config = _config(tmp_path, _DASK)

    existing = {"address": "tls://here:8786", "tls_ca_file": "ca.pem"}
    assert declared_executor(config) == ("dask", {"cluster": {"existing": existing}})
    assert chosen_executor(_run(), config) is None
    assert remote_notebooks(_run(), config) is not None


def test_a_runs_tag_wins_and_takes_the_files_of_the_same_executor(tmp_path: Path) -> None:
    """An address on the command line goes with the certificates of the file; another executor takes nothing of it."""
    config = _config(tmp_path, _DASK)

    chosen = chosen_executor(_run("dask:tls://there:8786"), config)
    assert chosen == ("dask", {"cluster": {"existing": {"address": "tls://there:8786", "tls_ca_file": "ca.pem"}}})
    assert chosen_executor(_run("multiprocess"), config) == ("multiprocess", {})
    assert remote_notebooks(_run("multiprocess"), config) is None
    assert executor_definition(("in_process", {"x": 1}))[1] == {}


def test_without_a_word_everything_runs_here(tmp_path: Path) -> None:
    """No table, no tag: kernels of this machine."""
    config = _config(tmp_path, "[executor]\nmax_concurrent = 1\n")

    assert declared_executor(config) is None
    assert remote_notebooks(_run(), config) is None


@pytest.mark.parametrize("tag", ["dusk", "multiprocess:tcp://x:1"])
def test_a_tag_that_names_no_executor_is_refused(tmp_path: Path, tag: str) -> None:
    """The error lists what there is."""
    with pytest.raises(InvalidDefinitionError, match="in_process, multiprocess, dask"):
        chosen_executor(_run(tag), _config(tmp_path, ""))


def test_a_file_that_names_no_executor_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """A misspelt name is a mistake of the file, with its line."""
    with pytest.raises(WorkspaceConfigError, match="Did you mean 'multiprocess'"):
        _config(tmp_path, '[executor]\nname = "multiproces"\n')
