"""Collecting the assets and checks that modules define."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from cellmill.definitions.asset_key import key_prefix_from_coercible
from cellmill.definitions.asset_spec import AssetSpec
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.code_location import Definitions
from cellmill.definitions.repository import _kind_of
from cellmill.errors import InvalidDefinitionError


def _found(modules: Iterable[ModuleType]) -> Iterator[Any]:
    seen: set[int] = set()
    where: dict[Any, tuple[Any, str]] = {}
    for module in modules:
        for value in list(vars(module).values()):
            for one in value if isinstance(value, list) else (value,):
                if id(one) in seen or not _is_asset(one):
                    continue
                seen.add(id(one))
                if isinstance(one, AssetsDefinition) and not one.is_checks:
                    for key in one.keys:
                        other = where.setdefault(key, (one, module.__name__))
                        if other[0] is not one:
                            raise InvalidDefinitionError(
                                f"Asset key {key.to_user_string()} is defined multiple times. Definitions found in "
                                f"modules: {sorted({other[1], module.__name__})}."
                            )
                yield one


def _is_asset(one: Any) -> bool:
    return isinstance(one, (AssetsDefinition, AssetSpec)) or hasattr(one, "compute_cacheable_data")


def load_assets_from_modules(
    modules: Iterable[ModuleType],
    group_name: str | None = None,
    key_prefix: Any = None,
    *,
    automation_condition: Any = None,
    freshness_policy: Any = None,
    backfill_policy: Any = None,
    source_key_prefix: Any = None,
    include_specs: bool = False,
    auto_materialize_policy: Any = None,
) -> list[Any]:
    """Return the assets that modules define, with what is given here where they have none of their own.

    Args:
        modules: The modules; assets in lists at their top level count too.
        group_name: Group of assets that have none.
        key_prefix: Parts before each key of assets that are made here, and before the keys by which they name each
            other.
        automation_condition: When assets that have no condition are to be made without being asked.
        freshness_policy: How old assets that have no policy may become.
        backfill_policy: How the partitions of a backfill are spread over runs, of assets that have no policy.
        source_key_prefix: Parts before each key of assets that are not made here.
        include_specs: Whether specs at the top level are taken as external assets.
        auto_materialize_policy: Older form of `automation_condition`.

    Raises:
        InvalidDefinitionError: where two modules define one key, or an asset has another group.
    """
    assets = [
        one
        for one in _found(modules)
        if not (isinstance(one, AssetsDefinition) and one.is_checks)
        and (include_specs or not isinstance(one, AssetSpec))
    ]
    changed = [
        _with(one, group_name, automation_condition, freshness_policy, backfill_policy, auto_materialize_policy)
        for one in assets
    ]
    return _prefixed(changed, key_prefix, source_key_prefix)


def _with(one: Any, group: str | None, condition: Any, freshness: Any, backfill: Any, policy: Any) -> Any:
    if not isinstance(one, (AssetsDefinition, AssetSpec)):
        return one
    changed: dict[str, Any] = {}
    for name, value in (("automation_condition", condition), ("freshness_policy", freshness)):
        if value is not None:
            changed[name] = value
    if policy is not None:
        changed["auto_materialize_policy"] = policy

    def of_spec(spec: AssetSpec) -> AssetSpec:
        own = {name: value for name, value in changed.items() if getattr(spec, name, None) is None}
        if group is not None:
            if spec.group_name is not None and spec.group_name != "default":
                raise InvalidDefinitionError(
                    f"Asset spec {spec.key.to_user_string()} already has group name {spec.group_name}, but "
                    f"load_assets was given the group name {group}."
                )
            own["group_name"] = group
        return spec.replace_attributes(**own) if own else spec

    if isinstance(one, AssetSpec):
        return of_spec(one)
    made = one.map_asset_specs(of_spec) if changed or group is not None else one
    if group is not None and hasattr(made, "group_name"):
        made.__dict__["group_name"] = group
    if backfill is not None and made.backfill_policy is None:
        made = made.copy_with(backfill_policy=backfill)
    return made


def _prefixed(assets: list[Any], key_prefix: Any, source_key_prefix: Any) -> list[Any]:
    if key_prefix is None and source_key_prefix is None:
        return assets
    replacements: dict[Any, Any] = {}
    for one in assets:
        external = isinstance(one, AssetSpec) or (isinstance(one, AssetsDefinition) and not one.is_executable)
        prefix = source_key_prefix if external else key_prefix
        if prefix is None:
            continue
        parts = key_prefix_from_coercible(prefix)
        for key in [one.key] if isinstance(one, AssetSpec) else one.specs_by_key:
            replacements[key] = key.with_prefix(parts)
    return [_renamed(one, replacements) for one in assets]


def _renamed(one: Any, replacements: dict[Any, Any]) -> Any:
    if isinstance(one, AssetSpec):
        return one.replace_attributes(key=replacements.get(one.key, one.key))
    if isinstance(one, AssetsDefinition):
        return AssetsDefinition.with_attributes(one, asset_key_replacements=replacements)
    return one


def _caller() -> ModuleType:
    frame = inspect.stack()[2].frame
    module = inspect.getmodule(frame)
    if module is not None and vars(module) is frame.f_globals:
        return module
    # A notebook's cells have no module of their own; what counts is what they have bound.
    made = ModuleType(str(frame.f_globals.get("__name__", "__main__")))
    made.__dict__.update(frame.f_globals)
    return made


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    """Yield a package and the modules below it, importing them."""
    yield package
    for info in pkgutil.walk_packages(getattr(package, "__path__", ()), prefix=package.__name__ + "."):
        yield import_module(info.name)


def load_assets_from_current_module(group_name: str | None = None, key_prefix: Any = None, **options: Any) -> list[Any]:
    """Return the assets of the module, or notebook, that calls this.

    Args:
        group_name: Group of assets that have none.
        key_prefix: Parts before each key of assets that are made here.
        options: As of `load_assets_from_modules`.
    """
    return load_assets_from_modules([_caller()], group_name, key_prefix, **options)


def load_assets_from_package_module(
    package_module: ModuleType, group_name: str | None = None, key_prefix: Any = None, **options: Any
) -> list[Any]:
    """Return the assets of a package and the modules below it, all of which are imported.

    Args:
        package_module: The package.
        group_name: Group of assets that have none.
        key_prefix: Parts before each key of assets that are made here.
        options: As of `load_assets_from_modules`.
    """
    return load_assets_from_modules(modules_of(package_module), group_name, key_prefix, **options)


def load_assets_from_package_name(
    package_name: str, group_name: str | None = None, key_prefix: Any = None, **options: Any
) -> list[Any]:
    """Return the assets of a package and the modules below it, all of which are imported.

    Args:
        package_name: The package, as it is imported.
        group_name: Group of assets that have none.
        key_prefix: Parts before each key of assets that are made here.
        options: As of `load_assets_from_modules`.
    """
    return load_assets_from_package_module(import_module(package_name), group_name, key_prefix, **options)


def load_asset_checks_from_modules(modules: Iterable[ModuleType], asset_key_prefix: Any = None) -> Sequence[Any]:
    """Return the checks that modules define.

    Args:
        modules: The modules; checks in lists at their top level count too.
        asset_key_prefix: Parts before the keys of the assets that are checked.
    """
    checks = [one for one in _found(modules) if isinstance(one, AssetsDefinition) and one.is_checks]
    if asset_key_prefix is None:
        return checks
    parts = key_prefix_from_coercible(asset_key_prefix)
    keys = {key.asset_key: key.asset_key.with_prefix(parts) for one in checks for key in one.check_keys}
    return [one.with_attributes(asset_key_replacements=keys) for one in checks]


def load_asset_checks_from_current_module(asset_key_prefix: Any = None) -> Sequence[Any]:
    """Return the checks of the module, or notebook, that calls this.

    Args:
        asset_key_prefix: Parts before the keys of the assets that are checked.
    """
    return load_asset_checks_from_modules([_caller()], asset_key_prefix)


def load_asset_checks_from_package_module(package_module: ModuleType, asset_key_prefix: Any = None) -> Sequence[Any]:
    """Return the checks of a package and the modules below it, all of which are imported.

    Args:
        package_module: The package.
        asset_key_prefix: Parts before the keys of the assets that are checked.
    """
    return load_asset_checks_from_modules(modules_of(package_module), asset_key_prefix)


def load_asset_checks_from_package_name(package_name: str, asset_key_prefix: Any = None) -> Sequence[Any]:
    """Return the checks of a package and the modules below it, all of which are imported.

    Args:
        package_name: The package, as it is imported.
        asset_key_prefix: Parts before the keys of the assets that are checked.
    """
    return load_asset_checks_from_package_module(import_module(package_name), asset_key_prefix)


def load_definitions_from_modules(
    modules: Iterable[ModuleType], resources: Any = None, loggers: Any = None, executor: Any = None
) -> Any:
    """Return everything that modules define: assets, checks, jobs, schedules and sensors.

    Args:
        modules: The modules; definitions in lists at their top level count too.
        resources: Resources by key.
        loggers: Loggers by key, for jobs that have none.
        executor: How steps are carried out in jobs that do not say.

    Returns:
        A `Definitions`.
    """
    parts: dict[str, Any] = {}
    seen: set[int] = set()
    for module in modules:
        for value in list(vars(module).values()):
            for one in value if isinstance(value, list) else (value,):
                kind = None if isinstance(one, type) or id(one) in seen else _kind_of(one)
                if kind is None or hasattr(one, "node_dict"):
                    continue
                seen.add(id(one))
                parts.setdefault(kind, []).append(one)
    return Definitions(**parts, resources=resources, loggers=loggers, executor=executor)


def load_definitions_from_module(
    module: ModuleType, resources: Any = None, loggers: Any = None, executor: Any = None
) -> Any:
    """Return everything that a module defines: assets, checks, jobs, schedules and sensors.

    Args:
        module: The module.
        resources: Resources by key.
        loggers: Loggers by key, for jobs that have none.
        executor: How steps are carried out in jobs that do not say.

    Returns:
        A `Definitions`.
    """
    return load_definitions_from_modules([module], resources, loggers, executor)


def load_definitions_from_package_module(
    package_module: ModuleType, resources: Any = None, loggers: Any = None, executor: Any = None
) -> Any:
    """Return everything that a package and the modules below it define; all of them are imported.

    Args:
        package_module: The package.
        resources: Resources by key.
        loggers: Loggers by key, for jobs that have none.
        executor: How steps are carried out in jobs that do not say.

    Returns:
        A `Definitions`.
    """
    return load_definitions_from_modules(modules_of(package_module), resources, loggers, executor)


def load_definitions_from_package_name(
    package_name: str, resources: Any = None, loggers: Any = None, executor: Any = None
) -> Any:
    """Return everything that a package and the modules below it define; all of them are imported.

    Args:
        package_name: The package, as it is imported.
        resources: Resources by key.
        loggers: Loggers by key, for jobs that have none.
        executor: How steps are carried out in jobs that do not say.

    Returns:
        A `Definitions`.
    """
    return load_definitions_from_package_module(import_module(package_name), resources, loggers, executor)


def load_definitions_from_current_module(resources: Any = None, loggers: Any = None, executor: Any = None) -> Any:
    """Return everything that the module, or notebook, that calls this defines.

    Args:
        resources: Resources by key.
        loggers: Loggers by key, for jobs that have none.
        executor: How steps are carried out in jobs that do not say.

    Returns:
        A `Definitions`.
    """
    return load_definitions_from_module(_caller(), resources, loggers, executor)
