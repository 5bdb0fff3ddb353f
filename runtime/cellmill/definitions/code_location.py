"""`Definitions`: all that one code location offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_job import as_assets
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.code_repository import IMPLICIT_JOB_NAME, Repository, as_invariant
from cellmill.definitions.engine import engine
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.output import normalized
from cellmill.definitions.port import not_found
from cellmill.definitions.selection_graph import DEFAULT_GROUP
from cellmill.errors import CheckError, InvariantViolationError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import asset_spec
    from cellmill.definitions import executor as executors
    from cellmill.definitions import selection as asset_selection
else:
    asset_spec = on_first_use("cellmill.definitions.asset_spec")
    executors = on_first_use("cellmill.definitions.executor")
    asset_selection = on_first_use("cellmill.definitions.selection")


class Definitions:
    """Assets, checks, jobs, schedules, sensors and resources of one code location, bound together when first used.

    >>> @asset
    ... def orders() -> list[int]:
    ...     return [1, 2]
    >>> defs = Definitions(assets=[orders], jobs=[define_asset_job("nightly", selection="orders")])
    >>> defs.get_job_def("nightly").execute_in_process().success
    True

    Args:
        assets: Assets, specs of external assets, source assets.
        schedules: Schedules; the jobs that they target need not be listed again.
        sensors: Sensors, of any kind.
        jobs: Jobs, graphs, and jobs over assets from `define_asset_job`.
        resources: Resources by key: resource classes with their config, definitions, or any plain objects. They serve
            everything here that has none of its own under that key; `"io_manager"` stores values where no other key is
            named.
        executor: How steps are carried out in jobs that do not say: an `ExecutorDefinition` or an `Executor`.
        loggers: Loggers by key, for jobs that have none.
        asset_checks: Checks made with `@asset_check` and `@multi_asset_check`.
        metadata: What is known of the code location, by name.
        component_tree: Taken for the sake of code written for Dagster and not used.

    Raises:
        CheckError: where something is given that does not belong there. What can only be seen when all is bound (a name
            used twice, an unknown resource) is raised at first use, or by `validate_loadable`.
    """

    def __init__(
        self,
        assets: Iterable[Any] | None = None,
        schedules: Iterable[Any] | None = None,
        sensors: Iterable[Any] | None = None,
        jobs: Iterable[Any] | None = None,
        resources: Mapping[str, Any] | None = None,
        executor: Any = None,
        loggers: Mapping[str, Any] | None = None,
        asset_checks: Iterable[Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        component_tree: Any = None,
    ) -> None:
        for name, given in (("assets", assets), ("jobs", jobs), ("schedules", schedules), ("sensors", sensors)):
            if given is not None and (isinstance(given, (str, Mapping)) or not isinstance(given, Iterable)):
                raise CheckError(f"{name} of Definitions is a list; got {type(given).__name__}.")
        self.assets = list(assets) if assets is not None else None
        self.schedules = list(schedules) if schedules is not None else None
        self.sensors = list(sensors) if sensors is not None else None
        self.jobs = list(jobs) if jobs is not None else None
        self.asset_checks = list(asset_checks) if asset_checks is not None else None
        if resources is not None and not isinstance(resources, Mapping):
            raise CheckError(f"resources of Definitions is a mapping from key to resource; got {resources!r}.")
        self.resources = dict(resources) if resources is not None else None
        self.executor = _executor(executor)
        for key, one in (loggers or {}).items():
            if not isinstance(key, str) or not hasattr(one, "logger_fn"):
                raise CheckError(
                    f"loggers of Definitions is a mapping from key to LoggerDefinition; got {key!r}: {one!r}."
                )
        self.loggers = loggers
        self.metadata = normalized(metadata) if metadata else {}
        _check_kinds("jobs", self.jobs or (), ("is_job", "resolve", "to_job"))
        self._repository: Any = None
        #: Whether every resource that is needed was looked for, and found.

    @property
    def assets_and_checks(self) -> list[AssetsDefinition]:
        """The definitions of assets and checks, specs as definitions of external assets.

        What schedules and sensors target belongs to them, so that it need not be listed again.
        """
        given = {id(one): one for one in (*(self.assets or ()), *(self.asset_checks or ()))}
        found = as_assets(given.values())
        known = {key for one in found for key in one.asset_and_check_keys}
        for one in (*(self.schedules or ()), *(self.sensors or ())):
            for target in getattr(one, "targets", None) or ():
                for assets in as_assets(target.assets_defs):
                    if known.isdisjoint(assets.asset_and_check_keys):
                        known |= assets.asset_and_check_keys
                        found.append(assets)
        return found

    # -- binding --------------------------------------------------------------------------------------------------

    def bound_repository(self) -> Repository:
        """Return everything by name, each resolved when it is asked for; what nobody asks for is not checked."""
        if self._repository is None:
            self._repository = Repository(self)
        repository: Repository = self._repository
        return repository

    def get_repository_def(self) -> Repository:
        """Return everything resolved: jobs with their assets and resources, by name.

        Raises:
            CellmillError: what keeps these definitions from being used; several problems come together.
        """
        repository = self.bound_repository()
        repository.load_all_definitions()
        return repository

    get_inner_repository = get_repository_def

    @staticmethod
    def validate_loadable(defs: Definitions) -> None:
        """Raise what keeps these definitions from being used; several problems come together.

        Args:
            defs: The definitions.
        """
        defs.get_repository_def()

    # -- looking up -----------------------------------------------------------------------------------------------

    def resolve_asset_graph(self) -> Any:
        """Return the graph of the assets."""
        return self.get_repository_def().asset_graph

    get_asset_graph = resolve_asset_graph

    def get_job_def(self, name: str) -> JobDefinition:
        """Return the job with this name, with its resources.

        Args:
            name: The job's name.

        Raises:
            InvariantViolationError: where there is none, with the nearest name.
        """
        return self.get_repository_def().get_job(name)

    resolve_job_def = get_job_def

    def has_job_def(self, name: str) -> bool:
        """Return whether there is such a job.

        Args:
            name: The job's name.
        """
        return self.get_repository_def().has_job(name)

    def get_schedule_def(self, name: str) -> Any:
        """Return the schedule with this name.

        Args:
            name: The schedule's name.

        Raises:
            InvariantViolationError: where there is none, with the nearest name.
        """
        return self.get_repository_def().get_schedule_def(name)

    resolve_schedule_def = get_schedule_def

    def get_sensor_def(self, name: str) -> Any:
        """Return the sensor with this name.

        Args:
            name: The sensor's name.

        Raises:
            InvariantViolationError: where there is none, with the nearest name.
        """
        return self.get_repository_def().get_sensor_def(name)

    resolve_sensor_def = get_sensor_def

    def get_implicit_global_asset_job_def(self) -> JobDefinition:
        """Return the job over all assets."""
        return self.get_repository_def().get_job(IMPLICIT_JOB_NAME)

    resolve_implicit_global_asset_job_def = get_implicit_global_asset_job_def

    def get_all_job_defs(self) -> Sequence[JobDefinition]:
        """Return all jobs, the one over all assets too."""
        return self.get_repository_def().get_all_jobs()

    resolve_all_job_defs = get_all_job_defs

    def get_assets_def(self, key: Any) -> AssetsDefinition:
        """Return the definition that makes an asset.

        Args:
            key: The asset's key, in any form.

        Raises:
            InvariantViolationError: where there is none, with the nearest name.
        """
        wanted = AssetKey.from_coercible(key)
        for one in self.assets_and_checks:
            if wanted in one.keys:
                return one
        names = [each.to_user_string() for one in self.assets_and_checks for each in one.keys]
        raise as_invariant(not_found("asset", wanted.to_user_string(), names, "Definitions"))

    resolve_assets_def = get_assets_def

    def get_asset_checks_def(self, key: Any) -> AssetsDefinition:
        """Return the definition that evaluates a check.

        Args:
            key: The check's `AssetCheckKey`.

        Raises:
            InvariantViolationError: where there is none.
        """
        for one in self.assets_and_checks:
            if key in one.check_keys:
                return one
        raise InvariantViolationError(f"Could not find asset checks defs for {key}")

    def get_unresolved_schedule_def(self, name: str) -> Any:
        """Return the schedule with this name as it was given.

        Args:
            name: The schedule's name.

        Raises:
            ValueError: where there is none.
        """
        for one in self.schedules or ():
            if one.name == name:
                return one
        raise ValueError(f"ScheduleDefinition with name {name} not found")

    def get_unresolved_sensor_def(self, name: str) -> Any:
        """Return the sensor with this name as it was given.

        Args:
            name: The sensor's name.

        Raises:
            ValueError: where there is none.
        """
        for one in self.sensors or ():
            if one.name == name:
                return one
        raise ValueError(f"SensorDefinition with name {name} not found")

    def has_implicit_global_asset_job_def(self) -> bool:
        """Return whether there is a job over all assets."""
        return self.get_repository_def().has_job(IMPLICIT_JOB_NAME)

    def resolve_implicit_job_def_def_for_assets(self, asset_keys: Iterable[AssetKey]) -> JobDefinition | None:
        """Return the job that can make these assets.

        Args:
            asset_keys: The assets.
        """
        return self.get_repository_def().get_implicit_job_def_for_assets(asset_keys)

    def with_definition_metadata_update(self, update: Any) -> Definitions:
        """Return the definitions with other metadata.

        Args:
            update: Takes the metadata and returns what it shall be.
        """
        made = self.with_resources({})
        made.metadata = update(dict(self.metadata))
        return made

    def get_all_asset_specs(self) -> list[Any]:
        """Return the specs of all assets, each with its group."""
        return [
            spec if spec.group_name else spec.replace_attributes(group_name=DEFAULT_GROUP)
            for one in self.assets_and_checks
            for spec in one.specs
        ]

    resolve_all_asset_specs = get_all_asset_specs

    def resolve_all_asset_keys(self) -> list[AssetKey]:
        """Return the keys of all assets."""
        return [key for one in self.assets_and_checks for key in one.keys]

    def load_asset_value(self, asset_key: Any, **options: Any) -> Any:
        """Return the stored value of an asset, loaded by its IO manager.

        Args:
            asset_key: The asset's key, in any form.
            options: `python_type`, `instance`, `partition_key`, `metadata` and `resource_config`, as of
                `AssetValueLoader`.
        """
        return engine().load_asset_value(self, asset_key, **options)

    def get_asset_value_loader(self, instance: Any = None) -> Any:
        """Return what loads stored values of several assets, resources made once; use it in a `with` block.

        Args:
            instance: Where the values are known; None takes that of the workspace.
        """
        return engine().asset_value_loader(self, instance)

    # -- combining ------------------------------------------------------------------------------------------------

    @staticmethod
    def merge(*def_sets: Definitions) -> Definitions:
        """Return all definitions in one.

        Args:
            def_sets: The definitions.

        Raises:
            InvariantViolationError: where two have different resources, loggers or metadata under one key, or different
                executors.
        """
        resources: dict[str, Any] = {}
        loggers: dict[str, Any] = {}
        metadata: dict[str, Any] = {}
        executor = None
        first: dict[tuple[str, str], int] = {}
        executor_at = 0
        for index, one in enumerate(def_sets):
            for key, value in (one.resources or {}).items():
                if key in resources and resources[key] is not value:
                    raise InvariantViolationError(
                        f"Definitions objects {first['resources', key]} and {index} have different resources with same "
                        f"key '{key}'."
                    )
                resources[key] = value
                first.setdefault(("resources", key), index)
            for key, value in (one.loggers or {}).items():
                if key in loggers and loggers[key] is not value:
                    raise InvariantViolationError(
                        f"Definitions objects {first['loggers', key]} and {index} have different loggers with same key "
                        f"'{key}'."
                    )
                loggers[key] = value
                first.setdefault(("loggers", key), index)
            for key, value in one.metadata.items():
                if key in metadata and metadata[key] != value:
                    raise InvariantViolationError(f"Two Definitions have different metadata with key '{key}'.")
                metadata[key] = value
            if one.executor is not None:
                if executor is not None and executor is not one.executor:
                    raise InvariantViolationError(
                        f"Definitions objects {executor_at} and {index} both have an executor, and not the same one."
                    )
                executor, executor_at = one.executor, index
        return Definitions(
            assets=[each for one in def_sets for each in one.assets or ()],
            schedules=[each for one in def_sets for each in one.schedules or ()],
            sensors=[each for one in def_sets for each in one.sensors or ()],
            jobs=[each for one in def_sets for each in one.jobs or ()],
            asset_checks=[each for one in def_sets for each in one.asset_checks or ()],
            resources=resources,
            executor=executor,
            loggers=loggers,
            metadata=metadata,
        )

    def map_resolved_asset_specs(self, *, func: Any, selection: Any = None) -> Definitions:
        """Return the definitions with a function applied to the specs of assets, as `map_asset_specs` does.

        Args:
            func: Takes a spec and returns the one in its place, with the same key.
            selection: Which assets it is applied to; None is all.
        """
        return self.map_asset_specs(func=func, selection=selection)

    def map_asset_specs(self, *, func: Any, selection: Any = None) -> Definitions:
        """Return the definitions with a function applied to the specs of assets.

        Args:
            func: Takes a spec and returns the one in its place, with the same key.
            selection: Which assets it is applied to, in any form that `AssetSelection` takes; None is all.
        """
        chosen: Any = None
        if selection is not None:
            chosen = asset_selection.AssetSelection.from_coercible(selection).resolve(self.assets_and_checks)

        def changed(spec: Any) -> Any:
            return func(spec) if chosen is None or spec.key in chosen else spec

        return Definitions(
            assets=asset_spec.map_asset_specs(changed, self.assets or ()),
            schedules=self.schedules,
            sensors=self.sensors,
            jobs=self.jobs,
            asset_checks=self.asset_checks,
            resources=self.resources,
            executor=self.executor,
            loggers=self.loggers,
            metadata=self.metadata,
        )

    def with_resources(self, resources: Mapping[str, Any]) -> Definitions:
        """Return the definitions with more resources.

        Args:
            resources: Resources by key; they win over those of the same key.
        """
        return Definitions(
            assets=self.assets,
            schedules=self.schedules,
            sensors=self.sensors,
            jobs=self.jobs,
            asset_checks=self.asset_checks,
            resources={**(self.resources or {}), **resources},
            executor=self.executor,
            loggers=self.loggers,
            metadata=self.metadata,
        )


def _executor(given: Any) -> Any:
    if given is None or hasattr(given, "executor_creation_fn"):
        return given
    if hasattr(given, "execute"):
        return executors.ExecutorDefinition(type(given).__name__, None, None, lambda _: given)
    raise CheckError(f"executor of Definitions is an ExecutorDefinition or an Executor; got {given!r}.")


def _check_kinds(name: str, items: Iterable[Any], attributes: tuple[str, ...]) -> None:
    for item in items:
        if not any(hasattr(item, attribute) for attribute in attributes):
            raise CheckError(f"{name} of Definitions: {item!r} of type {type(item).__name__} does not belong there.")
