"""The decorator of an exported asset: the options of its cell's line as arguments in Python."""

from __future__ import annotations

from collections.abc import Mapping

from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.magic import Header

#: Type names of ``--config`` as Python writes them.
_TYPES = ("int", "float", "str", "bool", "dict", "list")


class DecoratorWriter:
    """Writes decorators, and gathers the names that they need from cellmill and what could not be carried over."""

    def __init__(self, *, code_versions: bool) -> None:
        self.code_versions = code_versions
        self.imports: set[str] = set()
        self.notes: list[str] = []

    def decorator(self, cell: AssetCell) -> str:
        """Return ``@asset(…)`` or ``@multi_asset(…)`` for a cell."""
        header = cell.header
        options: list[str] = []
        if len(cell.keys) == 1:
            word = "asset"
            if len(cell.key.parts) > 1:
                options.append(f"key={list(cell.key.parts)!r}")
            options += self._described(cell)
        else:
            word = "multi_asset"
            self.imports |= {"multi_asset", "AssetOut", "AssetKey"}
            described = ", ".join(self._described(cell))
            outs = ", ".join(
                f"{name!r}: AssetOut(key=AssetKey({list(key.parts)!r}){', ' + described if described else ''})"
                for name, key in zip(cell.definition.names, cell.keys, strict=True)
            )
            options.append(f"outs={{{outs}}}")
            if header.options.get("can_subset"):
                options.append("can_subset=True")
        if header.text("group_name") and len(cell.keys) == 1:
            options.append(f"group_name={header.text('group_name')!r}")
        elif header.text("group_name"):
            options.append(f"group_name={header.text('group_name')!r}")
        options += self._inputs(cell)
        options += self._rest(cell)
        return f"@{word}" + (f"({', '.join(options)})" if options else "")

    def partitions(self, header: Header) -> list[str]:
        """Return the argument for the partitions of a cell, if it has any."""
        text = header.text("partitions_def")
        return [f"partitions_def={self._partitions(text)}"] if text else []

    def _described(self, cell: AssetCell) -> list[str]:
        header, found = cell.header, []
        for name in ("tags", "metadata"):
            if header.pairs(name):
                found.append(f"{name}={header.pairs(name)!r}")
        if header.items("owners"):
            found.append(f"owners={list(header.items('owners'))!r}")
        if header.items("kinds"):
            found.append(f"kinds={{{', '.join(map(repr, header.items('kinds')))}}}")
        if header.text("io_manager_key"):
            found.append(f"io_manager_key={header.text('io_manager_key')!r}")
        condition = header.text("automation_condition")
        if condition:
            found.append(f"automation_condition={self._condition(condition)}")
        return found

    def _condition(self, text: str) -> str:
        kind, _, rest = text.partition(":")
        if kind in ("eager", "on_missing"):
            self.imports.add("AutomationCondition")
            return f"AutomationCondition.{kind}()"
        if kind == "on_cron":
            self.imports.add("AutomationCondition")
            cron, _, zone = rest.partition("@")
            return f"AutomationCondition.on_cron({cron.strip()!r}{', ' + repr(zone) if zone else ''})"
        return text

    def _inputs(self, cell: AssetCell) -> list[str]:
        ins, deps = [], []
        for up in cell.upstreams:
            if up.key in cell.keys:
                continue
            if not up.loaded or not up.name:
                deps.append(self._key(up.key))
            elif up.key.parts != (up.name,):
                self.imports |= {"AssetIn", "AssetKey"}
                ins.append(f"{up.name!r}: AssetIn(key=AssetKey({list(up.key.parts)!r}))")
        found = [f"ins={{{', '.join(ins)}}}"] if ins else []
        return [*found, f"deps=[{', '.join(deps)}]"] if deps else found

    def _key(self, key: AssetKey) -> str:
        if len(key.parts) == 1:
            return repr(key.parts[0])
        self.imports.add("AssetKey")
        return f"AssetKey({list(key.parts)!r})"

    def _rest(self, cell: AssetCell) -> list[str]:
        header = cell.header
        found = self.partitions(header)
        if header.items("required_resource_keys"):
            found.append(f"required_resource_keys={set(header.items('required_resource_keys'))!r}")
        if header.pairs("op_tags"):
            found.append(f"op_tags={header.pairs('op_tags')!r}")
        if header.text("pool"):
            found.append(f"pool={header.text('pool')!r}")
        version = cell.code_version if self.code_versions else header.text("code_version")
        if version and len(cell.keys) == 1:
            found.append(f"code_version={version!r}")
        if isinstance(header.options.get("max_retries"), int):
            self.imports.add("RetryPolicy")
            delay = header.options.get("retry_delay")
            found.append(f"retry_policy=RetryPolicy(max_retries={header.options['max_retries']}, delay={delay!r})")
        if "config_schema" in header.options:
            found.append(f"config_schema={self._config(header.options['config_schema'])}")
        for option in ("freshness_policy", "backfill_policy", "partition_mapping"):
            if option in header.options:
                flag = option.replace("_", "-")
                self.notes.append(f"{cell.key.to_user_string()}: --{flag} is not carried over; add it by hand")
        return found

    def _config(self, value: object) -> str:
        """Write a schema of type names as Python types; ``int?`` is a field that may be left out."""
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{name!r}: {self._config(item)}" for name, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self._config, value)) + "]"
        name, optional = str(value).removesuffix("?"), str(value).endswith("?")
        kind = name if name in _TYPES else "str"
        if not optional:
            return kind
        self.imports.add("Field")
        return f"Field({kind}, is_required=False)"

    def _partitions(self, text: str) -> str:
        kind, _, rest = text.partition(":")
        if kind in ("hourly", "daily", "weekly", "monthly"):
            name = f"{kind.capitalize()}PartitionsDefinition"
            self.imports.add(name)
            span, _, zone = rest.partition("@")
            start, _, end = span.partition("..")
            more = f", end_date={end!r}" if end else ""
            return f"{name}(start_date={start!r}{more}{f', timezone={zone!r}' if zone else ''})"
        if kind == "static":
            self.imports.add("StaticPartitionsDefinition")
            return f"StaticPartitionsDefinition({[part.strip() for part in rest.split(',') if part.strip()]!r})"
        if kind == "dynamic":
            self.imports.add("DynamicPartitionsDefinition")
            return f"DynamicPartitionsDefinition(name={rest!r})"
        if kind == "cron":
            self.imports.add("TimeWindowPartitionsDefinition")
            cron, _, start = rest.rpartition("@")
            return (
                f"TimeWindowPartitionsDefinition(cron_schedule={cron.strip()!r}, start={start!r}, fmt='%Y-%m-%d-%H:%M')"
            )
        return text
