"""Checks on assets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.asset_inputs import AssetInput, asset_inputs, order_input
from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.asset_node import make_op, op_tags_of
from cellmill.definitions.asset_spec import AssetIn, coerced_deps
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.inference import FunctionShape, docstring_summary
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.output import DEFAULT_OUTPUT, normalized
from cellmill.definitions.port import OutputDefinition
from cellmill.errors import CheckError, InvalidCheckSpecError, InvalidDefinitionError


class AssetCheckSpec:
    """What is known of a check apart from how it is made.

    Args:
        name: The check's name, unique for its asset.
        asset: The asset that is checked: its key, the key's text, a spec or a definition.
        description: What is checked.
        additional_deps: Other assets that must be made before the check is evaluated.
        blocking: Whether a failure with severity ERROR keeps what is downstream of the asset from being made in the
            same run.
        metadata: What is known of the check, by name.
        automation_condition: When the check is to be evaluated without being asked.
        partitions_def: The partitions that the check is evaluated in; None evaluates it for the whole asset.

    Raises:
        InvalidDefinitionError: where the asset is among its own additional dependencies.
    """

    __slots__ = (
        "additional_deps",
        "asset_key",
        "automation_condition",
        "blocking",
        "description",
        "given_metadata",
        "name",
        "partitions_def",
    )

    def __init__(
        self,
        name: str,
        *,
        asset: Any,
        description: str | None = None,
        additional_deps: Iterable[Any] | None = None,
        blocking: bool = False,
        metadata: Mapping[str, Any] | None = None,
        automation_condition: Any = None,
        partitions_def: Any = None,
    ) -> None:
        if not isinstance(name, str):
            raise CheckError(f"The name of an AssetCheckSpec is a str; got {name!r}.")
        self.name = name
        self.asset_key = asset if isinstance(asset, AssetKey) else AssetKey.from_coercible_or_definition(asset)
        self.description = description
        self.additional_deps = coerced_deps(additional_deps)
        if any(dep.asset_key == self.asset_key for dep in self.additional_deps):
            shown = self.asset_key.to_string()
            raise InvalidCheckSpecError(
                f"Asset check {name} for asset {shown} cannot have an additional dependency on asset {shown}. It waits "
                "for that asset as it is."
            )
        self.blocking = blocking
        self.given_metadata = metadata or {}
        self.automation_condition = automation_condition
        self.partitions_def = partitions_def

    @property
    def key(self) -> AssetCheckKey:
        """The check's key."""
        return AssetCheckKey(self.asset_key, self.name)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata as given."""
        return self.given_metadata

    def get_python_identifier(self) -> str:
        """Return a name for outputs: the asset's key and the check's name."""
        return f"{self.asset_key.to_python_identifier()}_{self.name}"

    def replace_key(self, key: AssetCheckKey) -> AssetCheckSpec:
        """Return the same check under another key.

        Args:
            key: The new asset and name.
        """
        return AssetCheckSpec(
            key.name,
            asset=key.asset_key,
            description=self.description,
            additional_deps=self.additional_deps,
            blocking=self.blocking,
            metadata=self.given_metadata,
            automation_condition=self.automation_condition,
            partitions_def=self.partitions_def,
        )

    @property
    def normalized_metadata(self) -> Mapping[str, Any]:
        """The metadata with every value as a metadata value."""
        return normalized(self.given_metadata)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetCheckSpec) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.name, self.asset_key))

    def __repr__(self) -> str:
        return f"AssetCheckSpec({self.name!r}, asset={self.asset_key.to_user_string()!r})"


class AssetChecksDefinition(AssetsDefinition):
    """One op that evaluates checks and makes no asset."""

    @property
    def name(self) -> str:
        """The name of the only check."""
        return self.check_key.name

    def __repr__(self) -> str:
        return f"AssetChecksDefinition({sorted(self.check_specs_by_key)})"

    @property
    def asset_key(self) -> AssetKey:
        """The key of the asset that all the checks are on."""
        found = {key.asset_key for key in self.check_specs_by_key}
        if len(found) != 1:
            raise CheckError(f"Expected the checks to be on one asset; they are on {sorted(found)}.")
        return next(iter(found))


def asset_check(
    *,
    asset: Any,
    name: str | None = None,
    description: str | None = None,
    blocking: bool = False,
    additional_ins: Mapping[str, AssetIn] | None = None,
    additional_deps: Iterable[Any] | None = None,
    required_resource_keys: AbstractSet[str] | None = None,
    resource_defs: Mapping[str, object] | None = None,
    config_schema: Any = None,
    compute_kind: str | None = None,
    op_tags: Mapping[str, Any] | None = None,
    retry_policy: Any = None,
    metadata: Mapping[str, Any] | None = None,
    automation_condition: Any = None,
    pool: str | None = None,
    partitions_def: Any = None,
) -> Callable[[Callable[..., Any]], AssetChecksDefinition]:
    """Make the decorated function a check of an asset: it returns an `AssetCheckResult`, or a bool.

    A parameter that is neither `context`, `config` nor a resource gets the asset's value; a function without one reads
    what it needs itself.

    >>> @asset_check(asset="orders", blocking=True)
    ... def not_empty(orders: list[int]) -> AssetCheckResult:
    ...     return AssetCheckResult(passed=bool(orders), metadata={"rows": len(orders)})
    >>> not_empty([1, 2]).passed
    True

    Args:
        asset: The asset that is checked: its key, the key's text, a spec or a definition.
        name: The check's name, unique for its asset; None takes the function's.
        description: What is checked; None takes the first paragraph of the docstring.
        blocking: Whether a failure with severity ERROR keeps what is downstream of the asset from being made in the
            same run.
        additional_ins: By parameter, other assets whose values are loaded.
        additional_deps: Other assets that must be made before, and are not loaded.
        required_resource_keys: Keys of resources that the body reads from `context.resources`.
        resource_defs: Resources by key for this check only.
        config_schema: Schema of `context.op_config`; excludes a `config` parameter.
        compute_kind: What the check is made with, as a word that is shown.
        op_tags: Tags of the op behind the check.
        retry_policy: How a failed step is run again; None asks the job's.
        metadata: What is known of the check, by name.
        automation_condition: When the check is to be evaluated without being asked.
        pool: Concurrency pool whose limit holds for the check's steps.
        partitions_def: The partitions that the check is evaluated in; None evaluates it for the whole asset.

    Returns:
        A decorator that makes an `AssetChecksDefinition` of a function.

    Raises:
        InvalidDefinitionError: where the parameters name more than one asset, or an unknown one.
    """

    def decorate(fn: Callable[..., Any]) -> AssetChecksDefinition:
        own = name or fn.__name__
        key = AssetKey.from_coercible_or_definition(asset)
        owner = f"@asset_check '{own}'"
        _check_target_named_once(own, key, additional_ins, additional_deps)
        resources = checked_resources(resource_defs, owner) if resource_defs else {}
        spec = AssetCheckSpec(
            own,
            asset=key,
            description=description if description is not None else docstring_summary(fn),
            additional_deps=[
                *(additional_deps or ()),
                *(one.key for one in (additional_ins or {}).values() if one.key is not None),
            ],
            blocking=blocking,
            metadata=metadata,
            automation_condition=automation_condition,
            partitions_def=partitions_def,
        )
        shape = FunctionShape(fn)
        inputs = _check_inputs(shape, key, spec, additional_ins, owner)
        op_def = make_op(
            fn,
            shape,
            spec.get_python_identifier(),
            [one.definition for one in inputs.values()],
            [OutputDefinition(None, DEFAULT_OUTPUT)],
            description=spec.description,
            config_schema=config_schema,
            required_resource_keys=frozenset(required_resource_keys or ()) | resources.keys(),
            tags=op_tags_of(op_tags, compute_kind, None, owner),
            retry_policy=retry_policy,
            pool=pool,
        )
        return AssetChecksDefinition(
            keys_by_input_name={one: given.key for one, given in inputs.items()},
            keys_by_output_name={},
            node_def=op_def,
            resource_defs=resources,
            check_specs_by_output_name={DEFAULT_OUTPUT: spec},
            is_checks=True,
            partitions_def=partitions_def,
        )

    return decorate


def _check_target_named_once(
    name: str, key: AssetKey, additional_ins: Mapping[str, AssetIn] | None, additional_deps: Iterable[Any] | None
) -> None:
    named: dict[str, list[AssetKey | None]] = {
        "additional_ins": [one.key for one in (additional_ins or {}).values()],
        "additional_deps": [dep.asset_key for dep in coerced_deps(additional_deps)],
    }
    for parameter, keys in named.items():
        if key in keys:
            raise InvalidDefinitionError(
                f"When defining check '{name}', asset '{key.to_user_string()}' was passed to `asset` and "
                f"`{parameter}`. It can only be passed to one of these parameters."
            )


def _check_inputs(
    shape: FunctionShape,
    key: AssetKey,
    spec: AssetCheckSpec,
    additional_ins: Mapping[str, AssetIn] | None,
    owner: str,
) -> dict[str, AssetInput]:
    names = shape.input_names
    extra = dict(additional_ins or {})
    for name in extra:
        if name not in names:
            raise InvalidDefinitionError(
                f"{owner}: '{name}' is specified in 'additional_ins' but isn't a parameter. Its parameters are "
                f"{list(names)}."
            )
    primary = [name for name in names if name not in extra]
    if len(primary) > 1:
        raise InvalidDefinitionError(
            f"When defining check '{spec.name}', multiple assets provided as parameters: {primary}. These should "
            "either match the target asset or be specified in 'additional_ins'."
        )
    ins: dict[str, Any] = {**extra}
    if primary:
        ins[primary[0]] = AssetIn(key=key)
    found = asset_inputs(shape, ins, (), owner)
    taken = {one.key for one in found.values()}
    for wanted in (key, *(dep.asset_key for dep in spec.additional_deps)):
        if wanted not in taken:
            made = order_input(wanted, [*found, *shape.positional])
            found[made.name] = AssetInput(wanted, made)
            taken.add(wanted)
    return found


def _check_inputs_wanted(
    inputs: Mapping[str, AssetInput], specs: Iterable[Any], ins: Mapping[str, AssetIn], owner: str
) -> None:
    """Raise for a parameter that is none of the assets which the checks are about."""
    known = {key for spec in specs for key in (spec.asset_key, *(dep.asset_key for dep in spec.additional_deps))}
    for name, given in inputs.items():
        if name not in ins and given.key not in known:
            raise InvalidDefinitionError(
                f"{owner}: the parameter '{name}' is none of the assets that the checks are about: "
                f"{sorted(key.to_user_string() for key in known)}. Give it in ins, or in additional_deps of a spec."
            )


def multi_asset_check(
    *,
    specs: Sequence[AssetCheckSpec],
    name: str | None = None,
    description: str | None = None,
    can_subset: bool = False,
    compute_kind: str | None = None,
    op_tags: Mapping[str, Any] | None = None,
    resource_defs: Mapping[str, object] | None = None,
    required_resource_keys: AbstractSet[str] | None = None,
    retry_policy: Any = None,
    config_schema: Any = None,
    ins: Mapping[str, AssetIn] | None = None,
    pool: str | None = None,
) -> Callable[[Callable[..., Any]], AssetChecksDefinition]:
    """Make the decorated function evaluate several checks: it yields an `AssetCheckResult` for each of `specs`.

    Args:
        specs: The checks.
        name: Name of the op behind them; None takes the function's.
        description: What it does; None takes the first paragraph of the docstring.
        can_subset: Whether a run may evaluate some of the checks only: the function then asks
            `context.selected_asset_check_keys` which.
        compute_kind: What the op is made with, as a word that is shown.
        op_tags: Tags of the op.
        resource_defs: Resources by key for these checks only.
        required_resource_keys: Keys of resources that the body reads from `context.resources`.
        retry_policy: How a failed step is run again; None asks the job's.
        config_schema: Schema of `context.op_config`; excludes a `config` parameter.
        ins: By parameter, the assets whose values are loaded.
        pool: Concurrency pool whose limit holds for these steps.

    Returns:
        A decorator that makes an `AssetChecksDefinition` of a function.

    Raises:
        InvalidDefinitionError: where a check is specified twice.
    """

    def decorate(fn: Callable[..., Any]) -> AssetChecksDefinition:
        own = name or fn.__name__
        owner = f"@multi_asset_check '{own}'"
        shape = FunctionShape(fn)
        inputs = asset_inputs(shape, ins, (), owner)
        taken = {one.key for one in inputs.values()}
        resources = checked_resources(resource_defs, owner) if resource_defs else {}
        outputs: dict[str, AssetCheckSpec] = {}
        _check_inputs_wanted(inputs, specs, ins or {}, owner)
        for spec in specs:
            if not isinstance(spec, AssetCheckSpec):
                raise CheckError(f"specs of {owner} are AssetCheckSpecs; got {spec!r}.")
            if spec.get_python_identifier() in outputs:
                raise InvalidDefinitionError(f"{owner}: the check {spec.key.to_user_string()} is specified twice.")
            outputs[spec.get_python_identifier()] = spec
            for wanted in (spec.asset_key, *(dep.asset_key for dep in spec.additional_deps)):
                if wanted not in taken:
                    made = order_input(wanted, [*inputs, *shape.positional])
                    inputs[made.name] = AssetInput(wanted, made)
                    taken.add(wanted)
        op_def = make_op(
            fn,
            shape,
            own,
            [one.definition for one in inputs.values()],
            [OutputDefinition(None, one, is_required=not can_subset) for one in outputs],
            description=description if description is not None else docstring_summary(fn),
            config_schema=config_schema,
            required_resource_keys=frozenset(required_resource_keys or ()) | resources.keys(),
            tags=op_tags_of(op_tags, compute_kind, None, owner),
            retry_policy=retry_policy,
            pool=pool,
        )
        return AssetChecksDefinition(
            keys_by_input_name={one: given.key for one, given in inputs.items()},
            keys_by_output_name={},
            node_def=op_def,
            resource_defs=resources,
            check_specs_by_output_name=outputs,
            is_checks=True,
            can_subset=can_subset,
        )

    return decorate
