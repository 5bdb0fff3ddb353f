"""Which steps of an earlier run are not carried out again, and what they made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cellmill.errors import InvalidSubsetError, StepNotFoundError
from cellmill.planning.event import EventType
from cellmill.planning.plan import Plan
from cellmill.planning.run import Run

#: By step key: names of outputs made, mapping keys of dynamic outputs, and the run that made them. A mapped step has an
#: entry under its key in the plan, and one for each of its parts.
Previous = dict[str, tuple[frozenset[str], Mapping[str, list[str]], str]]

#: By key in the plan, the mapping keys of the parts that are chosen; None stands for the whole step.
Chosen = dict[str, "set[str] | None"]


def previous_steps(plan: Plan, parent: Run | None, selection: Sequence[str], instance: Any) -> Previous:
    """Return the steps that are not carried out again, with what earlier runs made of them.

    Args:
        plan: The steps of the run.
        parent: The earlier run.
        selection: Steps by key, with `*` or `+`s for what is before or behind them; empty runs all.
        instance: Where earlier runs are kept.

    Raises:
        StepNotFoundError: where a step, or a part of a mapped step, does not exist.
    """
    if parent is None or not selection:
        return {}
    return _all_but(plan, parent, _chosen(plan, selection), instance)


def steps_before_failure(plan: Plan, parent: Run, instance: Any) -> Previous:
    """Return the steps that need not be carried out when a run goes on where an earlier one failed or was stopped.

    Args:
        plan: The steps of the run.
        parent: The earlier run; what it left is what it was to carry out, without what it did.
        instance: Where earlier runs are kept.
    """
    return _all_but(plan, parent, _left(plan, parent, instance), instance)


def _left(plan: Plan, run: Run, instance: Any) -> Chosen:
    """Return the steps that a run was to carry out and did not, and the parts of mapped steps."""
    todo: Chosen = dict.fromkeys(plan.steps)
    before = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    if before is not None and run.step_keys_to_execute:
        todo = _chosen(plan, run.step_keys_to_execute)
    elif before is not None and run.is_resume_retry:
        todo = _left(plan, before, instance)
    done = {
        event.step_key
        for event in instance.all_logs(run.run_id)
        if event.type in (EventType.STEP_SUCCESS, EventType.STEP_SKIPPED)
    }
    made = _made_by(run, instance)
    left: Chosen = {}
    for key, step in plan.steps.items():
        if key not in todo:
            continue
        if step.axis is None:
            if key not in done:
                left[key] = None
            continue
        source, output = step.axis
        if source in left:
            left[key] = None
            continue
        parts = todo[key]
        if parts is None:
            parts = set(made[source][1].get(output, ())) if source in made else set()
        open_parts = {part for part in parts if f"{key}[{part}]" not in done}
        if open_parts:
            left[key] = open_parts
    return left


def _all_but(plan: Plan, parent: Run, chosen: Chosen, instance: Any) -> Previous:
    """Return every step and part that is not chosen, with what the latest of the earlier runs made of it."""
    made = _made_by(parent, instance)
    found: Previous = {}
    for key, step in plan.steps.items():
        parts = chosen.get(key, set())
        if parts is None:
            continue
        nothing: tuple[frozenset[str], Mapping[str, list[str]], str] = (frozenset(), {}, parent.run_id)
        if not parts:
            found[key] = made.get(key, nothing)
        if step.axis is None:
            continue
        source, output = step.axis
        keys = found[source][1].get(output, []) if source in found else []
        if parts - set(keys):
            missing = [f"{key}[{part}]" for part in sorted(parts - set(keys))]
            raise _unknown(missing, [f"{key}[{one}]" for one in keys] or list(plan.steps))
        for part in keys:
            if part not in parts:
                found[f"{key}[{part}]"] = made.get(f"{key}[{part}]", nothing)
    return found


def _made_by(parent: Run, instance: Any) -> Previous:
    """Return what each step made in the latest of the parent and the runs that it was itself run again from."""
    made: Previous = {}
    run: Run | None = parent
    while run is not None:
        here: Previous = {}
        for event in instance.all_logs(run.run_id):
            if event.type is not EventType.STEP_OUTPUT or event.step_key is None:
                continue
            outputs, mapping, _ = here.get(event.step_key, (frozenset(), {}, run.run_id))
            name, key = event.data.output_name, event.data.mapping_key
            if key is not None:
                mapping = {**mapping, name: [*mapping.get(name, []), key]}
            here[event.step_key] = (outputs | {name}, mapping, run.run_id)
        made = {**here, **made}
        run = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    return made


def _chosen(plan: Plan, selection: Sequence[str]) -> Chosen:
    """Return the steps that ``a``, ``*a``, ``a++``, ``a[key]`` … mean; ``a[?]`` is all of a mapped step."""
    chosen: Chosen = {}
    unknown = []
    for clause in selection:
        name = clause.strip("*+")
        before, behind = clause[: clause.index(name)], clause[clause.index(name) + len(name) :]
        base, _, part = name.removesuffix("]").partition("[")
        if base not in plan.steps or (part and plan.steps[base].axis is None):
            unknown.append(name)
            continue
        part = "" if part == "?" else part
        near = {
            base,
            *_reach(base, lambda key: plan.steps[key].needs, before),
            *_reach(base, lambda key: plan.children[key], behind),
        }
        for key in near:
            if part and plan.steps[key].axis == plan.steps[base].axis:
                known = chosen.setdefault(key, set())
                if known is not None:
                    known.add(part)
            else:
                chosen[key] = None
    if unknown:
        raise _unknown(unknown, plan.steps)
    if not chosen:
        raise InvalidSubsetError("The step selection names no step.")
    return chosen


def _reach(start: str, near: Callable[[str], Iterable[str]], depth: str) -> set[str]:
    """Return what is near a step: all of it for ``*``, as many steps away as there are ``+``."""
    found: set[str] = set()
    front, left = {start}, len(depth)
    while front and (left or "*" in depth):
        front = {one for key in front for one in near(key)} - found
        found |= front
        left -= 1
    return found


def _unknown(names: Sequence[str], known: Iterable[str]) -> StepNotFoundError:
    word = "step" if len(names) == 1 else "steps"
    return StepNotFoundError(
        f"Step selection refers to unknown {word}: {', '.join(names)}. The run has {sorted(known)[:30]}."
    )
