"""What a schedule or sensor starts: a job, known by name or as an object, or assets."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cellmill.definitions.selection import AssetSelection
from cellmill.errors import CheckError, InvalidDefinitionError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import asset_selection_job
else:
    asset_selection_job = on_first_use("cellmill.definitions.asset_selection_job")

_NAME = re.compile(r"^[A-Za-z0-9_]+$")
ANONYMOUS_JOB_PREFIX = "__anonymous_asset_job"


@dataclass(frozen=True)
class AutomationTarget:
    """The name of a job, and the job where it is at hand."""

    job_name: str
    job: Any = None
    #: The assets themselves, where the target was given as assets.
    assets_defs: tuple[Any, ...] = ()

    @property
    def has_job(self) -> bool:
        """Whether the job itself is known, not only its name."""
        return self.job is not None

    @property
    def job_def(self) -> Any:
        """The job itself.

        Raises:
            CheckError: where only its name is known.
        """
        if self.job is None:
            raise CheckError(f"Only the name of the job {self.job_name!r} is known here.")
        return self.job

    @property
    def resolvable_to_job(self) -> Any:
        """The job, or what becomes one, where it is at hand."""
        return self.job

    @property
    def has_anonymous_job(self) -> bool:
        """Whether the job was made for this schedule or sensor only."""
        return self.job_name.startswith(ANONYMOUS_JOB_PREFIX)


def job_of(target: AutomationTarget, context: Any) -> Any:
    """The target's job with its partitions known, from the context's definitions where the target does not have them.

    None for a selection of assets that only its workspace knows: the run finds out whether the partition exists.
    """
    job = target.job
    if getattr(job, "partitions_def", None) is not None:
        return job
    if context.has_definitions:
        return context.repository_def.get_job(target.job_name)
    return None if target.has_anonymous_job else job


def checked_name(name: str, what: str) -> str:
    """The name, if it may be one.

    Raises: InvalidDefinitionError with a name that would do.
    """
    if not isinstance(name, str) or not _NAME.match(name) or keyword.iskeyword(name):
        better = re.sub(r"\W+", "_", str(name)).strip("_") or what
        raise InvalidDefinitionError(
            f"{name!r} is not a valid name of a {what}: use letters, digits and underscores, as in {better!r}"
        )
    return name


def target_of(value: Any, owner: str) -> AutomationTarget:
    """The target that a `job=` or `target=` argument means; `owner` names the schedule or sensor.

    Raises: CheckError for something that is neither a job nor assets.
    """
    if isinstance(value, AutomationTarget):
        return value
    if _is_job_like(value):
        return AutomationTarget(value.name, value)
    if isinstance(value, (str, AssetSelection)):
        selection: Any = AssetSelection.from_coercible(value) if isinstance(value, str) else value
        return _anonymous(selection, owner)
    items = list(value) if isinstance(value, Sequence) else [value]
    if items and all(
        hasattr(item, "keys") or isinstance(item, (str,)) or hasattr(item, "to_user_string") for item in items
    ):
        assets = tuple(item for item in items if hasattr(item, "keys"))
        return _anonymous(AssetSelection.from_coercible(items), owner, assets)
    raise CheckError(
        f"{owner}: the target is a job, a graph, an asset job, assets or an asset selection, not "
        f"{value!r} ({type(value).__name__})"
    )


def _anonymous(selection: Any, owner: str, assets: tuple[Any, ...] = ()) -> AutomationTarget:
    name = f"{ANONYMOUS_JOB_PREFIX}_{owner}"
    # The jobs of assets, which a schedule or sensor of a given job does not need.
    make = asset_selection_job.define_asset_job
    return AutomationTarget(name, make(name, selection=selection), assets)


def _is_job_like(value: Any) -> bool:
    return isinstance(getattr(value, "name", None), str) and any(
        base.__name__ in ("JobDefinition", "GraphDefinition", "UnresolvedAssetJobDefinition")
        for base in type(value).__mro__
    )


def targets_of(
    owner: str,
    *,
    job_name: str | None = None,
    job: Any = None,
    jobs: Sequence[Any] | None = None,
    target: Any = None,
    asset_selection: Any = None,
) -> list[AutomationTarget]:
    """The targets that a definition's arguments name.

    Raises: InvalidDefinitionError when more than one kind of argument is given.
    """
    given = [
        name
        for name, value in (("job_name", job_name), ("job", job), ("jobs", jobs), ("target", target))
        if value is not None
    ]
    if len(given) > 1:
        raise InvalidDefinitionError(
            f"{owner}: attempted to provide more than one target: {' and '.join(given)}. Give only one of them."
        )
    if asset_selection is not None and given:
        raise InvalidDefinitionError(f"{owner}: give either asset_selection or {given[0]}, not both.")
    if job_name is not None:
        return [AutomationTarget(checked_name(job_name, "job"))]
    if job is not None:
        return [target_of(job, owner)]
    if jobs is not None:
        if not jobs:
            raise InvalidDefinitionError(f"{owner}: the list of jobs is empty; name at least one job or leave it out.")
        return [target_of(item, owner) for item in jobs]
    if target is not None:
        many = (
            isinstance(target, Sequence) and not isinstance(target, str) and target and all(map(_is_job_like, target))
        )
        return [target_of(item, owner) for item in target] if many else [target_of(target, owner)]
    if asset_selection is not None:
        return [target_of(asset_selection, owner)]
    return []
