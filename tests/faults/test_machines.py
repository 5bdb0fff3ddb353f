"""Any sequence of events of a run, and any sequence of writes, crashes and collections of a value."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from cellmill import faults
from cellmill.errors import ConcurrencyError, StorageFullError
from cellmill.instance.instance import Instance
from cellmill.io.value_store import ValueStore
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import FINISHED_STATUSES, Run, RunStatus
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.faults.invariants import assert_invariants
from tests.fuzzing import examples

pytestmark = pytest.mark.fault
KINDS = [
    EventType.RUN_STARTING,
    EventType.RUN_START,
    EventType.RUN_SUCCESS,
    EventType.RUN_FAILURE,
    EventType.RUN_CANCELING,
    EventType.RUN_CANCELED,
    EventType.ENGINE_EVENT,
]


class RunMachine(RuleBasedStateMachine):
    """Whatever workers, monitors and people send, a run ends once, stays ended, and obeys its latest attempt only."""

    @initialize()
    def begin(self) -> None:
        self.instance = Instance.ephemeral()
        self.run = Run(job_name="j", status=RunStatus.QUEUED)
        self.instance.add_run(self.run)
        self.attempt = 1
        self.ended: RunStatus | None = None
        self.events = 0
        self.time = 0.0

    def teardown(self) -> None:
        if hasattr(self, "instance"):
            self.instance.close()

    def now(self) -> Run:
        """The run as it is stored."""
        found = self.instance.get_run_by_id(self.run.run_id)
        assert found is not None
        return found

    @rule(kind=st.sampled_from(KINDS), old=st.booleans())
    def send(self, kind: EventType, old: bool) -> None:
        self.time += 1.0
        attempt = self.attempt - 1 if old else self.attempt
        try:
            self.instance.run_writer(self.run.run_id, attempt).append([Event(kind, self.run.run_id, self.time)])
        except ConcurrencyError:
            assert old or self.ended is not None
            return
        assert not old
        self.events += 1
        status = self.now().status
        if status in FINISHED_STATUSES:
            assert self.ended in (None, status)
            self.ended = status

    @rule(action=st.sampled_from(["raise", "disk_full"]), kind=st.sampled_from(KINDS))
    def send_and_die(self, action: str, kind: EventType) -> None:
        before = self.now()
        faults.arm("event.appended", action)
        try:
            self.instance.run_writer(self.run.run_id, self.attempt).append([Event(kind, self.run.run_id, self.time)])
        except (faults.InjectedFault, OSError, ConcurrencyError):
            pass
        else:
            raise AssertionError("the fault did not happen")
        finally:
            faults.disarm()
        assert before == self.now()

    @rule()
    def replace_attempt(self) -> None:
        status = self.now().status
        taken = self.instance.runs.new_attempt(self.run.run_id, expected=self.attempt, status=status, owner="m")
        assert (taken is None) == (self.ended is not None)
        if taken is not None:
            self.attempt = taken.attempt

    @rule()
    def replace_an_attempt_that_is_gone(self) -> None:
        taken = self.instance.runs.new_attempt(
            self.run.run_id, expected=self.attempt - 1, status=RunStatus.STARTED, owner="m"
        )
        assert taken is None

    @invariant()
    def sound(self) -> None:
        if hasattr(self, "instance"):
            assert_invariants(self.instance)
            assert self.ended in (None, self.now().status)
            assert self.events == len(self.instance.all_logs(self.run.run_id))


class ValueMachine(RuleBasedStateMachine):
    """Whatever is written, dies or is collected, each path has the last value that was written whole."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = ValueStore(Path(self.folder.name))
        self.model: dict[str, object] = {}

    def teardown(self) -> None:
        faults.disarm()
        if hasattr(self, "folder"):
            self.folder.cleanup()

    paths = st.sampled_from(["runs/r/a", "runs/r/b", "runs/s/a"])
    values = st.one_of(
        st.integers(), st.text(max_size=20), st.binary(max_size=200), st.lists(st.integers(), max_size=5)
    )

    @rule(path=paths, value=values)
    def write(self, path: str, value: object) -> None:
        self.store.write_file(path, value)
        self.model[path] = value

    @rule(path=paths, value=values, action=st.sampled_from(["raise", "disk_full"]))
    def write_and_die(self, path: str, value: object, action: str) -> None:
        faults.arm("output.written", action)
        try:
            self.store.write_file(path, value)
        except (faults.InjectedFault, StorageFullError):
            pass
        else:
            self.model[path] = value
        finally:
            faults.disarm()

    @rule()
    def open_anew(self) -> None:
        self.store = ValueStore(Path(self.folder.name))

    @invariant()
    def readers_see_whole_values(self) -> None:
        if hasattr(self, "model"):
            for path, value in self.model.items():
                assert value == self.store.read(self.store.find_file(path))


TestRunMachine = RunMachine.TestCase
TestValueMachine = ValueMachine.TestCase
TestRunMachine.settings = TestValueMachine.settings = settings(max_examples=examples(30), stateful_step_count=25)
