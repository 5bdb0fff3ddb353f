"""Jobs of a selection of assets, before it is known which assets there are."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_job import AssetCatalog, build_asset_job
from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.job_checks import check_partitions_known
from cellmill.definitions.tags import checked_definition_owners, checked_name
from cellmill.errors import CheckError, InvalidDefinitionError, InvalidSubsetError, ParameterCheckError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import run_request, selection_graph
    from cellmill.definitions import selection as asset_selection
else:
    run_request = on_first_use("cellmill.definitions.run_request")
    selection_graph = on_first_use("cellmill.definitions.selection_graph")
    asset_selection = on_first_use("cellmill.definitions.selection")


class UnresolvedAssetJobDefinition:
    """A job over a selection of assets, before the assets are known; `define_asset_job` makes it.

    Args:
        name: The job's name, unique in its code location.
        selection: An `AssetSelection`; None selects all executable assets and checks.
        config: Run config of runs that give none, or a `PartitionedConfig`.
        description: What the job does.
        tags: Tags of the job, and of its runs unless `run_tags` are given.
        run_tags: Tags of the runs only.
        metadata: What is known of the job, by name.
        partitions_def: Partitions that runs are for; None takes those of the assets.
        executor_def: How the steps are carried out; None leaves it to the `Definitions` and the workspace.
        hooks: Hooks that are called after each step.
        op_retry_policy: Retry policy of assets that have none.
        owners: E-mail addresses and teams (`team:name`).
        automation_condition: When the whole job is to be run without being asked: a condition about its root assets.
    """

    def __init__(
        self,
        name: str,
        selection: Any,
        config: Any = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_tags: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        partitions_def: Any = None,
        executor_def: Any = None,
        hooks: AbstractSet[Any] | None = None,
        op_retry_policy: Any = None,
        owners: Sequence[str] | None = None,
        automation_condition: Any = None,
    ) -> None:
        self.name = checked_name(name, "job")
        self.selection = selection
        self.config = config
        self.description = description
        self.tags = tags
        self.given_run_tags = run_tags
        self.metadata = metadata
        self.given_partitions_def = partitions_def
        self.executor_def = executor_def
        self.hooks = hooks
        self.op_retry_policy = op_retry_policy
        self.owners = checked_definition_owners(owners, f"job {self.name!r}")
        if automation_condition is not None and not hasattr(automation_condition, "with_children"):
            raise ParameterCheckError(
                f'Param "automation_condition" of job {self.name!r} is not an AutomationCondition. Got '
                f"{automation_condition!r} which is type {type(automation_condition)}."
            )
        self.automation_condition = automation_condition

    @property
    def partitions_def(self) -> Any:
        """The partitions given, or None."""
        return self.given_partitions_def

    @property
    def run_tags(self) -> Mapping[str, Any]:
        """The tags that runs of the job get."""
        return self.tags or {} if self.given_run_tags is None else self.given_run_tags

    def resolve(self, catalog: AssetCatalog, **options: Any) -> JobDefinition:
        """Return the job over the assets of `catalog`.

        Args:
            catalog: All assets of the code location.
            options: Further arguments of the job, such as its resources.

        Raises:
            InvalidDefinitionError: where the selection names what is not there, or cuts apart what can only be made
                together.
        """
        try:
            keys, checks = selected_keys(self.selection, catalog, f"define_asset_job({self.name!r})")
            selected = subset_of(catalog, keys, checks)
        except InvalidSubsetError as error:
            raise InvalidDefinitionError(f"Failed to resolve asset job {self.name}: {error}") from error
        made = build_asset_job(
            self.name,
            selected,
            catalog,
            config=self.config,
            description=self.description,
            tags=self.tags,
            run_tags=self.given_run_tags,
            metadata=self.metadata,
            partitions_def=self.given_partitions_def,
            hooks=self.hooks,
            owners=self.owners,
            op_retry_policy=self.op_retry_policy,
            executor_def=self.executor_def or options.pop("executor_def", None),
            **{name: value for name, value in options.items() if name != "executor_def"},
        )
        _check_partitions(made, self.given_partitions_def)
        if self.automation_condition is not None:
            _check_about_job(self.automation_condition, self.name)
            made.automation_condition = self.automation_condition
        return made

    def with_metadata(self, metadata: Mapping[str, Any]) -> UnresolvedAssetJobDefinition:
        """Return a copy with other metadata.

        Args:
            metadata: What takes the place of all it has.
        """
        made = copy.copy(self)
        made.metadata = metadata
        return made

    def run_request_for_partition(self, partition_key: str, run_key: str | None = None, **options: Any) -> Any:
        """Return the request of a run for one partition, for schedules and sensors.

        Args:
            partition_key: The partition.
            run_key: What the request is known by: a sensor or schedule starts one run for each key. None always starts
                one.
            options: `tags`, `run_config` and `asset_selection` of the request.

        Raises:
            CheckError: where the job was defined without `partitions_def`.
        """
        request = run_request.RunRequest
        if self.partitions_def is None:
            raise CheckError(f"run_request_for_partition needs a partitioned job; {self.name!r} names no partitions.")
        check_partitions_known(self.partitions_def)
        tags = {**(options.get("tags") or {}), "dagster/partition": partition_key}
        config = options.get("run_config")
        if config is None and hasattr(self.config, "get_run_config_for_partition_key"):
            config = self.config.get_run_config_for_partition_key(partition_key)
            tags = {**self.config.get_tags_for_partition_key(partition_key, self.name), **tags}
        elif config is None:
            config = self.config
        return request(
            run_key=run_key,
            run_config=run_request.plain_config(config),
            tags={**self.run_tags, **tags},
            job_name=self.name,
            asset_selection=options.get("asset_selection"),
            partition_key=partition_key,
        )

    def __repr__(self) -> str:
        return f"UnresolvedAssetJobDefinition({self.name!r})"


def _check_partitions(job: JobDefinition, given: Any) -> None:
    found = [one.partitions_def for one in job.asset_nodes.values() if one.partitions_def is not None]
    if given is None and any(one != found[0] for one in found):
        own = {node: str(one.partitions_def) for node, one in job.asset_nodes.items() if one.partitions_def is not None}
        raise InvalidDefinitionError(
            f"Failed to resolve asset job {job.name}: a run is for one partition, and the assets that it selects have "
            f"different ones: {own}. Select assets with the same partitions; a job may have assets without beside them."
        )
    if given is not None and any(one != given for one in found):
        raise InvalidDefinitionError(
            f"Executing job {job.name!r}: its partitions_def is not that of the assets it selects."
        )


#: Facts that jobs have, too: what else conditions ask is about assets.
_FACTS_OF_JOBS = {"cron_tick_passed", "initial_evaluation", "newly_requested", "newly_updated"}


def _check_about_job(condition: Any, job: str) -> None:
    wrap = (
        "wrap them with `AutomationCondition.any_job_root_assets_match(...)` or "
        "`AutomationCondition.all_job_root_assets_match(...)`."
    )
    parts = list(_parts_about_job(condition))
    if all(part.is_serializable and not part.is_about_roots for part in parts):
        raise InvalidDefinitionError(
            f"Job {job!r} has an automation_condition that does not evaluate against the job's root assets. "
            f"Asset-level conditions such as `AutomationCondition.eager()` cannot be applied to a job directly; {wrap}"
        )
    for part in parts:
        kind = getattr(part, "kind", part.name)
        simple = part.is_about_roots or part.children or not part.is_serializable
        if not simple and kind not in _FACTS_OF_JOBS:
            raise InvalidDefinitionError(
                f"Job {job!r}: its automation_condition asks {kind!r} of the job itself, and only assets have that. "
                f"Such conditions are about assets; {wrap}"
            )


def _parts_about_job(condition: Any) -> Iterator[Any]:
    yield condition
    if not condition.is_about_roots:
        for child in condition.children:
            yield from _parts_about_job(child)


def selected_keys(
    selection: Any, catalog: AssetCatalog, owner: str
) -> tuple[frozenset[AssetKey], frozenset[AssetCheckKey] | None]:
    """Return the keys of the assets and checks that a selection means among those of `catalog`."""
    if selection is None:
        keys = frozenset(key for one in catalog.executable() for key in one.keys)
        return keys, frozenset(catalog.by_check)
    listed = sorted(selection) if isinstance(selection, AbstractSet) else selection
    chosen = asset_selection.AssetSelection.from_coercible(listed)
    graph = selection_graph.selection_graph(catalog.definitions)
    keys = frozenset(chosen.resolve(graph))
    checks = frozenset(chosen.resolve_checks(graph))
    runnable = frozenset(key for key in keys if catalog.by_key[key].is_executable)
    return runnable, checks


def subset_of(
    catalog: AssetCatalog, keys: AbstractSet[AssetKey], checks: AbstractSet[AssetCheckKey] | None
) -> list[AssetsDefinition]:
    """Return the definitions that make the selected assets and evaluate the selected checks, cut down to these."""
    found: list[AssetsDefinition] = []
    for one in catalog.executable():
        own = one.keys & keys
        own_checks = None
        if one.check_specs_by_output_name:
            own_checks = {
                key
                for key in one.check_keys
                if (checks is None and key.asset_key in keys) or (checks and key in checks)
            }
        if not own and not own_checks:
            continue
        if one.is_checks:
            if own_checks == one.check_keys:
                found.append(one)
            elif one.can_subset:
                found.append(one.subset_for(frozenset(), own_checks))
            else:
                raise InvalidSubsetError(
                    f"When building job, the checks {sorted(one.check_keys)} are evaluated together by "
                    f"{one.node_def.name!r}, which cannot be subset; select all of them."
                )
            continue
        whole_checks = own_checks is None or own_checks == one.check_keys
        if own == one.keys and (whole_checks or not one.can_subset):
            found.append(one)
        elif one.can_subset:
            found.append(one.subset_for(own, own_checks or frozenset()))
        else:
            raise InvalidSubsetError(
                f"The assets {sorted(key.to_user_string() for key in one.keys)} are made together by "
                f"{one.node_def.name!r}, which cannot be subset; but only "
                f"{sorted(key.to_user_string() for key in own)} are selected. Select all of them, or declare "
                "can_subset=True."
            )
    return found


def define_asset_job(
    name: str,
    selection: Any = None,
    config: Any = None,
    description: str | None = None,
    tags: Mapping[str, object] | None = None,
    run_tags: Mapping[str, object] | None = None,
    metadata: Mapping[str, Any] | None = None,
    partitions_def: Any = None,
    executor_def: Any = None,
    hooks: AbstractSet[Any] | None = None,
    op_retry_policy: Any = None,
    owners: Sequence[str] | None = None,
    automation_condition: Any = None,
) -> UnresolvedAssetJobDefinition:
    """Return a job over a selection of assets; it is resolved when it is placed in `Definitions`.

    >>> nightly = define_asset_job("nightly", selection="group:sales", tags={"team": "sales"})
    >>> ScheduleDefinition(job=nightly, cron_schedule="0 2 * * *").name
    'nightly_schedule'

    Args:
        name: The job's name, unique in its code location.
        selection: Which assets and checks a run makes: an `AssetSelection`, a selection text (`"group:raw or
            key:report+"`), or keys and definitions. None selects all that can be executed.
        config: Run config of runs that give none (a dict or `RunConfig`), or a `PartitionedConfig`.
        description: What the job does.
        tags: Tags of the job, and of its runs unless `run_tags` are given.
        run_tags: Tags of the runs only.
        metadata: What is known of the job, by name.
        partitions_def: Partitions that runs are for, which must be those of the selected assets; None takes theirs.
        executor_def: How the steps are carried out; None leaves it to the `Definitions` and the workspace.
        hooks: Hooks that are called after each step.
        op_retry_policy: Retry policy of assets that have none.
        owners: E-mail addresses and teams (`team:name`).
        automation_condition: When the daemon runs the whole job without being asked: a condition about the assets of
            the job that have no upstream in it, such as
            `AutomationCondition.all_job_root_assets_match(AutomationCondition.eager())`.
    """
    chosen = None if selection is None else asset_selection.AssetSelection.from_coercible(selection)
    return UnresolvedAssetJobDefinition(
        name,
        chosen,
        config,
        description,
        tags,
        run_tags,
        metadata,
        partitions_def,
        executor_def,
        hooks,
        op_retry_policy,
        owners,
        automation_condition,
    )
