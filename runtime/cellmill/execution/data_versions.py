"""The tags that say which data version a step made, and which versions went into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.output import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
    DataVersion,
)
from cellmill.definitions.tags import NON_DETERMINISTIC_TAG
from cellmill.definitions.value_ref import ValueRef
from cellmill.first_use import on_first_use
from cellmill.planning.data_version import combined_version, data_version

if TYPE_CHECKING:
    from cellmill.definitions.partitions import loading
    from cellmill.definitions.partitions import upstream as partitions_read
    from cellmill.execution.services import Services
else:
    loading = on_first_use("cellmill.definitions.partitions.loading")
    partitions_read = on_first_use("cellmill.definitions.partitions.upstream")


def code_version_of(output: Any) -> str | None:
    """The code version of the asset that an output of a step is."""
    spec = None if output.assets is None else output.assets.specs_by_key.get(output.asset_key)
    version: str | None = (spec.code_version if spec is not None else None) or output.definition.code_version
    return version


def version_tags(
    step: Any, services: Services, output: Any, user: DataVersion | None, ref: ValueRef | None, partition: str | None
) -> dict[str, str]:
    """The tags of one materialization: code version, data version, and the data versions of its upstreams."""
    code = code_version_of(output)
    tags: dict[str, str] = {CODE_VERSION_TAG: code if code is not None else services.run_id}
    inputs: dict[str, str | None] = {}
    for key, version in input_versions(step, services, output, partition):
        text = key.to_user_string()
        inputs[text] = version
        if version is not None:
            tags[f"{INPUT_DATA_VERSION_TAG_PREFIX}/{text}"] = version
    if user is not None:
        tags[DATA_VERSION_IS_USER_PROVIDED_TAG] = "true"
    tags[DATA_VERSION_TAG] = data_version(
        given=None if user is None else user.value,
        ref=ref,
        code_version=code,
        inputs=inputs,
        run_id=services.run_id,
        deterministic=_is_deterministic(output),
    )
    return tags


def _is_deterministic(output: Any) -> bool:
    spec = None if output.assets is None else output.assets.specs_by_key.get(output.asset_key)
    return spec is None or spec.tags.get(NON_DETERMINISTIC_TAG) != "true"


def input_versions(
    step: Any, services: Services, output: Any, partition: str | None
) -> Iterable[tuple[AssetKey, str | None]]:
    """The current data version of each upstream: of the partitions that go into `partition`, where it has some."""
    assets = output.assets
    deps = None if assets is None else assets.asset_deps.get(output.asset_key)
    if not deps:
        return ()
    partitioned = {one.asset_key: one.partitions_def for one in step.inputs if one.partitions_def is not None}
    known = services.versions
    missing = deps.difference(known)  # by the hashes that the set keeps, without asking a key for its own
    if missing and (missing := missing.difference(partitioned)):
        find = services.find_versions
        known.update(find(list(missing)) if find is not None else dict.fromkeys(missing))
    if not partitioned:
        return [(key, known[key]) for key in deps]
    return [
        (key, _of_partitions(services, assets, key, partitioned[key], partition) if key in partitioned else known[key])
        for key in deps
    ]


def _of_partitions(
    services: Services, assets: Any, key: AssetKey, definition: Any, partition: str | None
) -> str | None:
    """The version of all the partitions of an upstream together that go into one partition."""
    with loading.partition_loading_context(None, services.instance):
        own = None if partition is None else assets.partitions_def
        keys = partitions_read.upstream_partition_keys(partition, own, definition, assets.get_partition_mapping(key))
        if keys is None:
            keys = definition.get_partition_keys()
    made = services.partition_versions
    versions = {one: made[key, one] for one in keys if (key, one) in made}
    missing = [one for one in keys if one not in versions]
    if missing and services.find_partition_versions is not None:
        versions.update(services.find_partition_versions(key, missing))
    return combined_version(versions)
