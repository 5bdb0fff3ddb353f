"""Asset checks that look at an asset's last materializations: its columns, and bounds of its metadata."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from cellmill.definitions.asset_check import AssetChecksDefinition, AssetCheckSpec, multi_asset_check
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetCheckResult, AssetCheckSeverity
from cellmill.definitions.metadata import TableSchemaMetadataValue
from cellmill.definitions.table import TableSchema
from cellmill.errors import CheckError, InvalidDefinitionError

COLUMN_SCHEMA_KEY = "dagster/column_schema"
Judge = Callable[[Any, AssetKey], AssetCheckResult]


def build_column_schema_change_checks(
    *, assets: Sequence[Any], severity: AssetCheckSeverity = AssetCheckSeverity.WARN
) -> Sequence[AssetChecksDefinition]:
    """Return checks that pass while the columns of each asset are those of the materialization before.

    Columns are what the metadata `dagster/column_schema` of the last two materializations says. Each check is named
    `column_schema_change`; it passes while there are fewer than two materializations.

    Args:
        assets: The assets: definitions, specs, keys or their texts; each once.
        severity: How much a change matters.

    Raises:
        CheckError: for an asset that comes twice.
    """

    def judge(context: Any, key: AssetKey) -> AssetCheckResult:
        schemas = [_columns(each) for each in _last_materializations(context, key, 2)]
        if len(schemas) < 2:
            text = (
                "The asset has been materialized fewer than 2 times" if schemas else "Asset has not been materialized"
            )
            return AssetCheckResult(passed=True, description=text, severity=severity)
        new, old = schemas
        if new is None or old is None:
            which = "Latest" if new is None else "Previous"
            return AssetCheckResult(
                passed=False, description=f"{which} materialization has no column schema metadata", severity=severity
            )
        text = _difference(old, new)
        between = "between previous and latest materialization"
        if text:
            changed = f"Column schema changed {between}.\n\n{text}"
            return AssetCheckResult(passed=False, severity=severity, description=changed)
        return AssetCheckResult(passed=True, severity=severity, description=f"No changes to column schema {between}")

    what = "Checks whether the columns of the asset changed between its two most recent materializations"
    return _checks(assets, "column_schema_change", judge, {}, lambda key: what)


def build_metadata_bounds_checks(
    *,
    assets: Sequence[Any],
    severity: AssetCheckSeverity = AssetCheckSeverity.WARN,
    metadata_key: str,
    min_value: float | None = None,
    max_value: float | None = None,
    exclusive_min: bool = False,
    exclusive_max: bool = False,
) -> Sequence[AssetChecksDefinition]:
    """Return checks that pass while a number in the metadata of the last materialization lies within bounds.

    Each check is named after the metadata, with `_bounds_check` behind it; it does not pass where the number is
    missing.

    Args:
        assets: The assets: definitions, specs, keys or their texts; each once.
        severity: How much it matters that the number is out of bounds.
        metadata_key: Name of the metadata.
        min_value: The lowest value; None: no lower bound.
        max_value: The highest value; None: no upper bound.
        exclusive_min: Whether `min_value` itself is out of bounds.
        exclusive_max: Whether `max_value` itself is out of bounds.

    Raises:
        InvalidDefinitionError: without any bound.
        CheckError: for an asset that comes twice.
    """
    if min_value is None and max_value is None:
        raise InvalidDefinitionError("At least one of min_value and max_value is needed.")
    if min_value is not None and max_value is not None and min_value > max_value:
        raise InvalidDefinitionError(
            f"`min_value` may not be greater than `max_value`: no value is between {min_value} and {max_value}."
        )
    bounds = _bounds(metadata_key, min_value, max_value, exclusive_min, exclusive_max)

    def judge(context: Any, key: AssetKey) -> AssetCheckResult:
        found = _last_materializations(context, key, 1)
        if not found:
            return AssetCheckResult(passed=False, description="Asset has not been materialized", severity=severity)
        value = getattr(found[0].metadata.get(metadata_key), "value", None)
        if metadata_key not in found[0].metadata:
            text = f"Metadata key `{metadata_key}` not found"
            return AssetCheckResult(passed=False, description=text, severity=severity)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            text = f"Value `{value}` is not a number"
            return AssetCheckResult(passed=False, description=text, severity=severity)
        if min_value is not None and (value <= min_value if exclusive_min else value < min_value):
            text = f"Value `{value}` is {'less than or equal to' if exclusive_min else 'less than'} {min_value}"
            return AssetCheckResult(passed=False, description=text, severity=severity)
        if max_value is not None and (value >= max_value if exclusive_max else value > max_value):
            word = "greater than or equal to" if exclusive_max else "greater than"
            return AssetCheckResult(
                passed=False, description=f"Value `{value}` is {word} {max_value}", severity=severity
            )
        return AssetCheckResult(passed=True, description=f"Value `{value}` is within range", severity=severity)

    facts: dict[str, Any] = {"metadata_key": metadata_key}
    facts.update({k: v for k, v in (("min_value", min_value), ("max_value", max_value)) if v is not None})
    return _checks(assets, f"{_clean(metadata_key)}_bounds_check", judge, facts, lambda key: bounds)


def _clean(key: str) -> str:
    return "".join(one if one.isalnum() else "_" for one in key)


def _bounds(key: str, low: float | None, high: float | None, open_low: bool, open_high: bool) -> str:
    parts = []
    if low is not None:
        parts.append(f"greater than {low}" if open_low else f"greater than or equal to {low}")
    if high is not None:
        parts.append(f"less than {high}" if open_high else f"less than or equal to {high}")
    return f"Checks that the latest materialization has metadata value `{key}` {' and '.join(parts)}"


def _checks(
    assets: Sequence[Any], name: str, judge: Judge, facts: dict[str, Any], describe: Callable[[AssetKey], str]
) -> Sequence[AssetChecksDefinition]:
    keys = [key for item in assets for key in _keys(item)]
    if len(set(keys)) != len(keys):
        raise CheckError(f"Each asset is checked once; got {[key.to_user_string() for key in keys]}.")
    digest = sha256("|".join([*(key.to_user_string() for key in keys), repr(sorted(facts.items()))]).encode())
    specs = [AssetCheckSpec(name, asset=key, description=describe(key), metadata=facts) for key in keys]

    @multi_asset_check(specs=specs, can_subset=True, name=f"{name}_{digest.hexdigest()[:8]}")
    def check(context: Any) -> Any:
        for key in sorted(context.selected_asset_check_keys, key=str):
            yield _placed(judge(context, key.asset_key), key)

    return [check]


def _placed(result: AssetCheckResult, key: Any) -> AssetCheckResult:
    return AssetCheckResult(
        passed=result.passed,
        asset_key=key.asset_key,
        check_name=key.name,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )


def _keys(item: Any) -> Sequence[AssetKey]:
    keys = getattr(item, "keys", None)
    if keys is not None and not isinstance(item, (str, AssetKey)) and not callable(keys):
        return sorted(keys)
    return [AssetKey.from_coercible_or_definition(item)]


def _last_materializations(context: Any, key: AssetKey, number: int) -> list[Any]:
    records = context.instance.fetch_materializations(key, limit=number).records
    return [record.asset_materialization for record in records if record.asset_materialization is not None]


def _columns(materialization: Any) -> TableSchema | None:
    value = materialization.metadata.get(COLUMN_SCHEMA_KEY)
    return value.value if isinstance(value, TableSchemaMetadataValue) else None


def _difference(old: TableSchema, new: TableSchema) -> str:
    before = {one.name: one.type for one in old.columns}
    after = {one.name: one.type for one in new.columns}
    added = [one for one in after if one not in before]
    removed = [one for one in before if one not in after]
    typed = [one for one in after if one in before and before[one] != after[one]]
    parts = [f"Added columns: {', '.join(added)}"] if added else []
    parts += [f"Removed columns: {', '.join(removed)}"] if removed else []
    parts += [
        "\n".join(["Column type changes:", *(f"- {one}: {before[one]} -> {after[one]}" for one in typed)])
    ] * bool(typed)
    return "\n\n".join(parts)
