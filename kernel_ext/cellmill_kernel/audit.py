"""What cells really read, bind and change, recorded while `%audit on`, against what their text says.

Recording follows the instructions of the notebook's own code, in whatever cell a function was defined, so it is slow
for loops in Python; code of libraries runs as ever.
"""

from __future__ import annotations

import dis
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from cellmill.execution.notebook.protocol import AUDIT_TAG
from cellmill.notebooks.facts import CERTAIN
from cellmill.notebooks.magic import split_header
from cellmill.planning.event import Event, EventType

from . import current_run
from .soundness import changed_names, marks

if TYPE_CHECKING:
    from cellmill.notebooks.facts import CellFacts, Use

    from .host import Host

_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_WRITES = frozenset({"STORE_GLOBAL", "STORE_NAME"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between what a cell did and what its text says."""

    cell_id: str
    kind: str
    what: str
    remedy: str


@dataclass(slots=True)
class Recorded:
    """What one execution of a cell did to names that were there before it."""

    cell_id: str
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)


@lru_cache(maxsize=4096)
def _plan(code: CodeType) -> dict[int, tuple[str, str]]:
    """The instructions of `code` that touch names of the namespace, by offset; of a body also its upstreams."""
    found: dict[int, tuple[str, str]] = {}
    given = code.co_varnames[: code.co_argcount] if "__cellmill_end__" in code.co_names else ()
    for one in dis.get_instructions(code):
        if one.opname in _READS:
            found[one.offset] = ("read", str(one.argval))
        elif one.opname in _WRITES:
            found[one.offset] = ("write", str(one.argval))
        elif one.opname == "LOAD_FAST" and one.argval in given:
            found[one.offset] = ("read", str(one.argval))
    return found


class Audit:
    """Records each cell while it runs, and keeps the findings by cell."""

    def __init__(self, session: Host) -> None:
        self.session = session
        self.findings: dict[str, list[Finding]] = {}
        self.cells = 0
        self._now: Recorded | None = None
        self._marks: dict[str, object] = {}
        self._before: frozenset[str] = frozenset()

    def begin(self, cell_id: str) -> None:
        """A cell starts."""
        if self._now is not None or sys.gettrace() is not None:
            return  # a debugger or a coverage tool is at work
        self._now = Recorded(cell_id)
        namespace = self.session.namespace
        self._before = frozenset(namespace)
        self._marks = marks({name: namespace[name] for name in self._watched(cell_id) if name in namespace})
        sys.settrace(self._enter)

    def stop(self) -> None:
        """Record no more."""
        if self._now is not None:
            sys.settrace(None)
            self._now = None

    def _watched(self, cell_id: str) -> set[str]:
        """Names whose values may be changed in place: what the cell reads, and every asset."""
        read = self._cell(cell_id)
        return {*(read.uses if read is not None else ()), *self.session.registry.linking().own}

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_globals is not self.session.namespace:
            return None
        plan = _plan(frame.f_code)
        if not plan or self._now is None:
            return None
        recorded, own = self._now, frame.f_locals is not frame.f_globals
        frame.f_trace_opcodes, frame.f_trace_lines = True, False

        def follow(frame: FrameType, event: str, arg: Any) -> Any:
            step = plan.get(frame.f_lasti) if event == "opcode" else None
            if step is not None:
                kind, name = step
                if kind == "write":
                    if not own:
                        recorded.writes.add(name)
                elif name in self._before and name not in recorded.writes and not name.startswith("__cellmill"):
                    recorded.reads.add(name)
            return follow

        return follow

    def end(self, cell_id: str) -> list[Finding]:
        """The cell ended: what it did that its text does not say."""
        recorded = self._now
        if recorded is None or recorded.cell_id != cell_id:
            return []
        sys.settrace(None)
        self._now = None
        namespace = self.session.namespace
        recorded.changed.update(changed_names(self._marks, namespace))
        recorded.writes.update(name for name in set(namespace) - self._before if not name.startswith("_"))
        self.cells += 1
        found = self.findings[cell_id] = self._differences(recorded)
        return found

    def tell(self, findings: list[Finding]) -> None:
        """Say the findings under the cell; in a run, to the run's worker."""
        run = current_run.current()
        if run is None:
            for finding in findings:
                self.session.warn_once(f"audit: {finding.what}. {finding.remedy}")
        elif findings:
            words = json.dumps([asdict(finding) for finding in findings])
            run.emit(
                Event(
                    type=EventType.ENGINE_EVENT,
                    run_id=run.message.run_id,
                    timestamp=time.time(),
                    step_key=AUDIT_TAG,
                    message=words,
                )  # fmt: skip
            )

    def _cell(self, cell_id: str) -> CellFacts | None:
        scanned = next((one for one in self.session.registry.scan().cells if one.cell.id == cell_id), None)
        return scanned.facts if scanned is not None else None

    def _differences(self, recorded: Recorded) -> list[Finding]:
        facts = self._cell(recorded.cell_id)
        if facts is None:
            return []
        linking = self.session.registry.linking()
        cells = linking.scan.notebook.cells
        index = next(cell.index for cell in cells if cell.id == recorded.cell_id)
        own = {name for one in linking.scan.definitions if one.origin.cell_index == index for name in one.names}
        position = (
            linking.linker.spans[index][0] if index in linking.linker.spans else linking.linker.position_of(index)
        )
        uses = [*facts.uses.values(), *facts.builtin_uses.values()]
        taken = linking.linker.slice_of(uses, position, own=frozenset(own))
        said = {use.name for use in uses} | {name for names in taken.why.values() for name in names}
        said |= {*taken.assets, *taken.free}
        asset = split_header(cells[index].source) is not None
        found = [
            self._unseen_read(recorded, name, asset) for name in sorted(recorded.reads - said) if self._counts(name)
        ]
        unseen = recorded.writes - set(facts.binds) - own - recorded.reads
        if not asset:
            unseen -= {name for name in recorded.writes if any(e.bind for e in linking.linker.entries.get(name, ()))}
        found += [
            Finding(recorded.cell_id, "wrote", f"bound {name}, which its text does not show",
                    f"Assign {name} in the cell itself, or make it an asset.")
            for name in sorted(unseen) if self._counts(name) and name not in linking.own
        ]  # fmt: skip
        for name in sorted(recorded.changed - set(facts.mutates) - set(facts.binds)):
            found.append(Finding(
                recorded.cell_id, "changed in place", f"changed the value of {name}, which its text does not show",
                f"Make a new value, e.g. {name}2 = {name}.copy(), or change it in the cell that makes it.",
            ))  # fmt: skip
        if asset:
            found += [
                self._unread(recorded, use) for use in facts.uses.values() if self._never(use, recorded, linking.own)
            ]
        return found

    def _counts(self, name: str) -> bool:
        return self.session.made_here(name) and name not in ("context", "In", "Out")

    def _unseen_read(self, recorded: Recorded, name: str, asset: bool) -> Finding:
        how = f"Name it: --deps {name}, or read {name} in the cell itself." if asset else f"Read {name} by its name."
        return Finding(recorded.cell_id, "read", f"read {name}, which its text does not show", how)

    def _never(self, use: Use, recorded: Recorded, assets: Any) -> bool:
        sure = use.confidence == CERTAIN and not use.note and not use.via and use.kind in ("name", "call")
        return sure and use.name in assets and use.name not in recorded.reads

    def _unread(self, recorded: Recorded, use: Use) -> Finding:
        return Finding(
            recorded.cell_id, "not read", f"line {use.line} names the upstream {use.name}, but did not read it",
            f"Where it is never read, take {use.name} out of the cell: it makes the asset stale for nothing.",
        )  # fmt: skip
