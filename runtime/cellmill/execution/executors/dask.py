"""The executor that carries out each step as a task of a Dask cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from cellmill.definitions.executor import ExecutorDefinition, multiple_process_executor_requirements
from cellmill.execution.executors.dask_pool import DaskCluster, DaskPool
from cellmill.execution.executors.in_process import retries_enabled
from cellmill.execution.executors.limits import TagLimit
from cellmill.execution.executors.multiprocess import execute_elsewhere
from cellmill.planning.plan import Plan
from cellmill.planning.run import Run

#: More steps than any cluster has threads: the cluster's own size is the limit.
_NO_LIMIT = 1_000_000


class DaskExecutor:
    """Carries out steps on a Dask cluster; values travel through IO managers only."""

    def __init__(
        self,
        cluster: DaskCluster,
        *,
        max_concurrent: int | None = None,
        tag_limits: tuple[TagLimit, ...] = (),
        retries_enabled: bool = True,
    ) -> None:
        self._cluster = cluster.checked()
        self._most = max_concurrent or _NO_LIMIT
        self._tag_limits = tag_limits
        self._retries_enabled = retries_enabled

    @classmethod
    def from_context(cls, context: Any) -> Self:
        """Return the executor that a configuration describes.

        Args:
            context: What it is made from.

        Raises:
            OpenDaskScheduler: for an address without TLS that nobody allowed.
        """
        config: Mapping[str, Any] = context.executor_config or {}
        return cls(
            cluster_from_config(config),
            max_concurrent=config.get("max_concurrent") or None,
            tag_limits=tuple(TagLimit.from_config(one) for one in config.get("tag_concurrency_limits") or ()),
            retries_enabled=retries_enabled(config),
        )

    def execute(self, job: Any, plan: Plan, run: Run, instance: Any, config: Any, **options: Any) -> Any:
        """Carry out the run on the cluster.

        Args:
            job: The job, which the workers can make again.
            plan: Its steps.
            run: The run.
            instance: The instance that keeps the run, which the workers can open.
            config: The resolved run config.
            options: Further arguments, as the caller needs them.

        Raises:
            DaskClusterGone: where the scheduler cannot be reached any more.
            UnpicklableWork: where the job cannot be sent to the workers.
            UnmetExecutorRequirementsError: where the workers cannot make the job or open the instance.
        """
        return execute_elsewhere(
            job,
            plan,
            run,
            instance,
            config,
            open_workers=lambda work: DaskPool(work, self._cluster, what=f"The job {job.name!r}"),
            most=self._most,
            tag_limits=self._tag_limits,
            retries_enabled=self._retries_enabled,
            shares_process=True,
            **options,
        )


def cluster_from_config(config: Mapping[str, Any]) -> DaskCluster:
    """Return the cluster that `{"cluster": {"local": {…}}}` or `{"cluster": {"existing": {"address": …}}}`
    describes.
    """
    chosen = config.get("cluster") or {}
    if "existing" in chosen:
        existing = chosen["existing"] or {}
        names = ("address", "allow_insecure", "tls_ca_file", "tls_client_cert", "tls_client_key")
        options = {name: existing[name] for name in names if existing.get(name) is not None}
        return DaskCluster(**options, resources=config.get("resources") or {})
    local = chosen.get("local") or {}
    return DaskCluster(workers=local.get("n_workers"), resources=config.get("resources") or {})


def _make(context: Any) -> DaskExecutor:
    return DaskExecutor.from_context(context)


dask_executor = ExecutorDefinition(
    "dask",
    dict,
    multiple_process_executor_requirements(),
    _make,
    "Carries out each step as a task of a Dask cluster: a local one, or the one at a given address.",
)
