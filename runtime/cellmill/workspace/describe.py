"""A location's definitions as a manifest: the answer that a host gives when it is asked what it offers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.code_location import Definitions
from cellmill.definitions.config.json_schema import config_json_schema
from cellmill.definitions.config.secrets import secret_paths
from cellmill.definitions.graph_wiring import parts_of
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.run_config_schema import run_config_schema
from cellmill.errors import InvalidDefinitionError
from cellmill.workspace.cache import file_digest
from cellmill.workspace.describe_automation import condition_text, schedule_entry, sensor_entry
from cellmill.workspace.freshness_policies import freshness_to_json
from cellmill.workspace.loading import load_location_definitions
from cellmill.workspace.manifest import (
    AssetEntry,
    CheckEntry,
    JobEntry,
    Manifest,
    OpEntry,
    ResourceEntry,
    SecretEntry,
)
from cellmill.workspace.partition_mappings import mapping_to_json, policy_to_json
from cellmill.workspace.partitions import partitions_to_json


def describe_location(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a module, package or file as JSON data, with the digests of the files it was made from."""
    before = set(sys.modules)
    definitions = load_location_definitions(request)
    definitions.validate_loadable(definitions)
    manifest = describe_definitions(definitions, Path(request["working_directory"]))
    sources = own_sources(before, Path(request["working_directory"]))
    return {**manifest.to_json(), "sources": sources}


def describe_definitions(definitions: Definitions, root: Path | None = None) -> Manifest:
    """Return what `definitions` hold as plain data; files are named from `root`."""
    assets = [entry for item in definitions.assets or () for entry in describe_assets(item, root)]
    checks = [entry for item in definitions.asset_checks or () for entry in _checks(item)]
    every = list(definitions.get_all_job_defs())
    jobs = [describe_job(job) for job in every if not job.name.startswith("__")]
    return Manifest(
        assets=tuple(assets),
        checks=tuple(checks),
        jobs=tuple(jobs),
        schedules=tuple(schedule_entry(schedule) for schedule in definitions.get_repository_def().schedule_defs),
        sensors=tuple(sensor_entry(sensor, assets) for sensor in definitions.sensors or ()),
        resources=tuple(
            ResourceEntry(name=name, type=type(value).__name__) for name, value in (definitions.resources or {}).items()
        ),
        secrets=secrets_of(every),
        executor=getattr(definitions.executor, "name", None),
    )


def secrets_of(jobs: Iterable[Any]) -> tuple[SecretEntry, ...]:
    """Return the places of secrets in the run config of jobs."""
    schemas = [run_config_schema(job).config_type for job in jobs if isinstance(job, JobDefinition)]
    paths = {path for schema in schemas for path in secret_paths(schema)}
    return tuple(SecretEntry(path=path) for path in sorted(paths))


def own_sources(before: Set[str], folder: Path, opened: Iterable[Path] = ()) -> dict[str, str]:
    """Return the digests of the workspace's own files: `opened`, and those of modules that are not among `before`."""
    found: dict[str, str] = {}
    root = str(folder.resolve()) + os.sep
    for name in set(sys.modules) - before:
        path = getattr(sys.modules.get(name), "__file__", None)
        if path and str(Path(path).resolve()).startswith(root) and "site-packages" not in path:
            found[path] = file_digest(Path(path).read_bytes())
    return found | {str(path): file_digest(path.read_bytes()) for path in opened if path.is_file()}


# -- assets ----------------------------------------------------------------------------------------------------


def describe_assets(item: Any, root: Path | None = None) -> Iterable[AssetEntry]:
    """Yield the assets of one definition; files are named from `root`."""
    specs = getattr(item, "specs", None)
    if specs is None:
        key = getattr(item, "key", None)
        if isinstance(key, AssetKey):
            yield _entry(item, key, materializable=False, observable=bool(getattr(item, "is_observable", False)))
        return
    together = [key.parts for key in item.keys] if len(item.keys) > 1 and not item.can_subset else []
    checks: dict[AssetKey, list[str]] = {}
    for check in item.check_keys:
        checks.setdefault(check.asset_key, []).append(check.name)
    blocking = {check.key for check in getattr(item, "check_specs", ()) if check.blocking}
    for spec in specs:
        yield _entry(
            spec,
            spec.key,
            materializable=bool(item.is_materializable),
            observable=bool(item.is_observable),
            observe_every_min=item.auto_observe_interval_minutes if item.is_observable else None,
            op=getattr(item.node_def, "name", None),
            can_subset=len(item.keys) == 1 or item.can_subset,
            siblings=tuple(together),
            checks=tuple(sorted(checks.get(spec.key, ()))),
            blocking_checks=tuple(sorted(check.name for check in blocking if check.asset_key == spec.key)),
            check_automation={
                check.name: condition_text(check.automation_condition)
                for check in getattr(item, "check_specs", ())
                if check.asset_key == spec.key and check.automation_condition is not None
            },
            upstream=tuple(sorted(key.parts for key in item.asset_deps.get(spec.key, ()) if key != spec.key)),
            mappings=_mappings(item, spec.key),
            backfill_limit=policy_to_json(getattr(item, "backfill_policy", None)),
            **_place(item, root),
        )


def _entry(spec: Any, key: AssetKey, **more: Any) -> AssetEntry:
    partitions = getattr(spec, "partitions_def", None)
    condition = getattr(spec, "automation_condition", None)
    deps = tuple(dep.asset_key.parts for dep in getattr(spec, "deps", ()) or ())
    return AssetEntry(
        **{
            "key": key.parts,
            "upstream": deps,
            "code_version": getattr(spec, "code_version", None),
            "group": getattr(spec, "group_name", None) or "default",
            "description": getattr(spec, "description", None),
            "tags": dict(getattr(spec, "tags", None) or {}),
            "owners": tuple(getattr(spec, "owners", None) or ()),
            "kinds": tuple(sorted(getattr(spec, "kinds", None) or ())),
            "metadata": _plain(getattr(spec, "metadata", None) or {}),
            "partitions": partitions_to_json(partitions) if partitions is not None else None,
            "automation": condition_text(condition),
            "virtual": bool(getattr(spec, "is_virtual", False)),
            "freshness": freshness_to_json(getattr(spec, "freshness_policy", None)),
            **more,
        }
    )


def _mappings(item: Any, key: AssetKey) -> dict[str, Any]:
    """Return the declared partition mappings of an asset by its upstream's key, its own among them."""
    declared = getattr(item, "partition_mappings", None) or {}
    above = item.asset_deps.get(key, ())
    found = {}
    for up in above:
        if declared.get(up) is not None:
            try:
                found[up.to_escaped_user_string()] = mapping_to_json(declared[up])
            except InvalidDefinitionError as error:
                names = f"asset {key.to_user_string()!r}, upstream {up.to_user_string()!r}"
                raise InvalidDefinitionError(f"{names}: {error}") from None
    return found


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as JSON data; what is none becomes its text."""
    found: dict[str, Any] = {}
    for name, value in metadata.items():
        inner = getattr(value, "value", value)
        plain = isinstance(inner, (str, int, float, bool, type(None)))
        found[str(name)] = inner if plain else str(inner)
    return found


def _place(item: Any, root: Path | None) -> dict[str, Any]:
    """Return the file and line of the function that makes an asset."""
    function = getattr(getattr(item, "node_def", None), "compute_fn", None)
    function = getattr(function, "decorated_fn", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return {}
    inside = root is not None and Path(code.co_filename).is_relative_to(root)
    file = os.path.relpath(code.co_filename, root) if inside else code.co_filename
    return {"file": file, "line": code.co_firstlineno}


def _checks(item: Any) -> Iterable[CheckEntry]:
    for spec in getattr(item, "check_specs", ()):
        yield CheckEntry(
            asset=spec.asset_key.parts,
            name=spec.name,
            blocking=bool(spec.blocking),
            description=spec.description,
            automation=condition_text(spec.automation_condition),
            partitioned=spec.partitions_def is not None,
            upstream=tuple(dep.asset_key.parts for dep in spec.additional_deps),
        )


# -- jobs, schedules, sensors ----------------------------------------------------------------------------------


def describe_job(job: Any) -> JobEntry:
    """Return a job whose ops or assets are known."""
    partitions = getattr(job, "partitions_def", None)
    layer = getattr(job, "asset_layer", None)
    keys = getattr(job, "asset_keys", None) or getattr(layer, "selected_asset_keys", None) or ()
    graph = getattr(job, "graph", job)
    name = getattr(graph, "name", job.name)
    return JobEntry(
        name=job.name,
        description=getattr(job, "description", None),
        assets=tuple(sorted(key.parts for key in keys)),
        ops=() if keys else tuple(_nodes(graph)),
        graph=name if name != job.name and not keys else None,
        config=_config(job),
        tags={name: str(value) for name, value in (getattr(job, "tags", None) or {}).items()},
        partitions=partitions_to_json(partitions) if partitions is not None else None,
        automation=condition_text(getattr(job, "automation_condition", None)),
    )


def _config(job: Any) -> dict[str, Any]:
    """Return the JSON Schema of what may configure a run of the job; defaults that are no JSON are told as text."""
    if not isinstance(job, JobDefinition):
        return {}
    schema: dict[str, Any] = json.loads(json.dumps(config_json_schema(run_config_schema(job).config_type), default=str))
    return schema


def _nodes(graph: Any) -> list[dict[str, Any]]:
    """Return the nodes of a graph, and of the graphs in it, each with the nodes it waits for."""
    found = []
    for node in getattr(graph, "nodes", ()):
        dependencies = graph.wiring.get(node.name, {}).values()
        above = dict.fromkeys(part.node for dependency in dependencies for part in parts_of(dependency))
        entry = OpEntry(
            name=node.name,
            upstream=tuple(above),
            description=getattr(node.definition, "description", None),
            ops=tuple(_nodes(node.definition)) if node.is_graph else (),
        )
        found.append(entry.to_json())
    return found
