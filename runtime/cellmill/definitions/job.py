"""Jobs: graphs with all they need to run.

One class, mostly short answers; what takes more is in `job_subset`, `run_config` and `job_decorator`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from cellmill.definitions.composition import checked_hooks
from cellmill.definitions.engine import engine, job_maker
from cellmill.definitions.graph import GraphDefinition
from cellmill.definitions.job_checks import (
    check_loadable_inputs,
    check_names,
    check_partitions_known,
    checked_resources,
)
from cellmill.definitions.output import normalized
from cellmill.definitions.tags import checked_definition_owners, checked_name, checked_tags
from cellmill.errors import CheckError, InvalidDefinitionError, InvariantViolationError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import executor, job_assets, resource_requirements, run_config_schema, run_request
else:
    resource_requirements = on_first_use("cellmill.definitions.resource_requirements")
    run_request = on_first_use("cellmill.definitions.run_request")
    run_config_schema = on_first_use("cellmill.definitions.run_config_schema")
    job_assets = on_first_use("cellmill.definitions.job_assets")
    executor = on_first_use("cellmill.definitions.executor")

_EMPTY: Mapping[str, Any] = {}


class JobDefinition:
    """A graph with resources, config, executor, loggers, tags and hooks; `@job` and `GraphDefinition.to_job` make
    it.

    Args:
        graph_def: The graph of ops that a run carries out.
        resource_defs: Resources by key; those of the `Definitions` fill in what is missing.
        executor_def: How the steps are carried out; None leaves it to the `Definitions` and the workspace.
        logger_defs: Loggers by key, which run config chooses from.
        name: The job's name; None takes the graph's.
        config: Run config of runs that give none (a dict or `RunConfig`), a `ConfigMapping`, or a `PartitionedConfig`.
        description: What the job does; None takes the graph's.
        partitions_def: Partitions that runs are for; None takes them from a partitioned config or from the assets.
        tags: Tags of the job, and of its runs unless `run_tags` are given; added to those of the graph.
        run_tags: Tags of the runs only.
        metadata: What is known of the job, by name.
        hooks: Hooks that are called after each of the job's steps.
        hook_defs: Older name of `hooks`.
        op_retry_policy: Retry policy of ops that have none.
        input_values: Values of the graph's inputs, by name.
        op_selection: The part of the job that was selected; set by `get_subset`.
        asset_nodes: By node, the definition of the assets it is; set where the job is made of assets.
        input_assets: By node and input, the asset that is loaded there; set where the job is made of assets.
        owners: E-mail addresses and teams (`team:name`).

    Raises:
        InvalidDefinitionError: where an input is neither connected nor can be given, or a name is not allowed.
    """

    #: When the daemon runs the whole job without being asked; `define_asset_job` says it.
    automation_condition: Any = None

    def __init__(
        self,
        *,
        graph_def: GraphDefinition,
        resource_defs: Mapping[str, Any] | None = None,
        executor_def: Any = None,
        logger_defs: Mapping[str, Any] | None = None,
        name: str | None = None,
        config: Any = None,
        description: str | None = None,
        partitions_def: Any = None,
        tags: Mapping[str, Any] | None = None,
        run_tags: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        hooks: AbstractSet[Any] | None = None,
        hook_defs: AbstractSet[Any] | None = None,
        op_retry_policy: Any = None,
        input_values: Mapping[str, object] | None = None,
        op_selection: Sequence[str] | None = None,
        asset_nodes: Mapping[str, Any] | None = None,
        input_assets: Mapping[tuple[str, str], Any] | None = None,
        owners: Sequence[str] | None = None,
        **_: Any,
    ) -> None:
        self.graph = graph_def
        self.name = checked_name(name or graph_def.name, "job")
        self.resource_defs: Mapping[str, Any] = checked_resources(resource_defs, f"job {self.name!r}")
        #: The executor that the job itself names, or None.
        self.given_executor_def = executor_def
        if any(getattr(one, "required_resource_keys", None) for one in self.resource_defs.values()):
            resource_requirements.check_acyclic(self.resource_defs)
        self.logger_defs: Mapping[str, Any] = dict(logger_defs or {})
        self.description = description if description is not None else graph_def.description
        self.__doc__ = self.description
        self.tags = checked_tags({**graph_def.tags, **(tags or {})}, f"job {self.name!r}")
        self._run_tags = None if run_tags is None else checked_tags(run_tags, f"job {self.name!r}")
        self.given_metadata = metadata or _EMPTY
        self.hook_defs = checked_hooks(hooks or hook_defs or ())
        self.op_retry_policy = op_retry_policy
        self.owners = checked_definition_owners(owners, f"job {self.name!r}")
        self.input_values = dict(input_values or {})
        for wanted in self.input_values:
            if wanted not in graph_def.input_dict:
                raise InvalidDefinitionError(
                    f"Error when constructing JobDefinition '{self.name}': Input value provided for key '{wanted}', "
                    f"but job has no top-level input with that name. It has {list(graph_def.input_dict)}."
                )
        self.op_selection = op_selection
        self.asset_selection: frozenset[Any] | None = None
        self.asset_check_selection: frozenset[Any] | None = None
        #: Top-level node name -> the AssetsDefinition (or AssetChecksDefinition) that the node is.
        self.asset_nodes: Mapping[str, Any] = asset_nodes or _EMPTY
        #: (node name, input name) -> definition of the asset that is loaded there and not made by this job.
        self.input_assets: Mapping[tuple[str, str], Any] = input_assets or {}
        self.config_mapping: Any = None
        self.partitioned_config: Any = None
        self.run_config: Mapping[str, Any] | None = None
        self._partitions_def = partitions_def
        self._take_config(config)
        #: Set by Definitions: rebuilds the job once all assets of the code location are known.
        self.rebuild_with_assets: Callable[[Sequence[Any]], JobDefinition] | None = None
        self.plan_cache: Any = None
        #: How another process makes the job again; set where it was reconstructable.
        self.origin: Any = None
        #: The resolved code location that the job belongs to.
        self.repository_def: Any = None
        self.whole_job: JobDefinition | None = None
        #: All assets of the place that the job was built from; None for a job that was not.
        self.selected_assets_of: Any = None
        #: Node name -> nodes that must have succeeded before it starts (blocking checks).
        self.extra_order: Mapping[str, frozenset[str]] = _EMPTY
        if not self.asset_nodes:
            check_names(graph_def, {})
        check_loadable_inputs(graph_def, self.asset_nodes, self.input_assets)
        if resource_defs and not self.asset_nodes and not self.input_assets:
            resource_requirements.check_provided(self)

    def _take_config(self, config: Any) -> None:
        if config is None:
            return
        if hasattr(config, "config_fn"):
            self.config_mapping = config
        elif hasattr(config, "partitions_def"):
            self.partitioned_config = config
        elif hasattr(config, "to_config_dict"):
            self.run_config = config.to_config_dict()
        elif isinstance(config, Mapping):
            self.run_config = config
        else:
            raise CheckError(
                f"config of job {self.name!r} is a dict, a RunConfig, a ConfigMapping or a PartitionedConfig; got "
                f"{type(config).__name__}."
            )

    @property
    def partitions_def(self) -> Any:
        """The partitions that runs of the job are for, or None."""
        if self._partitions_def is not None:
            return self._partitions_def
        if self.partitioned_config is not None:
            return self.partitioned_config.partitions_def
        found = [one.partitions_def for one in self.asset_nodes.values() if one.partitions_def is not None]
        return found[0] if found else None

    @property
    def run_tags(self) -> Mapping[str, str]:
        """The tags that runs of the job get."""
        return self.tags if self._run_tags is None else self._run_tags

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The job's metadata."""
        return normalized(self.given_metadata)

    @property
    def loggers(self) -> Mapping[str, Any]:
        """The loggers by key."""
        return self.logger_defs

    @property
    def nodes(self) -> list[Any]:
        """The nodes of the graph."""
        return self.graph.nodes

    @property
    def nodes_in_topological_order(self) -> list[Any]:
        """The nodes of the graph, each after those it needs."""
        return self.graph.nodes_in_topological_order

    @property
    def dependencies(self) -> Any:
        """The dependencies between the nodes."""
        return self.graph.dependencies

    def node_named(self, name: str) -> Any:
        """Return the node with this name.

        Args:
            name: The node's name.
        """
        return self.graph.node_named(name)

    def get_node_named(self, name: str) -> Any:
        """Return the node with this name, as `node_named` does.

        Args:
            name: The node's name.
        """
        return self.graph.node_named(name)

    @property
    def top_level_node_defs(self) -> list[Any]:
        """The definitions of the job's nodes."""
        return [node.definition for node in self.nodes]

    @property
    def has_specified_executor(self) -> bool:
        """Whether the job names an executor."""
        return self.given_executor_def is not None

    @property
    def executor_def(self) -> Any:
        """The executor of the job's runs: its own, else the one that is used where none is named."""
        return self.given_executor_def or executor.multi_or_in_process_executor

    @property
    def run_config_schema(self) -> run_config_schema.RunConfigSchema:
        """The schema of the run config that the job takes: its `config_type`."""
        return run_config_schema.run_config_schema(self)

    @property
    def has_specified_loggers(self) -> bool:
        """Whether the job names loggers."""
        return bool(self.logger_defs)

    def get_run_config_for_partition_key(self, partition_key: str) -> Mapping[str, Any]:
        """Return the run config of a partition; empty without a partitioned config.

        Args:
            partition_key: The partition.
        """
        found: Mapping[str, Any] = (
            self.partitioned_config.get_run_config_for_partition_key(partition_key)
            if self.partitioned_config is not None
            else {}
        )
        return found

    def get_tags_for_partition_key(self, partition_key: str) -> Mapping[str, str]:
        """Return the tags of a partition's run.

        Args:
            partition_key: The partition.
        """
        if self.partitioned_config is not None:
            given: Mapping[str, str] = self.partitioned_config.get_tags_for_partition_key(
                partition_key, job_name=self.name
            )
            return given
        found: Mapping[str, str] = self.partitions_def.get_tags_for_partition_key(partition_key)
        return found

    def has_node_named(self, name: str) -> bool:
        """Return whether there is such a node.

        Args:
            name: The node's name.
        """
        return self.graph.has_node_named(name)

    @property
    def all_node_defs(self) -> list[Any]:
        """The definitions of the nodes."""
        return self.graph.node_defs

    @property
    def is_job(self) -> bool:
        """True: this is a job."""
        return True

    @property
    def is_single_run_asset_job(self) -> bool:
        """Whether the job makes assets."""
        return bool(self.asset_nodes)

    @property
    def assets_defs(self) -> list[Any]:
        """The definitions of the assets that the job makes."""
        return list(self.asset_nodes.values())

    @property
    def asset_layer(self) -> job_assets.JobAssets:
        """The assets of the job."""
        return job_assets.JobAssets(self.name, self.asset_nodes)

    @property
    def required_resource_keys(self) -> frozenset[str]:
        """The resources that the job's ops need."""
        return self.graph.required_resource_keys

    def is_subset(self) -> bool:
        """Return whether the job is part of another."""
        return self.whole_job is not None

    is_subset_job = property(lambda self: self.whole_job is not None)

    # -- changing -------------------------------------------------------------------------------------------------

    def copy_with(self, **changed: Any) -> JobDefinition:
        """Return a copy with some attributes changed."""
        made = object.__new__(JobDefinition)
        made.__dict__.update(self.__dict__)
        made.__dict__.update(changed)
        made.plan_cache = None
        return made

    def with_top_level_resources(self, resource_defs: Mapping[str, Any]) -> JobDefinition:
        """Return the job with resources that it uses where it has none of its own.

        Args:
            resource_defs: Resources by key.
        """
        return self.copy_with(resource_defs={**resource_defs, **self.resource_defs})

    def with_hooks(self, hook_defs: Iterable[Any]) -> JobDefinition:
        """Return the job with more hooks.

        Args:
            hook_defs: Hooks that are called after each step, beside those it has.
        """
        made = self.copy_with(hook_defs=self.hook_defs | checked_hooks(hook_defs))
        if made.resource_defs and not made.asset_nodes:
            resource_requirements.check_provided(made)
        return made

    def with_executor_def(self, executor_def: Any) -> JobDefinition:
        """Return the job with an executor.

        Args:
            executor_def: How the steps are carried out.
        """
        return self.copy_with(given_executor_def=executor_def)

    def with_logger_defs(self, logger_defs: Mapping[str, Any]) -> JobDefinition:
        """Return the job with loggers.

        Args:
            logger_defs: Loggers by key, in place of those it has.
        """
        return self.copy_with(logger_defs=dict(logger_defs))

    def with_metadata(self, metadata: Mapping[str, Any]) -> JobDefinition:
        """Return the job with other metadata.

        Args:
            metadata: What is known of the job from now on.
        """
        return self.copy_with(given_metadata=metadata)

    def get_subset(
        self,
        *,
        op_selection: Iterable[str] | None = None,
        asset_selection: AbstractSet[Any] | None = None,
        asset_check_selection: AbstractSet[Any] | None = None,
    ) -> JobDefinition:
        """Return the part of the job that is selected.

        Args:
            op_selection: Nodes by name; `*` before takes all that they need, behind all that needs them, and each `+`
                one layer: `"*clean+"`. `graph.op` names an op within a graph.
            asset_selection: Keys of the assets to make.
            asset_check_selection: Keys of the checks to evaluate; None takes those of the selected assets.

        Raises:
            InvalidSubsetError: where the selection names nothing that is there, or cuts apart what can only be made
                together.
        """
        subset: JobDefinition = job_maker().job_subset(self, op_selection, asset_selection, asset_check_selection)
        return subset

    # -- running --------------------------------------------------------------------------------------------------

    def execute_in_process(
        self,
        run_config: Any = None,
        instance: Any = None,
        partition_key: str | None = None,
        raise_on_error: bool = True,
        op_selection: Sequence[str] | None = None,
        asset_selection: Sequence[Any] | None = None,
        run_id: str | None = None,
        input_values: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        resources: Mapping[str, object] | None = None,
    ) -> Any:
        """Run the job in this process, one step after the other, and return the result.

        Args:
            run_config: A dict or `RunConfig`; None takes the job's own.
            instance: Where the run is kept; None keeps nothing of it after this process.
            partition_key: The partition the run is for, of a partitioned job.
            raise_on_error: Whether the error of a failed step is raised; with False it is in the result.
            op_selection: Nodes to run, as in `get_subset`; None runs all.
            asset_selection: Keys of the assets to make, of a job of assets.
            run_id: The run's id; None makes one.
            input_values: Values of the graph's inputs, by name.
            tags: Tags of the run, beside the job's.
            resources: Resources by key, in place of the job's.

        Returns:
            The result: whether it succeeded, its events, and the outputs' values.
        """
        return engine().execute_in_process(
            self,
            run_config=run_config,
            instance=instance,
            partition_key=partition_key,
            raise_on_error=raise_on_error,
            op_selection=op_selection,
            asset_selection=asset_selection,
            run_id=run_id,
            input_values=input_values,
            tags=tags,
            resources=resources,
        )

    def run_request_for_partition(
        self,
        partition_key: str,
        run_key: str | None = None,
        tags: Mapping[str, str] | None = None,
        asset_selection: Sequence[Any] | None = None,
        run_config: Any = None,
        current_time: Any = None,
        dynamic_partitions_store: Any = None,
    ) -> Any:
        """Return the request of a run for one partition, for schedules and sensors.

        Args:
            partition_key: The partition.
            run_key: What the request is known by: a sensor or schedule starts one run for each key. None always starts
                one.
            tags: Tags of the run, beside the job's and the partition's.
            asset_selection: Keys of the assets to make; None makes all of the job.
            run_config: The run's config; None takes the partition's.
            current_time: Taken for the sake of older code and not used.
            dynamic_partitions_store: Taken for the sake of older code and not used.
        """
        request = run_request.RunRequest
        config, own_tags = run_config, dict(tags or {})
        if self.partitions_def is None:
            raise CheckError(f"run_request_for_partition needs a partitioned job; {self.name!r} has no partitions.")
        check_partitions_known(self.partitions_def)
        if self.partitioned_config is not None:
            if config is None:
                config = self.partitioned_config.get_run_config_for_partition_key(partition_key)
            own_tags = {**self.partitioned_config.get_tags_for_partition_key(partition_key, self.name), **own_tags}
        own_tags["dagster/partition"] = partition_key
        return request(
            run_key=run_key,
            run_config=config or {},
            tags={**self.run_tags, **own_tags},
            job_name=self.name,
            asset_selection=asset_selection,
            partition_key=partition_key,
        )

    def validate_partition_key(self, partition_key: str, **_: Any) -> None:
        """Raise unless the job has this partition.

        Args:
            partition_key: The partition.
        """
        self.partitions_def.validate_partition_key(partition_key)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise InvariantViolationError(
            f"Attempted to call job '{self.name}' directly. Jobs are run by an execution function, for example "
            f"`{self.name}.execute_in_process()`."
        )

    def __repr__(self) -> str:
        return f"JobDefinition({self.name!r})"
