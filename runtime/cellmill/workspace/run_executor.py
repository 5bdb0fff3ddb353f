"""How a run's steps are carried out: as its tag says, else as the code declares, else as the workspace's file says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from cellmill.definitions.executor import in_process_executor, multiprocess_executor
from cellmill.errors import InvalidDefinitionError
from cellmill.execution.process_group import RUN_ID_VARIABLE
from cellmill.first_use import on_first_use
from cellmill.planning.run import Run
from cellmill.workspace.config import WorkspaceConfig
from cellmill.workspace.run_names import EXECUTOR_TAG
from cellmill.workspace.settings import EXECUTORS

if TYPE_CHECKING:
    from cellmill.execution.executors import dask, dask_notebooks
else:
    dask_notebooks = on_first_use("cellmill.execution.executors.dask_notebooks")
    dask = on_first_use("cellmill.execution.executors.dask")

Chosen = tuple[str, Mapping[str, Any]]


def chosen_executor(run: Run, config: WorkspaceConfig) -> Chosen | None:
    """Return the name and the configuration that a run's tag chooses; None where it has no such tag.

    Raises: InvalidDefinitionError for a name that there is not.
    """
    name, _, address = run.tags.get(EXECUTOR_TAG, "").partition(":")
    if not name:
        return None
    if name not in EXECUTORS or (address and name != "dask"):
        near = get_close_matches(name, EXECUTORS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidDefinitionError(f"There is no executor {name!r}: {', '.join(EXECUTORS)} or dask:ADDRESS.{hint}")
    declared = declared_executor(config)
    options = dict(declared[1]) if declared is not None and declared[0] == name else {}
    if address:
        cluster = options.get("cluster") or {}
        options["cluster"] = {"existing": {**(cluster.get("existing") or {}), "address": address}}
    return name, options


def declared_executor(config: WorkspaceConfig) -> Chosen | None:
    """Return the name and the configuration of the executor in the workspace's file, if it names one."""
    table = config.settings.get("executor")
    if not isinstance(table, dict) or "name" not in table:
        return None
    return str(table["name"]), dict(table.get("config") or {})


def executor_definition(chosen: Chosen) -> tuple[Any, Mapping[str, Any]]:
    """Return the executor's definition with its configuration."""
    name, options = chosen
    if name == "in_process":
        return in_process_executor, {}
    if name == "multiprocess":
        return multiprocess_executor, options
    return dask.dask_executor, options  # an optional extra


def remote_notebooks(run: Run, config: WorkspaceConfig) -> Callable[[], Any] | None:
    """Return what opens the way for notebooks to a Dask cluster; None where they run in kernels of this machine."""
    chosen = chosen_executor(run, config) or declared_executor(config)
    if chosen is None or chosen[0] != "dask":
        return None
    options = chosen[1]

    def opened() -> Any:
        cluster = dask.cluster_from_config(options)
        return dask_notebooks.DaskNotebooks(cluster, env={RUN_ID_VARIABLE: run.run_id})

    return opened
