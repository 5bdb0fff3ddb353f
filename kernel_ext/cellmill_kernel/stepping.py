"""From an asset cell to a step: the definition with the body as its function, run by the one step runner."""

from __future__ import annotations

import linecache
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetCheckResult, MaterializeResult
from cellmill.definitions.output import NO_VALUE, Output
from cellmill.definitions.value_ref import ValueRef
from cellmill.errors import ExecutionError
from cellmill.execution import materialize
from cellmill.first_use import on_first_use
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.definition import assets_definition, conditions
from cellmill.notebooks.place import describe_place

from . import current_run
from .body import Body, BodyResult
from .partitions import upstream_specs
from .soundness import changed_names, marks

if TYPE_CHECKING:
    from . import step_of_run
    from .run_in_kernel import RunInKernel
    from .session import Session
else:
    step_of_run = on_first_use("cellmill_kernel.step_of_run")

#: Tags of a run that was started by executing a cell.
CELL_TAG = "cellmill/cell_id"
NOTEBOOK_TAG = "cellmill/notebook"
ASSETS_TAG = "cellmill/assets"


@dataclass(slots=True)
class CellRun:
    """One execution of an asset cell."""

    cell: AssetCell
    seconds: float = 0.0
    run_id: str = ""
    partition_key: str | None = None
    #: what the cell displays: its last expression
    shown: Any = None
    #: the value of each asset by its name
    values: dict[str, Any] = field(default_factory=dict)
    failure: BaseException | None = None
    #: where the values were stored by hand; empty in a run
    refs: Mapping[AssetKey, ValueRef] = field(default_factory=dict)
    #: condition -> passed
    checks: dict[str, bool] = field(default_factory=dict)


class _Computation:
    """The compute function of one execution: runs the body, keeps what it gave, yields outputs and check results."""

    def __init__(self, run: CellRun, body: Body, given: Mapping[str, Any], namespace: dict[str, Any]) -> None:
        self.run = run
        self.body = body
        self.given = given
        self.namespace = namespace

    def __call__(self, context: Any, loaded: Mapping[str, Any]) -> Iterable[Any]:
        __tracebackhide__ = True
        values = {**self.given, **loaded, "context": context}
        try:
            result = self.body.run(values)
        except BaseException as error:
            self.run.failure = error
            note_place(self.run.cell, error, self.body.filename)
            if isinstance(error, Exception | KeyboardInterrupt):
                raise
            # sys.exit() and the like end the cell, and the step with it: a run must not go on for ever
            raise ExecutionError(f"The cell ended with {type(error).__name__}: {error}") from error
        yield from self._outputs(result, values)

    def _outputs(self, result: BodyResult, values: Mapping[str, Any]) -> Iterable[Any]:
        cell = self.run.cell
        if hasattr(result.last, "__next__") and _gives_events(result.last):
            for event in result.last:
                if isinstance(event, Output | MaterializeResult):
                    self._note_value(event)
                yield event
            return
        self.run.shown = result.last if result.has_last else None
        names = cell.definition.names
        for name, value in values_of(cell, result).items():
            if isinstance(value, Output | MaterializeResult):
                self._note_value(value)
                yield value
                continue
            self.run.values[name] = value
            yield Output(value, output_name="result" if len(names) == 1 else name)
        yield from self._checks(result, values)

    def _note_value(self, event: Output | MaterializeResult) -> None:
        """Keep the value of an event that the body yields itself."""
        names = self.run.cell.definition.names
        if isinstance(event, Output):
            name = names[0] if len(names) == 1 else str(event.output_name)
        else:
            keys = self.run.cell.keys
            name = names[keys.index(event.asset_key)] if event.asset_key in keys else names[0]
        if event.value is not NO_VALUE:
            self.run.values[name] = event.value

    def _checks(self, result: BodyResult, values: Mapping[str, Any]) -> Iterable[AssetCheckResult]:
        scope = {**values, **result.bound, **self.run.values}
        for name, condition in conditions(self.run.cell).items():
            passed, note = evaluate_condition(condition, self.namespace, scope)
            self.run.checks[condition] = passed
            yield AssetCheckResult(
                passed=passed, asset_key=self.run.cell.key, check_name=name, metadata={"condition": condition, **note}
            )


def note_place(cell: AssetCell, error: BaseException, filename: str) -> None:
    """Add to an error where in the notebook it happened, so that the run's events say so too."""
    at, line = error.__traceback__, None
    while at is not None and line is None:
        line = at.tb_lineno if at.tb_frame.f_code.co_filename == filename else None
        at = at.tb_next
    note = describe_place(cell.origin.path, cell.origin.cell_index, line, linecache.getline(filename, line or 0))
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def values_of(cell: AssetCell, result: BodyResult) -> dict[str, Any]:
    """The value of each asset of a cell: the variable of that name, else the last expression."""
    names = cell.definition.names
    found = {name: result.bound[name] for name in names if name in result.bound and name in cell.definition.facts.binds}
    missing = [name for name in names if name not in found]
    if not missing:
        return found
    if len(names) == 1:
        return {names[0]: result.last}
    last = result.last
    if isinstance(last, Mapping) and all(name in last for name in missing):
        found.update({name: last[name] for name in missing})
    elif isinstance(last, tuple | list) and len(last) == len(names):
        found.update({name: value for name, value in zip(names, last, strict=True) if name in missing})
    elif cell.header.options.get("can_subset") or cell.header.options.get("output_required") is False:
        return found
    else:
        raise ValueError(
            f"The cell gives no value for {', '.join(missing)}: assign each name, "
            f"or end with a tuple of {len(names)} values."
        )
    return {name: found[name] for name in names}


def evaluate_condition(
    condition: str, namespace: dict[str, Any], scope: Mapping[str, Any]
) -> tuple[bool, dict[str, str]]:
    """Whether a ``--check`` condition holds; an error in it fails the check and says why."""
    try:
        value = eval(compile(condition, "<check>", "eval"), namespace, dict(scope))
        return bool(value.all() if hasattr(value, "all") and not isinstance(value, bool) else value), {}
    except Exception as error:
        return False, {"error": f"{type(error).__name__}: {error}"}


def _gives_events(generator: Any) -> bool:
    return type(generator).__name__ == "generator" and generator.gi_code.co_name == "<module>"


def run_cell(session: Session, cell: AssetCell, body: Body, partition_key: str | None = None) -> CellRun:
    """Execute an asset cell as a step: run, events, value store, catalog; a failure is kept, not raised."""
    __tracebackhide__ = True
    given = session.values.upstream_values(cell, partition_key)
    plain = {
        name: session.namespace[name] for name in body.parameters if name not in given and name in session.namespace
    }
    run = CellRun(cell, partition_key=partition_key)
    compute = _Computation(run, body, {**plain, **given}, session.namespace)
    known = {up.key for up in cell.upstreams if up.name in given}
    definition = assets_definition(cell, compute, lookup=session.lookup, given=known)
    above = upstream_specs(session, {up.key for up in cell.upstreams if up.key not in cell.keys})
    before = marks(given)
    started = time.perf_counter()
    try:
        in_run = current_run.current()
        if in_run is not None:
            _in_run(session, in_run, [definition, *above], run, partition_key)
        else:
            _by_hand(session, [definition, *above], run, partition_key)
    finally:
        run.seconds = time.perf_counter() - started
    for name in changed_names(before, given):
        _report_change(session, cell, name)
    return run


def _report_change(session: Session, cell: AssetCell, name: str) -> None:
    """An upstream value was changed in place: the stored one is whole, the one in the notebook is not; load it anew."""
    text = cell.key.to_user_string()
    key = next(up.key for up in cell.upstreams if up.name == name)
    session.values.known.pop(key, None)
    session.namespace.pop(name, None)
    finding = (str(cell.origin.cell_index + 1), "mutation", f"{text} changed its upstream {name} in place")
    if not any(seen[:3] == finding for seen in session.mutations_seen):
        session.mutations_seen.append((*finding, f"Make a new value, e.g. {name}2 = {name}.copy()."))
    session.warn_once(
        f"{text} changed its upstream {name} in place; what is stored is untouched, and {name} is loaded anew when "
        f"it is read next. Make a new value instead, e.g. {name}2 = {name}.copy()"
    )


def origin_tags(cell: AssetCell) -> dict[str, str]:
    """The tags that say which cell a run by hand executes."""
    return {NOTEBOOK_TAG: cell.origin.path, CELL_TAG: cell.origin.cell_id} if cell.origin.path else {}


def _by_hand(session: Session, definitions: list[Any], run: CellRun, partition_key: str | None) -> None:
    tags = {ASSETS_TAG: ", ".join(key.to_user_string() for key in run.cell.keys), **origin_tags(run.cell)}
    result = materialize.materialize(
        definitions,
        instance=session.instance,
        resources=session.resources() or None,
        partition_key=partition_key,
        raise_on_error=False,
        tags=tags,
    )
    run.run_id = result.run_id
    run.refs = {
        event.asset_key: event.data.value_ref
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None and event.data.value_ref is not None
    }
    if not result.success and run.failure is None:
        run.failure = _failure_of(result)


def _in_run(
    session: Session, in_run: RunInKernel, definitions: list[Any], run: CellRun, partition_key: str | None
) -> None:
    outcome = step_of_run.run_in_step(session, in_run, definitions, partition_key)
    run.run_id = in_run.message.run_id
    if outcome.success:
        run.failure = None  # an earlier try may have failed
    elif run.failure is None:
        run.failure = outcome.error or ExecutionError("The step failed.")


def _failure_of(result: Any) -> BaseException:
    for event in result.all_events:
        error = getattr(getattr(event, "data", None), "error", None)
        if error is not None:
            # what a step makes of an error is less than the error itself: a value that cannot be stored, say
            words = [str(error.message).strip()]
            while (error := error.cause) is not None:
                words.append(str(error.message).strip())
            return ExecutionError("\n".join(words))
    return ExecutionError("The step failed.")
