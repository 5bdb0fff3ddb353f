"""Mappings where one or both sides have two dimensions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.key import MultiPartitionKey
from cellmill.definitions.partitions.loading import DynamicPartitionsStore
from cellmill.definitions.partitions.mapping import (
    AllPartitionMapping,
    IdentityPartitionMapping,
    PartitionMapping,
    UpstreamPartitionsResult,
    both_time_windows,
)
from cellmill.definitions.partitions.multi import MultiPartitionsDefinition
from cellmill.definitions.partitions.subset import KeysSubset, PartitionsSubset
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.partitions.time_window_mapping import TimeWindowPartitionMapping
from cellmill.errors import CheckError, InvalidDefinitionError


class DimensionPartitionMapping(NamedTuple):
    """The downstream dimension that depends on an upstream one, and how.

    Args:
        dimension_name: Name of the downstream dimension.
        partition_mapping: How its partitions correspond to those of the upstream dimension.
    """

    dimension_name: str
    partition_mapping: PartitionMapping


class DimensionDependency(NamedTuple):
    """A pair of dimensions that are joined; None stands for the whole of a definition with one dimension.

    Args:
        partition_mapping: How their partitions correspond.
        upstream_dimension_name: The upstream dimension.
        downstream_dimension_name: The downstream dimension.
    """

    partition_mapping: PartitionMapping
    upstream_dimension_name: str | None = None
    downstream_dimension_name: str | None = None


def _dimensions(definition: PartitionsDefinition) -> dict[str | None, PartitionsDefinition]:
    if isinstance(definition, MultiPartitionsDefinition):
        return {dimension.name: dimension.partitions_def for dimension in definition.partitions_defs}
    return {None: definition}


def _split(definition: PartitionsDefinition, key: str) -> dict[str | None, str]:
    if isinstance(definition, MultiPartitionsDefinition):
        return {name: part for name, part in definition.get_partition_key_from_str(key).dimension_keys}
    return {None: key}


def _joined(parts: Mapping[str | None, str]) -> str:
    return parts[None] if None in parts else MultiPartitionKey({str(name): part for name, part in parts.items()})


class _ByDimension(PartitionMapping):
    """Joins definitions dimension by dimension; a dimension without a partner corresponds to all of its keys."""

    def get_dimension_dependencies(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition
    ) -> Sequence[DimensionDependency]:
        """The pairs of dimensions that are joined."""
        raise CheckError(f"{type(self).__name__} does not say which dimensions it joins")

    def get_downstream_partitions_for_partitions(
        self,
        upstream_partitions_subset: PartitionsSubset,
        upstream_partitions_def: PartitionsDefinition,
        downstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> PartitionsSubset:
        pairs = self.get_dimension_dependencies(upstream_partitions_def, downstream_partitions_def)
        sources, targets = _dimensions(upstream_partitions_def), _dimensions(downstream_partitions_def)

        def mapped(pair: DimensionDependency, key: str) -> Iterable[str]:
            source = sources[pair.upstream_dimension_name]
            return pair.partition_mapping.get_downstream_partitions_for_partitions(
                source.subset_with_partition_keys([key]),
                source,
                targets[pair.downstream_dimension_name],
                current_time,
                dynamic_partitions_store,
            ).get_partition_keys()

        joins = [(pair.upstream_dimension_name, pair.downstream_dimension_name, pair) for pair in pairs]
        cache: dict[tuple[str | None, str], list[str]] = {}
        found: set[str] = set()
        for key in upstream_partitions_subset.get_partition_keys():
            parts = _split(upstream_partitions_def, key)
            chosen: dict[str | None, list[str]] = {}
            for source_name, target_name, pair in joins:
                at = (source_name, parts[source_name])
                if at not in cache:
                    cache[at] = list(mapped(pair, parts[source_name]))
                chosen[target_name] = cache[at]
            found.update(_product(targets, chosen, current_time, dynamic_partitions_store))
        return downstream_partitions_def.subset_with_partition_keys(found)

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: PartitionsDefinition | None,
        upstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> UpstreamPartitionsResult:
        if downstream_partitions_subset is None or downstream_partitions_def is None:
            raise CheckError("The downstream asset is not partitioned")
        pairs = self.get_dimension_dependencies(upstream_partitions_def, downstream_partitions_def)
        targets, sources = _dimensions(upstream_partitions_def), _dimensions(downstream_partitions_def)
        cache: dict[tuple[str | None, str], tuple[list[str], list[str]]] = {}
        found: set[str] = set()
        missing: set[str] = set()
        for key in downstream_partitions_subset.get_partition_keys():
            parts = _split(downstream_partitions_def, key)
            there: dict[str | None, list[str]] = {}
            needed: dict[str | None, list[str]] = {}
            for pair in pairs:
                at = (pair.downstream_dimension_name, parts[pair.downstream_dimension_name])
                if at not in cache:
                    source = sources[at[0]]
                    result = pair.partition_mapping.get_upstream_mapped_partitions_result_for_partitions(
                        source.subset_with_partition_keys([at[1]]),
                        source,
                        targets[pair.upstream_dimension_name],
                        current_time,
                        dynamic_partitions_store,
                    )
                    cache[at] = (
                        list(result.partitions_subset.get_partition_keys()),
                        list(result.required_but_nonexistent_subset.get_partition_keys()),
                    )
                there[pair.upstream_dimension_name] = cache[at][0]
                needed[pair.upstream_dimension_name] = [*cache[at][0], *cache[at][1]]
            existing = set(_product(targets, there, current_time, dynamic_partitions_store))
            found |= existing
            if any(len(needed[name]) != len(there[name]) for name in there):
                missing |= set(_product(targets, needed, current_time, dynamic_partitions_store)) - existing
        return UpstreamPartitionsResult(upstream_partitions_def.subset_with_partition_keys(found), KeysSubset(missing))


def _product(
    targets: Mapping[str | None, PartitionsDefinition],
    chosen: Mapping[str | None, list[str]],
    current_time: datetime | None,
    store: DynamicPartitionsStore | None,
) -> list[str]:
    names = list(targets)
    lists = [
        chosen[name] if name in chosen else targets[name].get_partition_keys(current_time, store) for name in names
    ]
    return [_joined(dict(zip(names, keys, strict=True))) for keys in itertools.product(*lists)]


class MultiPartitionMapping(_ByDimension):
    """Joins two multi-partitioned assets, each downstream dimension with an upstream one by a mapping of its own.

    A dimension that is not named corresponds to all keys of the other side.

    Args:
        downstream_mappings_by_upstream_dimension: For upstream dimensions by name, a `DimensionPartitionMapping` that
            names the downstream dimension.

    Raises:
        CheckError: for a mapping that is no `DimensionPartitionMapping`.
    """

    def __init__(self, downstream_mappings_by_upstream_dimension: Mapping[str, DimensionPartitionMapping]) -> None:
        for name, mapping in downstream_mappings_by_upstream_dimension.items():
            if not isinstance(mapping, DimensionPartitionMapping):
                raise CheckError(
                    f"The mapping of the dimension {name!r} is a DimensionPartitionMapping, not {mapping!r}"
                )
        self.downstream_mappings_by_upstream_dimension = dict(downstream_mappings_by_upstream_dimension)

    def _identity(self) -> tuple[object, ...]:
        return tuple(sorted(self.downstream_mappings_by_upstream_dimension.items(), key=lambda item: item[0]))

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        if not isinstance(upstream_partitions_def, MultiPartitionsDefinition):
            raise InvalidDefinitionError("Upstream partitions definition must be a MultiPartitionsDefinition")
        if not isinstance(downstream_partitions_def, MultiPartitionsDefinition):
            raise InvalidDefinitionError("Downstream partitions definition must be a MultiPartitionsDefinition")
        upstream_names = set(upstream_partitions_def.partition_dimension_names)
        downstream_names = set(downstream_partitions_def.partition_dimension_names)
        given = self.downstream_mappings_by_upstream_dimension
        _check_names("upstream", set(given), upstream_names)
        _check_names("downstream", {mapping.dimension_name for mapping in given.values()}, downstream_names)

    def get_dimension_dependencies(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition
    ) -> Sequence[DimensionDependency]:
        self.validate_partition_mapping(upstream_partitions_def, downstream_partitions_def)
        return [
            DimensionDependency(mapping.partition_mapping, upstream, mapping.dimension_name)
            for upstream, mapping in self.downstream_mappings_by_upstream_dimension.items()
        ]


def _check_names(side: str, given: set[str], there: set[str]) -> None:
    unknown = sorted(given - there)
    if unknown:
        raise InvalidDefinitionError(
            f"Dimension names {unknown} are not dimensions of the {side} asset, which has {sorted(there)}"
        )


class MultiToSingleDimensionPartitionMapping(_ByDimension):
    """Joins a multi-partitioned asset and one that is partitioned as one of its dimensions, in either direction.

    Args:
        partition_dimension_name: The dimension of the multi-partitioned side; None finds the one that has the other
            side's partitions, or also windows of time.
    """

    def __init__(self, partition_dimension_name: str | None = None) -> None:
        self.partition_dimension_name = partition_dimension_name

    def _identity(self) -> tuple[object, ...]:
        return (self.partition_dimension_name,)

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        if downstream_partitions_def is None:
            raise InvalidDefinitionError("The downstream asset is not partitioned")
        self.get_dimension_dependencies(upstream_partitions_def, downstream_partitions_def)

    def get_dimension_dependencies(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition
    ) -> Sequence[DimensionDependency]:
        pair, problem = single_dimension_pair(
            upstream_partitions_def, downstream_partitions_def, self.partition_dimension_name
        )
        if pair is None:
            raise InvalidDefinitionError(problem)
        return [pair]


def single_dimension_pair(
    upstream: PartitionsDefinition, downstream: PartitionsDefinition, dimension_name: str | None = None
) -> tuple[DimensionDependency | None, str]:
    """The dimension of the multi-partitioned side that the other side corresponds to, or None and the reason."""
    upstream_multi = isinstance(upstream, MultiPartitionsDefinition)
    if upstream_multi == isinstance(downstream, MultiPartitionsDefinition):
        return None, (
            "Can only map between one multi-partitioned and one single-dimensional asset; use "
            "MultiPartitionMapping where both are"
        )
    multi, single = (upstream, downstream) if upstream_multi else (downstream, upstream)
    assert isinstance(multi, MultiPartitionsDefinition)
    names = [
        name
        for name, dimension in _dimensions(multi).items()
        if name == dimension_name
        or (dimension_name is None and (dimension == single or both_time_windows(dimension, single)))
    ]
    if len(names) != 1:
        reason = "no dimension" if not names else "more than one dimension"
        return None, (
            f"{reason.capitalize()} of the multi-partitions definition "
            f"({multi.partition_dimension_names}) corresponds to the "
            "other partitions definition; give MultiToSingleDimensionPartitionMapping the name of the dimension"
        )
    dimension = _dimensions(multi)[names[0]]
    windows = isinstance(dimension, TimeWindowPartitionsDefinition) and isinstance(
        single, TimeWindowPartitionsDefinition
    )
    mapping: PartitionMapping = (
        TimeWindowPartitionMapping() if windows and dimension != single else IdentityPartitionMapping()
    )
    if upstream_multi:
        return DimensionDependency(mapping, names[0], None), ""
    return DimensionDependency(mapping, None, names[0]), ""


def infer_partition_mapping(
    partition_mapping: PartitionMapping | None,
    downstream_partitions_def: PartitionsDefinition | None,
    upstream_partitions_def: PartitionsDefinition | None,
) -> PartitionMapping:
    """The given mapping, or the default for these definitions: overlapping windows, else same keys, else all.

    Args:
        partition_mapping: The mapping that the user gave, if any.
        downstream_partitions_def: Partitions of the asset that reads; None for none.
        upstream_partitions_def: Partitions of the asset that is read; None for none.
    """
    if partition_mapping is not None:
        return partition_mapping
    upstream, downstream = upstream_partitions_def, downstream_partitions_def
    if upstream is None or downstream is None:
        return AllPartitionMapping()
    if both_time_windows(upstream, downstream):
        return TimeWindowPartitionMapping()
    if single_dimension_pair(upstream, downstream)[0] is not None:
        return MultiToSingleDimensionPartitionMapping()
    if upstream == downstream or type(upstream) is type(downstream):
        return IdentityPartitionMapping()
    return AllPartitionMapping()
