"""The definitions of a location by name, with jobs resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from cellmill.definitions.asset_job import AssetCatalog, build_asset_job, merged_resources
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.asset_selection_job import UnresolvedAssetJobDefinition, subset_of
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.engine import engine
from cellmill.definitions.graph import GraphDefinition
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.loadable import check_loadable, missing_anywhere, raise_together
from cellmill.definitions.mapping_check import check_partition_mappings
from cellmill.definitions.port import not_found
from cellmill.errors import CheckError, InvalidDefinitionError, InvariantViolationError

#: The job over all assets of a code location, under Dagster's name.
IMPLICIT_JOB_NAME = "__ASSET_JOB"


class Declared(Protocol):
    """What a repository asks of the `Definitions` that it resolves."""

    @property
    def jobs(self) -> Sequence[Any] | None: ...

    @property
    def schedules(self) -> Sequence[Any] | None: ...

    @property
    def sensors(self) -> Sequence[Any] | None: ...

    @property
    def resources(self) -> Mapping[str, Any] | None: ...

    @property
    def executor(self) -> Any: ...

    @property
    def loggers(self) -> Mapping[str, Any] | None: ...

    @property
    def metadata(self) -> Mapping[str, Any]: ...

    @property
    def assets_and_checks(self) -> list[AssetsDefinition]: ...

    @property
    def load_asset_value(self) -> Callable[..., Any]: ...

    @property
    def get_asset_value_loader(self) -> Callable[..., Any]: ...


class LazyJob:
    """A job whose function is called when the job is first asked for.

    Args:
        name: The job's name.
        make_job: Returns the job.
    """

    def __init__(self, name: str, make_job: Callable[[], Any]) -> None:
        self.name = name
        self._make_job = make_job

    def resolve(self) -> JobDefinition:
        """Return the job.

        Raises:
            CheckError: for something else than a job.
            InvalidDefinitionError: for a job of another name.
        """
        made = self._make_job()
        if not isinstance(made, JobDefinition):
            raise CheckError(
                f"Bad constructor for job {self.name}: must return JobDefinition, got {made!r} of type "
                f"{type(made).__name__}."
            )
        if made.name != self.name:
            raise InvalidDefinitionError(
                f"Bad constructor for job {self.name}: name in JobDefinition does not match: got '{made.name}'."
            )
        return made


class Repository:
    """The definitions of a code location, resolved; `Definitions.get_repository_def` makes it.

    Responsibilities: jobs over assets, resources bound, targets of schedules and sensors, unique names.

    Args:
        defs: The definitions.
        name: The code location's name.
        description: What is in it.
    """

    def __init__(self, defs: Declared, name: str = "__repository__", description: str | None = None) -> None:
        self.name = name
        self.description = description
        self.definitions: Any = defs
        self.resources = checked_resources(defs.resources, "Definitions")
        self.catalog = AssetCatalog(self._bound_assets(defs.assets_and_checks))
        check_partition_mappings(self.catalog.definitions, self.catalog.by_key)
        self._graph: Any = None
        self.schedules = self._named(defs.schedules or (), "schedule")
        self.sensors = self._named(defs.sensors or (), "sensor")
        self._jobs: dict[str, Any] = {}
        for job in defs.jobs or ():
            self._add_job(job)
        for owner, job in self._targets():
            self._add_job(job, owner)
        self._resolved_jobs: dict[str, JobDefinition] = {}
        self._is_loadable = False
        if any(one.is_executable for one in self.catalog.definitions):
            self._jobs.setdefault(IMPLICIT_JOB_NAME, None)
        for name, one in self.schedules.items():
            if hasattr(one, "resolved"):  # a schedule over the partitions of a job's assets: now they are known
                self.schedules[name] = one.resolved(self.get_job(one.job_name))

    def _bound_assets(self, assets: list[AssetsDefinition]) -> list[AssetsDefinition]:
        return assets

    def _named(self, items: Iterable[Any], what: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for item in items:
            if item.name in found and found[item.name] is not item:
                raise InvalidDefinitionError(f"Duplicate {what} definition found with name '{item.name}'.")
            if item.name in found:
                continue
            found[item.name] = item
        return found

    def _targets(self) -> Iterator[tuple[str, Any]]:
        """Yield the jobs that schedules and sensors start, each with what starts it."""
        for what, owners in (("schedule", self.schedules), ("sensor", self.sensors)):
            for name, one in owners.items():
                for target in getattr(one, "targets", None) or ():
                    job = getattr(target, "resolvable_to_job", None)
                    if job is not None and not isinstance(job, str):
                        yield f"{what} '{name}'", job

    def _add_job(self, job: Any, owner: str | None = None) -> None:
        other = self._jobs.get(job.name)
        what = "job"
        if isinstance(job, GraphDefinition):
            if other is not None and owner is not None and getattr(other, "graph", None) is job:
                return
            job, what = job.to_job(), "graph"
        if other is not None and other is not job:
            if owner is not None:
                if isinstance(other, LazyJob):  # nobody has called for it yet, so that there is nothing to compare
                    return
                kind = "unresolved asset job" if isinstance(job, UnresolvedAssetJobDefinition) else "job"
                raise InvalidDefinitionError(
                    f"{owner} targets {kind} '{job.name}', but a different {kind} with the same name was provided."
                )
            raise InvalidDefinitionError(
                f"Duplicate job definition found for {what} '{job.name}'. Jobs, and the jobs that schedules and "
                "sensors target, must have unique names in a code location."
            )
        if job.name == IMPLICIT_JOB_NAME:
            raise InvalidDefinitionError(
                f"Attempted to provide job called {IMPLICIT_JOB_NAME} to repository, which is a reserved name. "
                "It is kept for the job over all assets."
            )
        self._jobs[job.name] = job

    @property
    def declared_jobs(self) -> list[JobDefinition | UnresolvedAssetJobDefinition]:
        """The jobs as they were given, but for those that are made when they are first asked for."""
        return [job for job in self._jobs.values() if isinstance(job, (JobDefinition, UnresolvedAssetJobDefinition))]

    # -- jobs -----------------------------------------------------------------------------------------------------

    def get_job(self, name: str) -> JobDefinition:
        """Return the job with this name, resolved.

        Args:
            name: The job's name.

        Raises:
            InvariantViolationError: where there is none, with the nearest name.
        """
        made = self._resolved_jobs.get(name)
        if made is None:
            if name not in self._jobs:
                names = [one for one in self._jobs if not one.startswith("__")]
                raise as_invariant(not_found("job", name, names, "the code location"))
            made = self._resolved_jobs[name] = self._resolve(name)
        return made

    def _resolve(self, name: str) -> JobDefinition:
        job = self._jobs[name]
        defs = self.definitions
        if job is None:
            found = subset_of(self.catalog, frozenset(self.catalog.by_key), frozenset(self.catalog.by_check))
            made = build_asset_job(name, found, self.catalog, executor_def=defs.executor)
        elif isinstance(job, UnresolvedAssetJobDefinition):
            made = job.resolve(self.catalog, executor_def=defs.executor)
        else:
            made = job.resolve() if isinstance(job, LazyJob) else job
            if made.rebuild_with_assets is not None:
                made = made.rebuild_with_assets(self.catalog.definitions)
                if made.selected_assets_of is None:
                    made.selected_assets_of = self.catalog
        changed: dict[str, Any] = {"repository_def": self}
        merged_resources(made.asset_nodes.values(), self.resources)
        if self.resources:
            changed["resource_defs"] = {**self.resources, **made.resource_defs}
        loaded = merged_resources(
            [one for one in made.input_assets.values() if isinstance(one, AssetsDefinition)], None
        )
        if loaded:
            changed["resource_defs"] = {**loaded, **changed.get("resource_defs", made.resource_defs)}
        if not made.has_specified_executor and defs.executor is not None:
            changed["given_executor_def"] = defs.executor
        if not made.logger_defs and defs.loggers:
            changed["logger_defs"] = dict(defs.loggers)
        return made.copy_with(**changed)

    def has_job(self, name: str) -> bool:
        """Return whether there is such a job.

        Args:
            name: The job's name.
        """
        return name in self._jobs

    def get_all_jobs(self) -> list[JobDefinition]:
        """Return all jobs, resolved."""
        return [self.get_job(name) for name in self._jobs]

    @property
    def job_names(self) -> list[str]:
        """The names of the jobs."""
        return list(self._jobs)

    def get_implicit_global_asset_job_def(self) -> JobDefinition:
        """Return the job over all assets."""
        return self.get_job(IMPLICIT_JOB_NAME)

    def get_implicit_job_def_for_assets(self, asset_keys: Iterable[AssetKey]) -> JobDefinition:
        """Return the job over all assets, from which these can be selected.

        Args:
            asset_keys: The assets.
        """
        return self.get_job(IMPLICIT_JOB_NAME)

    # -- the rest -------------------------------------------------------------------------------------------------

    @property
    def asset_graph(self) -> Any:
        """The graph of the assets."""
        if self._graph is None:
            self._graph = engine().asset_graph(self.catalog)
        return self._graph

    @property
    def assets_defs_by_key(self) -> Mapping[AssetKey, AssetsDefinition]:
        """The definitions of assets that are made here."""
        return {key: one for key, one in self.catalog.by_key.items() if one.is_executable}

    @property
    def source_assets_by_key(self) -> Mapping[AssetKey, AssetsDefinition]:
        """The definitions of assets that are only loaded or watched."""
        return {key: one for key, one in self.catalog.by_key.items() if one.is_external}

    @property
    def asset_checks_defs_by_key(self) -> Mapping[Any, AssetsDefinition]:
        """The definitions of checks by the checks' keys."""
        return {key: one for one in self.catalog.definitions for key in one.check_keys}

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of the code location."""
        found: Mapping[str, Any] = self.definitions.metadata
        return found

    def has_implicit_global_asset_job_def(self) -> bool:
        """Return whether there is a job over all assets."""
        return self.has_job(IMPLICIT_JOB_NAME)

    def get_maybe_subset_job_def(
        self, job_name: str, op_selection: Any = None, asset_selection: Any = None, asset_check_selection: Any = None
    ) -> JobDefinition:
        """Return a job, or the part of it that is selected.

        Args:
            job_name: The job.
            op_selection: Nodes by name, as in `JobDefinition.get_subset`.
            asset_selection: Keys of the assets to make.
            asset_check_selection: Keys of the checks to evaluate.
        """
        job = self.get_job(job_name)
        if op_selection is None and asset_selection is None and asset_check_selection is None:
            return job
        return job.get_subset(
            op_selection=op_selection, asset_selection=asset_selection, asset_check_selection=asset_check_selection
        )

    @property
    def schedule_defs(self) -> list[Any]:
        """The schedules."""
        return list(self.schedules.values())

    @property
    def sensor_defs(self) -> list[Any]:
        """The sensors."""
        return list(self.sensors.values())

    def has_schedule_def(self, name: str) -> bool:
        """Return whether there is such a schedule.

        Args:
            name: The schedule's name.
        """
        return name in self.schedules

    def has_sensor_def(self, name: str) -> bool:
        """Return whether there is such a sensor.

        Args:
            name: The sensor's name.
        """
        return name in self.sensors

    def get_schedule_def(self, name: str) -> Any:
        """Return the schedule with this name.

        Args:
            name: The schedule's name.

        Raises:
            InvariantViolationError: where there is none, with the nearest name.
        """
        if name not in self.schedules:
            raise as_invariant(not_found("schedule", name, self.schedules, "the code location"))
        return self.schedules[name]

    def get_sensor_def(self, name: str) -> Any:
        """Return the sensor with this name.

        Args:
            name: The sensor's name.

        Raises:
            InvariantViolationError: where there is none, with the nearest name.
        """
        if name not in self.sensors:
            raise as_invariant(not_found("sensor", name, self.sensors, "the code location"))
        return self.sensors[name]

    def get_top_level_resources(self) -> Mapping[str, Any]:
        """Return the resources."""
        return self.resources

    def check_resources(self) -> None:
        """Raise where a definition lacks a resource, or two assets have different ones under one key."""
        raise_together(missing_anywhere(self))
        merged_resources(self.catalog.definitions, None)

    def load_all_definitions(self) -> None:
        """Resolve everything, so that what is wrong is found now; several problems come together."""
        if not self._is_loadable:
            check_loadable(self)
            merged_resources(self.catalog.definitions, None)
            self._is_loadable = True

    def load_asset_value(self, asset_key: Any, **options: Any) -> Any:
        """Return the stored value of an asset.

        Args:
            asset_key: The asset's key, in any form.
            options: As of `Definitions.load_asset_value`.
        """
        return self.definitions.load_asset_value(asset_key, **options)

    def get_asset_value_loader(self, instance: Any = None) -> Any:
        """Return what loads stored values of several assets.

        Args:
            instance: Where the values are known; None takes that of the workspace.
        """
        return self.definitions.get_asset_value_loader(instance)


def as_invariant(error: Exception) -> InvariantViolationError:
    return InvariantViolationError(str(error))
