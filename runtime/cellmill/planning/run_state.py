"""The states of a run and what may follow what, as data; and one pure step from event to state.

Responsibilities: says which changes are allowed; says what must be done because of a change; performs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cellmill.planning.run import FINISHED_STATUSES, RunStatus

_S = RunStatus

#: State -> states that may follow it.  Terminal states are final.
ALLOWED: Mapping[RunStatus, frozenset[RunStatus]] = {
    _S.QUEUED: frozenset({_S.NOT_STARTED, _S.STARTING, _S.STARTED, _S.FAILURE, _S.CANCELED, _S.CANCELING}),
    _S.NOT_STARTED: frozenset({_S.QUEUED, _S.STARTING, _S.STARTED, _S.FAILURE, _S.CANCELED, _S.CANCELING}),
    _S.MANAGED: frozenset({_S.STARTING, _S.STARTED, _S.SUCCESS, _S.FAILURE, _S.CANCELED, _S.CANCELING}),
    _S.STARTING: frozenset({_S.STARTED, _S.FAILURE, _S.CANCELED, _S.CANCELING, _S.QUEUED}),
    _S.STARTED: frozenset({_S.SUCCESS, _S.FAILURE, _S.CANCELED, _S.CANCELING}),
    _S.CANCELING: frozenset({_S.CANCELED, _S.FAILURE, _S.SUCCESS}),
    _S.SUCCESS: frozenset(),
    _S.FAILURE: frozenset(),
    _S.CANCELED: frozenset(),
}


class RunSignal(StrEnum):
    """What may happen to a run."""

    ENQUEUED = "enqueued"
    LAUNCHED = "launched"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LEASE_EXPIRED = "lease expired"
    CANCEL_REQUESTED = "cancel requested"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSlots:
    """Give back the run's slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopProcess:
    """Ask the run's process group to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsiderRetry:
    """Look whether the run is to be tried again."""

    crashed: bool


Command = FreeSlots | StopProcess | ConsiderRetry

_TARGET: Mapping[RunSignal, RunStatus] = {
    RunSignal.ENQUEUED: _S.QUEUED,
    RunSignal.LAUNCHED: _S.STARTING,
    RunSignal.STARTED: _S.STARTED,
    RunSignal.SUCCEEDED: _S.SUCCESS,
    RunSignal.FAILED: _S.FAILURE,
    RunSignal.LEASE_EXPIRED: _S.FAILURE,
    RunSignal.CANCELED: _S.CANCELED,
}


def may_follow(before: RunStatus, after: RunStatus) -> bool:
    """Whether a run in one state may get into the other."""
    return after in ALLOWED[before]


def step(state: RunStatus, signal: RunSignal) -> tuple[RunStatus, tuple[Command, ...]]:
    """The state after a signal, and what has to be done; a signal that comes too late changes nothing."""
    if signal is RunSignal.CANCEL_REQUESTED:
        # A run without a process is cancelled at once; one with a process is asked to stop.
        if state in (_S.QUEUED, _S.NOT_STARTED):
            return _S.CANCELED, (FreeSlots(),)
        return (_S.CANCELING, (StopProcess(),)) if may_follow(state, _S.CANCELING) else (state, ())
    after = _TARGET[signal]
    if signal is RunSignal.LEASE_EXPIRED and state is _S.CANCELING:
        after = _S.CANCELED
    if not may_follow(state, after):
        return state, ()
    commands: list[Command] = [FreeSlots()] if after in FINISHED_STATUSES else []
    if after is _S.FAILURE:
        commands.append(ConsiderRetry(crashed=signal is RunSignal.LEASE_EXPIRED))
    return after, tuple(commands)
