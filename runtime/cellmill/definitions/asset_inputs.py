"""The inputs of an asset's function: which asset each of them is, and those that only give an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.asset_spec import AssetDep, AssetIn
from cellmill.definitions.inference import FunctionShape, describe_place
from cellmill.definitions.output import NO_VALUE
from cellmill.definitions.port import InputDefinition, is_nothing_type
from cellmill.errors import CheckError, InvalidDefinitionError


class AssetInput:
    """One input of an asset's function, with the asset that it is."""

    __slots__ = ("definition", "key", "metadata", "partition_mapping")

    def __init__(self, key: AssetKey, definition: InputDefinition, partition_mapping: Any = None) -> None:
        self.key = key
        self.definition = definition
        self.partition_mapping = partition_mapping
        #: What a declared dependency says of itself.
        self.metadata: Mapping[str, Any] | None = None

    def as_dep(self) -> AssetDep:
        """Return the dependency that the input is."""
        return AssetDep(self.key, partition_mapping=self.partition_mapping, metadata=self.metadata)


def order_input(key: AssetKey, taken: Iterable[str]) -> InputDefinition:
    """Return the input by which an asset is waited for and not loaded."""
    base = key.to_python_identifier().replace("-", "_").replace("/", "_")
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    made = InputDefinition("upstream", None)
    made.name = name
    return made


def asset_inputs(
    shape: FunctionShape,
    ins: Mapping[str, Any] | None,
    deps: Iterable[AssetDep],
    owner: str,
) -> dict[str, AssetInput]:
    """Return the inputs by name: the function's parameters, then the dependencies without a value.

    Raises:
        InvalidDefinitionError: where both say something of one asset.
    """
    given = {name: AssetIn.from_coercible(one) for name, one in (ins or {}).items()}
    found: dict[str, AssetInput] = {}
    names = list(shape.input_names)
    for name in given:
        if name not in names and not _is_order_only(given[name]):
            if not shape.has_var_keyword:
                raise InvalidDefinitionError(
                    f"{owner} ({describe_place(shape.fn)}): key '{name}' in provided ins dict does not correspond to "
                    f"any of the names of the arguments to the decorated function, which are {names}."
                )
        if name not in names:
            names.append(name)
    for name in names:
        found[name] = _one_input(name, given.get(name), shape)
    taken = {one.key: one for one in found.values()}
    for dep in deps:
        _check_declared_once(dep.asset_key, given, owner)
        if dep.asset_key in taken:
            if taken[dep.asset_key].partition_mapping is None:
                taken[dep.asset_key].partition_mapping = dep.partition_mapping
        else:
            made = order_input(dep.asset_key, found)
            found[made.name] = taken[dep.asset_key] = AssetInput(dep.asset_key, made, dep.partition_mapping)
        taken[dep.asset_key].metadata = dep.metadata
    return found


def _check_declared_once(key: AssetKey, given: Mapping[str, AssetIn], owner: str) -> None:
    """Raise where an input says more of an asset than that it is the one in deps."""
    for name, one in given.items():
        if (one.key or AssetKey(name)) != key:
            continue
        more = [what for what in ("partition_mapping", "metadata", "key_prefix") if getattr(one, what) is not None]
        if one.dagster_type is not NO_VALUE:
            more.append("dagster_type")
        if more:
            raise InvalidDefinitionError(
                f"{owner}: {key.to_user_string()!r} is in deps, and the AssetIn of {name!r} gives its {more[0]}. "
                "Declare it in one place only."
            )


def _is_order_only(given: AssetIn) -> bool:
    return given.dagster_type is not NO_VALUE and is_nothing_type(given.dagster_type)


def _one_input(name: str, given: AssetIn | None, shape: FunctionShape) -> AssetInput:
    default = shape.defaults.get(name, NO_VALUE)
    hint = shape.annotation(name)
    if given is None:
        return AssetInput(AssetKey(name), InputDefinition(name, hint, default_value=default))
    if given.key is not None:
        key = given.key
    else:
        key = AssetKey([*(given.key_prefix or ()), name])
    declared = hint if given.dagster_type is NO_VALUE else given.dagster_type
    definition = InputDefinition(
        name, declared, default_value=default, metadata=given.metadata, input_manager_key=given.input_manager_key
    )
    return AssetInput(key, definition, given.partition_mapping)


def without_inputs(
    op_def: Any, keys_by_input_name: Mapping[str, AssetKey], gone: Iterable[str]
) -> tuple[Any, dict[str, AssetKey]]:
    """Return the op and its keys without assets that it waited for.

    Raises:
        CheckError: for one whose value is a parameter of the function.
    """
    left_out = set(gone)
    for name in left_out & set(op_def.shape.input_names):
        raise CheckError(
            f"The dependency on {keys_by_input_name[name].to_user_string()!r} cannot be taken away: it is the "
            f"parameter {name!r} of the function of {op_def.name!r} ({describe_place(op_def.compute_fn)})."
        )
    kept = tuple(one for one in op_def.input_defs if one.name not in left_out)
    return op_def.copy_with(input_defs=kept), {n: k for n, k in keys_by_input_name.items() if n not in left_out}


def with_order_inputs(
    op_def: Any, keys_by_input_name: Mapping[str, AssetKey], more: Iterable[AssetKey]
) -> tuple[Any, dict[str, AssetKey]]:
    """Return the op and its keys with more assets to wait for."""
    inputs = list(op_def.input_defs)
    keys = dict(keys_by_input_name)
    for key in sorted(more):
        made = order_input(key, [one.name for one in inputs])
        inputs.append(made)
        keys[made.name] = key
    return op_def.copy_with(input_defs=tuple(inputs)), keys
