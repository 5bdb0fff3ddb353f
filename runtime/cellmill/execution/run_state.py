"""What is known of a run while it goes on: which steps ended how, and which may start now."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from cellmill.planning.plan import FromCollect, FromMany, FromOutput, Plan, Step


class RunState(dict[tuple[str, str], list[str]]):
    """The progress of one run over its plan; as a mapping, the mapping keys of dynamic outputs.

    Responsibilities: which steps are ready, skipped or blocked; mapped steps as their keys become known.
    """

    def __init__(self, plan: Plan, chosen: Iterable[str] | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.steps: dict[str, Step] = {}
        self.succeeded: set[str] = set()
        self.failed: set[str] = set()
        self.skipped: set[str] = set()
        self.blocked: set[str] = set()
        #: (step key, output name) that were made; mapped steps by their own keys.
        self.made: set[tuple[str, str]] = set()
        self.runs_of_steps: dict[str, str] = {}
        self.run_id = ""
        self._waiting = plan.in_degrees()
        #: Keys of mapped steps by the key they have in the plan, and how many of them have not ended.
        self._mapped: dict[str, list[str]] = {}
        self._open: dict[str, int] = {}
        self._order = {key: index for index, key in enumerate(plan.steps)}
        self._ready: list[tuple[int, int, int, str]] = []
        self._chosen = None if chosen is None else set(chosen)
        for key, count in self._waiting.items():
            if not count:
                self._enqueue(key)

    # -- what steps ask -------------------------------------------------------------------------------------------

    def is_mapped(self, step_key: str) -> bool:
        """Return whether the step is multiplied by a dynamic output."""
        step = self.plan.steps.get(step_key)
        return step is not None and step.axis is not None

    def has_output(self, step_key: str, output_name: str) -> bool:
        """Return whether the output was made."""
        return (step_key, output_name) in self.made

    def manager_key(self, step_key: str, output_name: str) -> str:
        """Return the key of the IO manager that stored an output."""
        step = self.plan.steps.get(step_key) or self.plan.steps[step_key.split("[")[0]]
        return step.outputs_by_name[output_name].io_manager_key

    def output(self, step_key: str, output_name: str) -> Any:
        """Return an output of a step in the plan."""
        return self.plan.steps[step_key].outputs_by_name[output_name]

    def op(self, step_key: str) -> Any:
        """Return the op of a step in the plan."""
        return self.plan.steps[step_key].op

    def run_of(self, step_key: str) -> str:
        """Return the run that made a step's outputs."""
        return self.runs_of_steps.get(step_key, self.run_id)

    # -- what may start -------------------------------------------------------------------------------------------

    def _enqueue(self, key: str) -> None:
        step = self.plan.steps.get(key) or self.steps[key]
        base = key.split("[")[0] if key not in self.plan.steps else key
        heapq.heappush(self._ready, (-step.priority, self._order[base], 0, key))

    def next(self) -> str | None:
        """Return the key of a step all of whose needs have ended, the most urgent first; None where there is none."""
        return heapq.heappop(self._ready)[3] if self._ready else None

    def step(self, key: str) -> Step:
        """Return the step with this key, mapped or not."""
        return self.steps.get(key) or self.plan.steps[key]

    def resolve(self, key: str) -> list[str] | None:
        """Turn a mapped step of the plan into one step for each mapping key; None where it is an ordinary step."""
        step = self.plan.steps.get(key)
        if step is None or step.axis is None:
            return None
        keys = []
        for mapping_key in self.get(step.axis, ()):
            mapped = step.mapped(mapping_key)
            self.steps[mapped.key] = mapped
            keys.append(mapped.key)
        self._mapped[key] = keys
        self._open[key] = len(keys)
        for index, mapped_key in enumerate(keys):
            heapq.heappush(self._ready, (-step.priority, self._order[key], index, mapped_key))
        return keys

    def verdict(self, key: str) -> tuple[str, list[str]]:
        """Return "run", "skip" or "block" for a step whose needs have ended, and which of these are the reason."""
        step = self.step(key)
        if self.failed or self.blocked:
            failed, blocked = self.failed, self.blocked
            bad = sorted(
                need for need in step.needs if any(one in failed or one in blocked for one in self._of(need, step))
            )
            if bad:
                return "block", bad
        missing: list[str] = []
        for one in step.inputs:
            missing.extend(self._missing(one.source, step))
        return ("skip", missing) if missing else ("run", [])

    def _of(self, need: str, step: Step) -> set[str]:
        if need not in self._mapped:
            return {need}
        if step.mapping_key is not None and not self._collects(step, need):
            return {f"{need}[{step.mapping_key}]"}
        return set(self._mapped[need]) or set()

    def _collects(self, step: Step, need: str) -> bool:
        return any(isinstance(one.source, FromCollect) and one.source.step_key == need for one in step.inputs)

    def _missing(self, source: Any, step: Step) -> list[str]:
        if isinstance(source, FromOutput):
            key = source.step_key
            if key in self._mapped:
                key = f"{key}[{step.mapping_key}]"
            return [] if (key, source.output_name) in self.made else [f"{key}.{source.output_name}"]
        if isinstance(source, FromMany):
            each = [self._missing(one, step) for one in source.sources]
            return each[0] if each and all(each) else []
        if isinstance(source, FromCollect):
            if source.step_key in self._mapped or source.step_key in self.skipped:
                made = self._mapped.get(source.step_key, ())
                if made and not any((key, source.output_name) in self.made for key in made):
                    return [f"{source.step_key}.{source.output_name}"]
                return [] if source.step_key in self._mapped else [f"{source.step_key}.{source.output_name}"]
            output = self.output(source.step_key, source.output_name)
            if output.is_required or (source.step_key, source.output_name) in self.made:
                return []
            return [f"{source.step_key}.{source.output_name}"]
        return []

    # -- what ended -----------------------------------------------------------------------------------------------

    def ended(self, key: str, outputs: Iterable[str] = (), mapping_keys: Any = None) -> None:
        """Note the outputs of a step that ended; steps that only waited for it become ready."""
        for name in outputs:
            self.made.add((key, name))
        step = self.step(key)
        if key in self.plan.steps:
            for output in step.outputs:
                if output.is_dynamic:
                    self[(key, output.name)] = list((mapping_keys or {}).get(output.name, ()))
            self._release(key)
            return
        base = key[: key.rindex("[")]
        for name in outputs:
            keys = self.setdefault((base, name), [])
            keys.append(step.mapping_key or "")
        self._open[base] -= 1
        if not self._open[base]:
            self._sort_mapped(base)
            self._release(base)

    def _sort_mapped(self, base: str) -> None:
        """Put the mapping keys of collected outputs into the order in which the dynamic outputs came."""
        axis = self.plan.steps[base].axis
        assert axis is not None
        order = {key: index for index, key in enumerate(self.get(axis, ()))}
        for output in self.plan.steps[base].outputs:
            found = self.get((base, output.name))
            if found:
                found.sort(key=lambda key: order.get(key, 0))

    def _release(self, key: str) -> None:
        for child in self.plan.children[key]:
            self._waiting[child] -= 1
            if not self._waiting[child]:
                self._enqueue(child)

    def resolved_empty(self, key: str) -> None:
        """Note that a mapped step has no mapping key at all."""
        self._release(key)
