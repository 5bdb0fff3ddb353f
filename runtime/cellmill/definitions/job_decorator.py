"""`@job`: a function whose calls of ops, graphs and assets are a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from cellmill.definitions.graph import compose
from cellmill.definitions.job import JobDefinition
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import asset_in_body
else:
    asset_in_body = on_first_use("cellmill.definitions.asset_in_body")


def job(
    compose_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    resource_defs: Mapping[str, object] | None = None,
    config: Any = None,
    tags: Mapping[str, Any] | None = None,
    run_tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    logger_defs: Mapping[str, Any] | None = None,
    executor_def: Any = None,
    hooks: AbstractSet[Any] | None = None,
    op_retry_policy: Any = None,
    partitions_def: Any = None,
    input_values: Mapping[str, object] | None = None,
    owners: Sequence[str] | None = None,
) -> Any:
    """Make the decorated function a job: its calls of ops, graphs and assets become nodes.

    The body is run once, when the job is made, to find the calls and what is passed between them; the work is done in
    runs.

    >>> @op
    ... def two() -> int:
    ...     return 2
    >>> @op
    ... def doubled(number: int) -> int:
    ...     return 2 * number
    >>> @job(tags={"team": "sales"})
    ... def work():
    ...     doubled(two())
    >>> work.execute_in_process().output_for_node("doubled")
    4

    Args:
        compose_fn: The function, where the decorator stands without parentheses.
        name: The job's name, unique in its code location; None takes the function's.
        description: What it does; None takes the first paragraph of the docstring.
        resource_defs: Resources by key; those of the `Definitions` fill in what is missing.
        config: Run config of runs that give none (a dict or `RunConfig`), a `ConfigMapping` from a simpler form, or a
            `PartitionedConfig`.
        tags: Tags of the job, and of its runs unless `run_tags` are given.
        run_tags: Tags of the runs only.
        metadata: What is known of the job, by name.
        logger_defs: Loggers by key, which run config chooses from.
        executor_def: How the steps are carried out; None leaves it to the `Definitions` and the workspace.
        hooks: Hooks that are called after each of the job's steps.
        op_retry_policy: Retry policy of ops that have none.
        partitions_def: Partitions that runs are for; None takes them from a partitioned config or from the assets.
        input_values: Values of the function's parameters, by name.
        owners: E-mail addresses and teams (`team:name`).

    Returns:
        The `JobDefinition`, or a decorator where it was called with arguments.

    Raises:
        InvalidDefinitionError: where the body cannot be a graph, such as an input that nothing gives.
    """

    def decorate(fn: Callable[..., Any]) -> JobDefinition:
        own_name = name or fn.__name__

        def build(more_assets: Sequence[Any] = ()) -> JobDefinition:
            body = asset_in_body.AssetBody(own_name, fn, more_assets)
            graph_def = compose(fn, name=own_name, kind="job", description=description, composition=body)
            made = JobDefinition(
                graph_def=graph_def,
                resource_defs=resource_defs,
                executor_def=executor_def,
                logger_defs=logger_defs,
                config=config,
                description=description,
                partitions_def=partitions_def,
                tags=tags,
                run_tags=run_tags,
                metadata=metadata,
                hooks=hooks,
                op_retry_policy=op_retry_policy,
                input_values=input_values,
                owners=owners,
                asset_nodes=body.asset_nodes,
                input_assets=body.input_assets,
            )
            if body.asset_nodes or body.input_assets or body.loaded_assets:
                made.rebuild_with_assets = build
            return made

        return build()

    return decorate if compose_fn is None else decorate(compose_fn)
