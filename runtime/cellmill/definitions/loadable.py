"""Checking a code location when it is loaded: all that would only fail in a run is found now, together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.resource_requirements import (
    ResourceRequirement,
    requirements_of_attached,
    requirements_of_hooks,
    requirements_of_op,
    requirements_of_resources,
    unfit_managers,
    unprovided,
    unprovided_of,
)
from cellmill.definitions.selection_grammar import nearest
from cellmill.errors import CellmillError, InvalidDefinitionError


def check_loadable(repository: Any) -> None:
    """Raise what keeps a code location from being used: the error itself, or all of them in one."""
    problems: list[CellmillError] = []
    for name in list(repository.job_names):
        try:
            repository.get_job(name)
        except CellmillError as error:
            problems.append(error)
    problems.extend(missing_anywhere(repository))
    try:
        _ = repository.asset_graph.toposorted_asset_keys
    except CellmillError as error:
        if not any("ircular" in str(known) for known in problems):
            problems.append(error)
    catalog = repository.catalog
    problems.extend(error for _, error in unknown_inputs(catalog.executable(), catalog.by_key))
    problems.extend(_problems_of_assets(repository))
    problems.extend(_other_partitions_of_checks(repository))
    problems.extend(unknown_targets(repository))
    raise_together(problems)


def unknown_inputs(
    definitions: Iterable[Any], known: Mapping[AssetKey, Any]
) -> Iterator[tuple[AssetKey, InvalidDefinitionError]]:
    """Yield each asset that one of the definitions loads and that nobody declares, with the error that says so."""
    for one in definitions:
        for name, key in one.keys_by_input_name.items():
            if key in known or one.node_def.input_dict[name].is_nothing:
                continue
            others = {other.to_user_string(): other for other in known if other not in one.keys}
            close = sorted(others[near].to_string() for near in get_close_matches(key.to_user_string(), others, n=5))
            hint = " Add the asset, or an AssetSpec for what is made elsewhere."
            if close:
                hint = f" Did you mean one of the following?\n\t{', '.join(close)}"
            makers = ", ".join(sorted(own.to_string() for own in one.keys))
            error = InvalidDefinitionError(
                f"Input asset '{key.to_string()}' of {makers} is not produced by any of the provided asset ops and is "
                f"not one of the provided sources.{hint}"
            )
            yield key, error


def _problems_of_assets(repository: Any) -> Iterator[CellmillError]:
    """Yield an error for each asset whose partitions are of a class of the user's own."""
    for one in repository.catalog.definitions:
        partitions = one.partitions_def
        if partitions is not None and not _is_known_kind(type(partitions)):
            yield InvalidDefinitionError(
                f"{', '.join(key.to_user_string() for key in sorted(one.keys))}: Custom PartitionsDefinition "
                f"subclasses, as {type(partitions).__name__} is one, cannot be known to the daemon and the screen. Use "
                "static or dynamic partitions of the keys that it would list."
            )


def _is_known_kind(kind: type[Any]) -> bool:
    """Whether partitions are of one of the classes here, or of one that a user derived from these."""
    return any(
        base.__module__.startswith("cellmill.") and base.__name__ != "PartitionsDefinition" for base in kind.__mro__
    )


def _other_partitions_of_checks(repository: Any) -> Iterator[CellmillError]:
    """Yield an error for each check that is evaluated in other partitions than its asset has."""
    for one in repository.catalog.definitions:
        for spec in one.check_specs_by_output_name.values():
            target = repository.catalog.by_key.get(spec.asset_key)
            if spec.partitions_def is None or target is None:
                continue
            whole = target.specs_by_key[spec.asset_key].partitions_def or target.partitions_def
            if whole != spec.partitions_def:
                name = spec.asset_key.to_user_string()
                yield InvalidDefinitionError(
                    f"Asset check '{name}:{spec.name}' targets asset '{name}' but has a different partitions "
                    f"definition ({spec.partitions_def}) than the asset ({whole}). Give it the asset's, or none."
                )


def unknown_targets(repository: Any) -> Iterator[CellmillError]:
    """Yield an error for each job that a schedule or sensor starts by name and that nobody gives."""
    for one in (*repository.schedules.values(), *repository.sensors.values()):
        for target in getattr(one, "targets", ()):
            name = target.job_name
            if not repository.has_job(name) and not name.startswith("__"):
                yield InvalidDefinitionError(
                    f"{type(one).__name__} '{one.name}' targets job \"{name}\" which was not found in this repository."
                    f"{nearest(name, repository.job_names)} "
                    f"It has {[known for known in repository.job_names if not known.startswith('__')]}."
                )


def missing_anywhere(repository: Any) -> list[InvalidDefinitionError]:
    """Return an error for each resource that a definition of the location needs and that is not there for it.

    An asset has its own resources and those of the location, not those of other assets.
    """
    common: Mapping[str, Any] = repository.resources
    found: list[InvalidDefinitionError] = []
    for one in repository.catalog.definitions:
        found.extend(_missing_of_asset(one, {**common, **one.resource_defs} if one.resource_defs else common))
    for job in repository.declared_jobs:
        if hasattr(job, "with_top_level_resources"):
            found.extend(unprovided(job.with_top_level_resources(common)))
        else:  # its assets were looked at above
            found.extend(unprovided_of(requirements_of_attached(job.hooks or (), f"job '{job.name}'"), common))
    for what, owners in (("schedule", repository.schedules), ("sensor", repository.sensors)):
        for name, one in owners.items():
            keys = sorted(getattr(one, "required_resource_keys", ()))
            found.extend(unprovided_of((ResourceRequirement(key, f"{what} '{name}'") for key in keys), common))
    found.extend(unprovided_of(requirements_of_resources(common), common))
    return list({str(error): error for error in found}.values())


def _missing_of_asset(one: Any, given: Mapping[str, Any]) -> Iterator[InvalidDefinitionError]:
    if one.is_executable:
        ops = list(one.node_def.iterate_op_defs()) if one.node_def.is_graph else [one.node_def]
        for op in ops:
            yield from unprovided_of(requirements_of_op(op), given, op)
        yield from unfit_managers(ops, given)
        if one.node_def.is_graph:
            yield from unprovided_of(requirements_of_hooks(one.node_def), given)
        yield from unprovided_of(requirements_of_attached(one.hook_defs, f"asset '{one.node_def.name}'"), given)
    elif getattr(one, "io_manager_key", None):
        who = f"SourceAsset with key {one.key.to_string()}"
        wanted = ResourceRequirement(one.io_manager_key, who, "io manager", "IOManagerDefinition")
        yield from unprovided_of([wanted], given)
    if one.resource_defs:
        yield from unprovided_of(requirements_of_resources(one.resource_defs, given), given)


def raise_together(problems: Sequence[CellmillError]) -> None:
    """Raise the one problem itself, or several in one."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        lines = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, 1))
        raise InvalidDefinitionError(f"These definitions cannot be used, for {len(problems)} reasons:\n{lines}")
