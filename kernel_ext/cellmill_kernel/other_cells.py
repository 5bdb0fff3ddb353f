"""`%%op`, `%%check` and `%%sensor`: cells that are ops, asset checks and sensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_check import asset_check
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetCheckResult, AssetCheckSeverity
from cellmill.definitions.op import op
from cellmill.definitions.port import In, Out
from cellmill.definitions.sensor import sensor
from cellmill.errors import ExecutionError
from cellmill.execution import materialize
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.options_text import config_of, retry_of
from cellmill.notebooks.problem import NotebookError

from . import current_run, step_of_run
from .asset_magic import timed
from .body import Body, BodyResult, compile_body
from .declare import sensor_options
from .session import Session
from .stepping import note_place, origin_tags

if TYPE_CHECKING:
    from .run_in_kernel import RunInKernel


def _linked(session: Session, source: str) -> tuple[AssetCell, str]:
    cell_id = session.cell_for(source)
    return session.link(cell_id), cell_id


def _body(session: Session, linked: AssetCell, source: str, parameters: list[str]) -> Body:
    filename = session.shell.compile.cache(source, session.cell_number, raw_code=source)
    names = [*parameters, *(["context"] if "context" in linked.definition.facts.uses else [])]
    return compile_body(linked.definition, source, list(dict.fromkeys(names)), session.namespace, filename, timed)


def _value(linked: AssetCell, result: BodyResult) -> Any:
    name = linked.definition.names[0]
    return result.bound[name] if name in linked.definition.facts.binds and name in result.bound else result.last


def _function(name: str, parameters: list[str], run: Any) -> Any:
    """A function with these parameters, as decorators look at signatures."""
    inner = ", ".join(f"{parameter!r}: {parameter}" for parameter in parameters)
    source = (
        f"def {name}({', '.join(['context', *parameters])}):\n    return __run__({{'context': context, {inner}}})\n"
    )
    namespace: dict[str, Any] = {"__run__": run, "__name__": "cellmill.cell"}
    exec(compile(source, f"<{name}>", "exec"), namespace)
    return namespace[name]


def run_op_cell(session: Session, source: str) -> Any:
    """Define the op: names that the body reads and nothing binds are its inputs; the op is bound to its name."""
    linked, _ = _linked(session, source)
    header, name = linked.header, linked.definition.names[0]
    free = [
        use for use in linked.definition.facts.uses
        if use != "context" and use not in session.namespace and use not in session.registry.linking().own
    ]  # fmt: skip
    inputs = list(dict.fromkeys([*(u.name for u in linked.upstreams if u.name in linked.definition.facts.uses), *free]))
    if not header.infer:
        inputs = list(header.pairs("ins"))
    body = _body(session, linked, source, inputs)
    outs = header.items("out")

    def run(values: Mapping[str, Any]) -> Any:
        result = body.run(values)
        if outs:
            return tuple(result.bound[out] for out in outs) if all(o in result.bound for o in outs) else result.last
        return _value(linked, result)

    fn = _function(name, inputs, run)
    fn.__doc__ = linked.definition.description or None
    common: dict[str, Any] = {
        "description": linked.definition.description or None,
        "tags": header.pairs("tags") or None,
        "required_resource_keys": set(header.items("required_resource_keys")) or None,
        "retry_policy": retry_of(header),
        "code_version": linked.code_version,
    }
    if header.options.get("config_schema") is not None:
        common["config_schema"] = config_of(header.options["config_schema"])
    if header.text("pool"):
        common["pool"] = header.text("pool")
    required = header.options.get("is_required") is not False
    manager: dict[str, Any] = {"io_manager_key": header.text("io_manager_key")} if header.text("io_manager_key") else {}
    if outs:
        common["out"] = {out: Out(is_required=required, **manager) for out in outs}
    elif manager or not required:
        common["out"] = Out(is_required=required, **manager)
    made = op(name=name, ins={one: In() for one in inputs}, **common)(fn)
    session.namespace[name] = made
    print(f"✓ op {name}({', '.join(inputs)})")
    return None


def run_check_cell(session: Session, source: str) -> Any:
    """Define the check and evaluate it now: the outcome is recorded and shown."""
    __tracebackhide__ = True
    linked, _ = _linked(session, source)
    header, name = linked.header, linked.definition.names[0]
    key = _checked_asset(session, linked)
    in_run = current_run.current()
    values = session.values.upstream_values(linked, in_run.message.partition_key if in_run is not None else None)
    body = _body(session, linked, source, [one for one in values if one in linked.definition.facts.uses])
    severity = AssetCheckSeverity[header.text("severity") or "ERROR"]
    failure: list[BaseException] = []
    passed: list[bool] = []

    def run(given: Mapping[str, Any]) -> Any:
        failure.clear()  # an earlier try may have failed
        try:
            found = _value(linked, body.run({**values, **given}))
        except BaseException as error:
            note_place(linked, error, body.filename)
            failure.append(error)
            raise
        if not isinstance(found, AssetCheckResult):
            good = bool(found.all()) if hasattr(found, "all") else bool(found)
            found = AssetCheckResult(passed=good, severity=severity, metadata={})
        passed.append(bool(found.passed))
        return found

    made = asset_check(
        asset=key, name=name, description=linked.definition.description or None,
        blocking=bool(header.options.get("blocking")), retry_policy=retry_of(header),
    )(_function(name, [], run))  # fmt: skip
    session.namespace.setdefault(name, made)
    error = _evaluate(session, linked, made, in_run)
    if passed and not failure:
        sign, verdict = ("✓", "passed") if passed[-1] else ("✗", "failed")
        session.after_cell.append(lambda: print(f"{sign} check {name} of {key.to_user_string()} {verdict}"))
    if failure:
        raise failure[0]
    if error is not None and in_run is not None:
        raise error  # a blocking check: the run ends here
    session.changed([key])
    return None


def _evaluate(session: Session, linked: AssetCell, made: Any, in_run: RunInKernel | None) -> BaseException | None:
    """Run the check as a step: of the run that this kernel works for, else of a run of its own."""
    if in_run is not None:
        outcome = step_of_run.run_in_step(session, in_run, [made])
        return None if outcome.success else outcome.error or ExecutionError("The check failed.")
    result = materialize.materialize(
        [made], instance=session.instance, resources=session.resources() or None, raise_on_error=False,
        tags=origin_tags(linked),
    )  # fmt: skip
    session.runs_by_hand.append(result.run_id)
    return None


def _checked_asset(session: Session, linked: AssetCell) -> AssetKey:
    named = linked.header.text("asset")
    if named:
        return session.key_of(named)
    if len(linked.upstreams) == 1:
        return linked.upstreams[0].key
    raise NotebookError(
        "which asset does this check?", notebook=linked.origin.path, cell=linked.origin.cell_index, line=1,
        remedy=f"Write %%check {linked.definition.names[0]} --asset NAME.",
    )  # fmt: skip


def run_sensor_cell(session: Session, source: str) -> Any:
    """Define the sensor and bind it to its name; the daemon evaluates it."""
    linked, _ = _linked(session, source)
    header, name = linked.header, linked.definition.names[0]
    body = _body(session, linked, source, [])
    made = sensor(**sensor_options(linked.definition))(
        _function(name, [], lambda values: _value(linked, body.run(values)))
    )
    session.namespace[name] = made
    print(f"✓ sensor {name}: {header.text('job_name') or header.text('target') or 'no target'}")
    return None
