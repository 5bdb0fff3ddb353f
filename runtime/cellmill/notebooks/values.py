"""What expressions of plain cells are worth, without running them: literals, and constructors of definitions.

`daily = DailyPartitionsDefinition("2024-01-01")` is such a value, and so is `@asset(partitions_def=daily)` in a cell
below.  Only constructors of this package are called, which compute nothing but definitions.  Whatever takes a user's
code to know is UNKNOWN, never a guess.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.target import AutomationTarget
from cellmill.errors import CellmillError, InvalidDefinitionError

from .asset_cell import Declaration
from .decorators import ASSET_DECORATORS, called_name
from .link import Entry, Unit
from .scan import NotebookScan


class _Unknown:
    """What only running the notebook tells."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()

_PARTITIONS = "definitions.partitions"
#: Names that cells import from this package, and where they are defined.
_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("AssetKey", "AssetCheckKey"), "definitions.asset_key"),
    **dict.fromkeys(("AssetDep", "AssetIn", "AssetSpec"), "definitions.asset_spec"),
    "AssetOut": "definitions.asset_out",
    "AssetSelection": "definitions.selection",
    "AutomationCondition": "definitions.automation_condition",
    "AutomationConditionSensorDefinition": "definitions.automation_sensor",
    "BackfillPolicy": f"{_PARTITIONS}.backfill_policy",
    **dict.fromkeys(("CatchUp", "OverlapPolicy"), "definitions.tick_policy"),
    **dict.fromkeys(("DefaultScheduleStatus", "DefaultSensorStatus"), "definitions.run_request"),
    "FreshnessPolicy": "definitions.freshness",
    **dict.fromkeys(
        ("DailyPartitionsDefinition", "HourlyPartitionsDefinition", "MonthlyPartitionsDefinition",
         "WeeklyPartitionsDefinition"), f"{_PARTITIONS}.calendar"),
    **dict.fromkeys(("DynamicPartitionsDefinition", "StaticPartitionsDefinition"), f"{_PARTITIONS}.definition"),
    "TimeWindowPartitionsDefinition": f"{_PARTITIONS}.time_window",
    "MultiPartitionsDefinition": f"{_PARTITIONS}.multi",
    **dict.fromkeys(
        ("AllPartitionMapping", "IdentityPartitionMapping", "LastPartitionMapping",
         "SpecificPartitionsPartitionMapping", "StaticPartitionMapping"), f"{_PARTITIONS}.mapping"),
    **dict.fromkeys(
        ("DimensionPartitionMapping", "MultiPartitionMapping", "MultiToSingleDimensionPartitionMapping"),
        f"{_PARTITIONS}.multi_mapping"),
    "TimeWindowPartitionMapping": f"{_PARTITIONS}.time_window_mapping",
    **dict.fromkeys(("ScheduleDefinition", "schedule"), "definitions.schedule"),
    **dict.fromkeys(("SensorDefinition", "sensor"), "definitions.sensor"),
    **dict.fromkeys(("asset_sensor", "multi_asset_sensor"), "definitions.asset_sensor"),
    **dict.fromkeys(("run_failure_sensor", "run_status_sensor"), "definitions.run_status_sensor"),
    **dict.fromkeys(
        ("daily_partitioned_config", "dynamic_partitioned_config", "hourly_partitioned_config",
         "monthly_partitioned_config", "static_partitioned_config", "weekly_partitioned_config"),
        f"{_PARTITIONS}.config"),
    "build_schedule_from_partitioned_job": "definitions.partitioned_schedule",
    "define_asset_job": "definitions.asset_selection_job",
}  # fmt: skip
_MODULES = frozenset({"cellmill", "cellmill.dagster"})
#: States of runs belong to a room above; a declaration only names them.
_STATUSES = "states of runs"
_TIMES: Mapping[str, Any] = {"timedelta": timedelta, "datetime": datetime, "date": date}
#: Arguments of schedules and sensors that only their evaluation needs.
LATER = frozenset({
    "run_config", "run_config_fn", "tags_fn", "should_execute", "execution_fn", "evaluation_fn", "run_status_sensor_fn",
    "description", "metadata", "environment_vars", "required_resource_keys", "owners", "config",
})  # fmt: skip
_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}  # fmt: skip
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Invert: operator.invert, ast.USub: operator.neg, ast.Not: operator.not_,
}  # fmt: skip
#: Longest text or list that an operator may make; `"x" * 10**9` is not a definition.
_MAX_LENGTH = 100_000


class Values:
    """The values of one notebook's expressions, as they are at a position among its statements."""

    def __init__(self, scan: NotebookScan) -> None:
        self._linker = scan.linker()
        self._made: dict[tuple[int, str], Any] = {}
        self._keys = {
            (definition.origin.cell_index, definition.origin.line): definition.keys
            for definition in scan.definitions
            if definition.kind == "asset" and definition.form == "decorator"
        }

    # -- what is declared ---------------------------------------------------------------------------------------

    def declared(self, item: Declaration) -> tuple[Any, bool]:
        """A declared job, schedule or sensor as its object, and whether some of it takes running to know.

        UNKNOWN where what must be known beforehand is computed.
        Raises: CellmillError where it could not be made either when the cell runs.
        """
        found = self.statement(item.origin.cell_index, item.origin.line)
        if found is None:
            return UNKNOWN, True
        node, position = found
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if item.kind == "job":
                    return self._job(node, decorator, position), False
                make, some = self._call(decorator, position, LATER)
                if make is not UNKNOWN:
                    stand_in = _stand_in(node.name, ast.get_docstring(node))
                    return _applied(make, [stand_in], {}), some
            return UNKNOWN, True
        value = getattr(node, "value", None)
        return self._call(value, position, LATER) if isinstance(value, ast.Call) else (UNKNOWN, True)

    def arguments(self, cell: int, line: int) -> dict[str, Any]:
        """The arguments of a definition's decorator by keyword; UNKNOWN where they are computed."""
        found = self.statement(cell, line)
        if found is None or not isinstance(found[0], ast.FunctionDef | ast.AsyncFunctionDef):
            return {}
        node, position = found
        for decorator in found[0].decorator_list:
            if isinstance(decorator, ast.Call) and called_name(decorator) in ASSET_DECORATORS:
                return {one.arg or "**": self.of(one.value, position) for one in decorator.keywords}
        return {}

    def name_at(self, name: str, cell: int) -> Any:
        """What a name is worth where a cell stands; UNKNOWN where that takes running."""
        return self._name(name, self._linker.position_of(cell))

    def statement(self, cell: int, line: int) -> tuple[ast.stmt, int] | None:
        """The statement of a plain cell that begins at a line, with its position."""
        start, end = self._linker.spans.get(cell, (0, 0))
        for unit in self._linker.units[start:end]:
            for node in unit.statement.nodes:
                if node.lineno == line:
                    return node, unit.position
        return None

    def _call(self, node: ast.expr, position: int, later: AbstractSet[str] = frozenset()) -> tuple[Any, bool]:
        """The value of a call, without those of its `later` arguments that are computed; and whether there are any."""
        if not isinstance(node, ast.Call):
            return self.of(node, position), False
        function = self.of(node.func, position)
        arguments = [self.of(one, position) for one in node.args]
        named = {one.arg or "**": self.of(one.value, position) for one in node.keywords}
        unknown = {name for name, value in named.items() if value is UNKNOWN or name == "**"}
        if function is UNKNOWN or unknown - later or any(one is UNKNOWN for one in arguments):
            return UNKNOWN, True
        return _applied(function, arguments, {n: v for n, v in named.items() if n not in unknown}), bool(unknown)

    # -- expressions --------------------------------------------------------------------------------------------

    def of(self, node: ast.expr, position: int) -> Any:
        """What an expression is worth at a position; UNKNOWN where that takes running.

        Raises: CellmillError where a definition in it is wrong.
        """
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self._name(node.id, position)
            case ast.Attribute():
                return _attribute(self.of(node.value, position), node.attr)
            case ast.List() | ast.Tuple() | ast.Set():
                items = [self.of(one, position) for one in node.elts]
                kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
                return UNKNOWN if any(one is UNKNOWN for one in items) else kind(items)
            case ast.Dict():
                return self._dict(node, position)
            case ast.Lambda():
                return _stand_in("<lambda>")
            case ast.UnaryOp():
                return _computed(_UNARY.get(type(node.op)), self.of(node.operand, position))
            case ast.BinOp():
                sides = self.of(node.left, position), self.of(node.right, position)
                return _computed(_OPERATORS.get(type(node.op)), *sides)
            case ast.Call():
                return self._call(node, position)[0]
        return UNKNOWN

    def _dict(self, node: ast.Dict, position: int) -> Any:
        if any(key is None for key in node.keys):
            return UNKNOWN
        keys = [self.of(key, position) for key in node.keys if key is not None]
        values = [self.of(value, position) for value in node.values]
        return UNKNOWN if any(one is UNKNOWN for one in (*keys, *values)) else dict(zip(keys, values, strict=True))

    # -- names --------------------------------------------------------------------------------------------------

    def _name(self, name: str, position: int) -> Any:
        found, sure = self._linker.above(name, position)
        if not sure or len(found) > 1 or found[0].bind is None:
            return UNKNOWN
        at = found[0].position
        if (at, name) not in self._made:
            self._made[at, name] = UNKNOWN  # a name that is made of itself
            self._made[at, name] = self._bound(name, found[0], self._linker.units[at])
        return self._made[at, name]

    def _bound(self, name: str, entry: Entry, unit: Unit) -> Any:
        for one in unit.statement.imports:
            if name in (one.alias, one.name) or (one.name == "*" and one.module in _MODULES):
                return _imported(one.module, name if one.name == "*" else one.name)
            if not one.name and one.alias == "" and one.module == name:
                return _imported(one.module, "")
        for node in unit.statement.nodes:
            match node:
                case ast.Assign(targets=[ast.Name(id=bound)], value=value) if bound == name:
                    return self.of(value, unit.position)
                case ast.AnnAssign(target=ast.Name(id=bound), value=ast.expr() as value) if bound == name:
                    return self.of(value, unit.position)
                case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                    return self._function(node, unit)
        return UNKNOWN

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, unit: Unit) -> Any:
        keys = self._keys.get((unit.cell, node.lineno))
        if keys is not None:
            return keys[0] if len(keys) == 1 else list(keys)
        if not node.decorator_list:
            return _stand_in(node.name)
        decorator = node.decorator_list[0]
        if called_name(decorator) in ("job", "graph"):
            return self._job(node, decorator, unit.position)
        make = self.of(decorator, unit.position)
        return UNKNOWN if make is UNKNOWN else _applied(make, [_stand_in(node.name)], {})

    def _job(self, node: ast.FunctionDef | ast.AsyncFunctionDef, decorator: ast.expr, position: int) -> Any:
        named = decorator.keywords if isinstance(decorator, ast.Call) else []
        given = {
            one.arg: self.of(one.value, position) for one in named if one.arg in ("name", "partitions_def", "config")
        }
        partitions = given.get("partitions_def") or getattr(given.get("config"), "partitions_def", None)
        name = given.get("name") or node.name
        return UNKNOWN if UNKNOWN in (name, partitions) else DeclaredJob(str(name), partitions_def=partitions)


@dataclass(frozen=True)
class DeclaredJob(AutomationTarget):
    """A job of ops that a cell declares: its name, and its partitions."""

    partitions_def: Any = None

    @property
    def name(self) -> str:
        """The job's name."""
        return self.job_name


class _Package:
    """A module, or what is like one, of which cells use names."""

    def __init__(self, name: str) -> None:
        self.name = name


def _imported(module: str, name: str) -> Any:
    if module in _MODULES and not name:
        return _Package(module)
    if module in _MODULES and name in ("DagsterRunStatus", "RunStatus"):
        return _Package(_STATUSES)
    if module in _MODULES and name in _NAMES:
        return getattr(import_module(f"cellmill.{_NAMES[name]}"), name)
    if module == "datetime":
        return _TIMES.get(name, UNKNOWN) if name else _Package(module)
    return _Package("cellmill.dagster") if (module, name) == ("cellmill", "dagster") else UNKNOWN


def _attribute(value: Any, name: str) -> Any:
    if isinstance(value, _Package) and value.name == _STATUSES:
        return name
    if isinstance(value, _Package):
        return _imported(value.name, name)
    if name.startswith("_") or not _is_ours(value):
        return UNKNOWN
    return getattr(value, name, UNKNOWN)


def _is_ours(value: Any) -> bool:
    """Whether a class, function or object is of this package's definitions, or a time."""
    owner = getattr(value, "__self__", value)
    kind = owner if isinstance(owner, type) or callable(owner) else type(owner)
    module = getattr(kind, "__module__", None) or ""
    return module.startswith("cellmill.definitions") or kind in _TIMES.values() or isinstance(owner, AssetKey)


def _applied(function: Any, arguments: list[Any], named: Mapping[str, Any]) -> Any:
    if not callable(function) or not _is_ours(function):
        return UNKNOWN
    try:
        return function(*arguments, **named)
    except CellmillError:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidDefinitionError(str(error)) from error


def _computed(compute: Callable[..., Any] | None, *values: Any) -> Any:
    if compute is None or any(value is UNKNOWN for value in values):
        return UNKNOWN
    sizes = [len(value) for value in values if isinstance(value, str | list | tuple)]
    factors = [value for value in values if isinstance(value, int)]
    if sizes and sum(sizes) * max(1, *factors, 1) > _MAX_LENGTH:
        return UNKNOWN
    try:
        return compute(*values)
    except (TypeError, OverflowError):
        return UNKNOWN


def _stand_in(name: str, description: str | None = None) -> Callable[..., Any]:
    """A function of the user as its declaration needs it; it is never called."""

    def function(*_: Any) -> Any:
        raise NotImplementedError(f"{name} is known by its declaration only")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = description
    return function
