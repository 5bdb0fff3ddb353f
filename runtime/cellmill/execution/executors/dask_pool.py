"""Tasks on a Dask cluster, with the face of `WorkerPool`: Dask moves the work, and never owns what is true about it.

Dask may carry out a task again when a worker dies.  Each carrying-out therefore has a name of its own, and what an
earlier one still
says after a later one began is thrown away; only this process records anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import queue
import select
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import cloudpickle

from cellmill.errors import ExecutionError, InvalidConfigError, MissingExtra, SecurityError
from cellmill.execution.executors.pool import Done, Lost, Message, Raised, Said, Work, _pickled

#: Seconds to wait for a scheduler that was named.
CONNECT_TIMEOUT_S = 15.0
#: Seconds between two looks at whether the scheduler still answers.
_ALIVE_CHECK_S = 2.0
#: Flags of the scheduler (`distributed.Event`) by a task's name: that a worker began it, that its run took it away.
_BEGUN, _TAKEN = "cellmill-begun-{}", "cellmill-taken-{}"
#: Workers that may die over a task which none of them has begun, before it is the task that is at fault.
_MOST_GIVEN = 5
#: Bytes that the scheduler may remember of what was said, beside what it is there for.
_MOST_REMEMBERED = 20_000_000


class OpenDaskScheduler(SecurityError):
    """A Dask scheduler without TLS runs the code of anybody who reaches it; use a tls:// address, or allow_insecure
    on a trusted network.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(
            f"The Dask scheduler at {address!r} is not encrypted: whoever reaches it can run code on it. Use a "
            "tls:// address, or set "
            "allow_insecure: true for a network in which you trust everybody."
        )

    def __reduce__(self) -> tuple[type[OpenDaskScheduler], tuple[str]]:
        return type(self), (self.address,)


class DaskClusterGone(ExecutionError):
    """The Dask scheduler does not answer; start it again, or correct its address, and re-run what is missing."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(
            f"The Dask scheduler at {address!r} does not answer ({reason}). Start it again or correct the address, "
            "then re-run from "
            "failure: what was finished is kept."
        )

    def __reduce__(self) -> tuple[type[DaskClusterGone], tuple[str, str]]:
        return type(self), (self.address, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskCluster:
    """Which cluster to use: a local one with `workers` workers, or the one at `address`."""

    address: str | None = None
    workers: int | None = None
    allow_insecure: bool = False
    tls_ca_file: str | None = None
    tls_client_cert: str | None = None
    tls_client_key: str | None = None
    #: Dask resources that each task asks for, such as {"GPU": 1}.
    resources: Mapping[str, float] = field(default_factory=dict)

    def checked(self) -> DaskCluster:
        """Return itself.

        Raises:
            OpenDaskScheduler: for an address without TLS that nobody allowed.
        """
        if self.address and not self.address.startswith("tls://") and not self.allow_insecure:
            raise OpenDaskScheduler(self.address)
        return self


@dataclass(slots=True)
class _Running:
    task: Any
    future: Any
    timeout_s: float | None
    deadline: float | None
    #: How many workers it was given to, this one included.
    given: int = 1
    incarnation: str | None = None
    said: int = 0
    timed_out: bool = False
    worker: str | None = None
    waiting: dict[int, Any] = field(default_factory=dict)


class DaskPool:
    """Gives tasks to a Dask cluster and takes their messages, all from one thread."""

    def __init__(self, work: Work, cluster: DaskCluster, *, what: str = "The job") -> None:
        self._payload = _pickled(work, what)
        self._what = what
        self._cluster = cluster.checked()
        self._running: dict[str, _Running] = {}
        self._queue: queue.SimpleQueue[tuple[str, str, Any]] = queue.SimpleQueue()
        self._messages: list[Message] = []
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._topic = f"cellmill-{uuid.uuid4().hex}"
        self._own_cluster: Any = None
        #: Bytes of what was said since the scheduler forgot it last.
        self._remembered = 0
        self._client = self._connected()
        self._client.subscribe_topic(self._topic, self._published)

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return str(self._client.scheduler.address)

    @property
    def free(self) -> int:
        """How many more tasks can start at once: one for each thread of the cluster."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        threads: int = sum(worker["nthreads"] for worker in workers)
        return max(0, max(1, threads) - len(self._running))

    def start(self, task: Any, timeout_s: float | None = None) -> int:
        """Submit `task`; returns 0, since no process id is known yet."""
        self._give(task, timeout_s, 1)
        return 0

    def _give(self, task: Any, timeout_s: float | None, given: int) -> None:
        """Submit a task under a name of its own; what is still said under an earlier one is thrown away."""
        name = uuid.uuid4().hex
        future = self._client.submit(
            perform,
            self._payload,
            _pickled(task, self._what),
            self._topic,
            name,
            key=f"cellmill-{name}",
            pure=False,
            retries=0,
            resources=dict(self._cluster.resources) or None,
        )
        deadline = time.monotonic() + timeout_s if timeout_s else None
        self._running[name] = _Running(task, future, timeout_s, deadline, given)
        future.add_done_callback(lambda ended: self._put(name, "ended", ended))

    def receive(self, timeout_s: float | None = None, extra_fd: int | None = None) -> list[Message]:
        """Return what tasks say.

        Args:
            timeout_s: Seconds to wait for something; None waits.
            extra_fd: A file descriptor that ends the wait when it can be read.

        Raises:
            DaskClusterGone: where the scheduler cannot be reached any more.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._messages:
            self._drain()
            if self._messages:
                break
            self._check_deadlines()
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                break
            poller = select.poll()
            for descriptor in (self._wake_read, extra_fd):
                if descriptor is not None:
                    poller.register(descriptor, select.POLLIN)
            events = dict(poller.poll(min(_ALIVE_CHECK_S, left if left is not None else _ALIVE_CHECK_S) * 1000))
            if extra_fd is not None and extra_fd in events:
                break
            if not events:
                self._check_alive()
        found, self._messages = self._messages, []
        return found

    def interrupt(self, task: Any = None) -> None:
        """Cancel tasks; one that runs goes on in its worker, and what it says is thrown away."""
        for name, running in list(self._running.items()):
            if task is None or running.task == task:
                del self._running[name]
                running.future.cancel(force=True)
                self._messages.append(Lost(running.task, None))

    def set_flag(self, name: str) -> None:
        """Set the flag of that name (`distributed.Event`), for which a task may look."""
        import distributed

        with contextlib.suppress(OSError, TimeoutError):
            distributed.Event(name, client=self._client).set()

    def close(self, *, kill: bool = False) -> None:
        """Cancel what is left and leave the cluster; one of our own ends."""
        self._running.clear()
        with contextlib.suppress(Exception):
            self._client.unsubscribe_topic(self._topic)
        self._forget_said()
        with contextlib.suppress(Exception):
            self._client.close(timeout=2)
        if self._own_cluster is not None:
            with contextlib.suppress(Exception):
                self._own_cluster.close(timeout=5)
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)

    def __enter__(self) -> DaskPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connected(self) -> Any:
        try:
            import dask
            import distributed
        except ImportError:
            raise MissingExtra("dask") from None
        if self._cluster.address is None:
            # a task whose worker died is our own to start again, under our own rules
            quiet = {"distributed.scheduler.allowed-failures": 0, "distributed.scheduler.http.routes": []}
            with dask.config.set(quiet):
                self._own_cluster = distributed.LocalCluster(
                    n_workers=self._cluster.workers or os.cpu_count() or 1,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    worker_dashboard_address=None,
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=50,
                )
            return distributed.Client(self._own_cluster, set_as_default=False)
        try:
            return distributed.Client(
                self._cluster.address, security=self._security(), timeout=CONNECT_TIMEOUT_S, set_as_default=False
            )
        except (OSError, TimeoutError) as error:
            raise DaskClusterGone(self._cluster.address, str(error) or type(error).__name__) from error

    def _security(self) -> Any:
        import distributed

        if not (self._cluster.address or "").startswith("tls://"):
            return None
        files = (self._cluster.tls_ca_file, self._cluster.tls_client_cert, self._cluster.tls_client_key)
        if not all(files):
            raise InvalidConfigError(
                "A tls:// scheduler needs tls_ca_file, tls_client_cert and tls_client_key in the executor's config."
            )
        return distributed.Security(
            tls_ca_file=files[0], tls_client_cert=files[1], tls_client_key=files[2], require_encryption=True
        )

    def _published(self, event: Any) -> None:
        """Take an event of the topic (on Dask's own thread)."""
        _, data = event
        self._put(data["name"], "said", data)

    def _put(self, name: str, kind: str, value: Any) -> None:
        self._queue.put((name, kind, value))
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"x")

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 65536)
        if self._remembered > _MOST_REMEMBERED:
            self._remembered = 0
            self._forget_said()
        while True:
            try:
                name, kind, value = self._queue.get_nowait()
            except queue.Empty:
                return
            running = self._running.get(name)
            if running is None:
                continue
            if kind == "said" and "end" in value:
                if running.incarnation in (None, value["incarnation"]) and running.said == value["number"]:
                    # the last word came with all before it: nothing is lost any more with the worker's memory
                    del self._running[name]
                    self._forget_begin(name)
                    raised, ended = value["end"]
                    self._messages.append((Raised if raised else Done)(running.task, pickle.loads(ended)))
            elif kind == "said":
                running.worker = value["worker"]
                self._remembered += len(value["value"])
                self._said(running, value["incarnation"], value["number"], value["value"])
            else:
                del self._running[name]
                self._ended(name, running, value)

    def _said(self, running: _Running, incarnation: str, number: int, value: bytes) -> None:
        if running.incarnation != incarnation:
            if number != 0:
                return
            running.incarnation, running.said = incarnation, 0
            running.waiting.clear()
        running.waiting[number] = value
        while running.said in running.waiting:
            self._messages.append(Said(running.task, pickle.loads(running.waiting.pop(running.said))))
            running.said += 1

    def _ended(self, name: str, running: _Running, future: Any) -> None:
        if future.status == "finished":
            self._forget_begin(name)
            incarnation, said, raised, value = future.result()
            if running.incarnation not in (None, incarnation):
                running.said = 0
            for data in said[running.said :]:
                self._messages.append(Said(running.task, pickle.loads(data)))
            self._messages.append((Raised if raised else Done)(running.task, pickle.loads(value)))
        elif running.timed_out or future.status in ("cancelled", "lost"):
            if not running.timed_out and self._client.status != "running":
                raise DaskClusterGone(self.address, "it was lost while a step was on it")
            self._messages.append(Lost(running.task, None, running.timed_out))
        else:
            error = future.exception()
            if type(error).__name__ != "KilledWorker":
                self._messages.append(Raised(running.task, error))
            elif running.given < _MOST_GIVEN and self._takes_away(name, running):
                self._give(running.task, running.timeout_s, running.given + 1)
            else:
                self._messages.append(Lost(running.task, None))

    def _takes_away(self, name: str, running: _Running) -> bool:
        """Take a task from a worker that is gone; True where no worker had begun it, and none ever will."""
        if running.incarnation is not None:
            return False
        scheduler = self._client.scheduler
        try:
            self._client.sync(scheduler.event_set, name=_TAKEN.format(name))
            return not self._client.sync(scheduler.event_is_set, name=_BEGUN.format(name))
        except (OSError, TimeoutError) as error:
            raise DaskClusterGone(self.address, str(error) or type(error).__name__) from error

    def _forget_begin(self, name: str) -> None:
        """Let the scheduler forget that a task has begun, some time."""

        async def forget() -> None:
            with contextlib.suppress(Exception):
                await self._client.scheduler.event_clear(name=_BEGUN.format(name))

        self._client.loop.add_callback(forget)

    def _forget_said(self) -> None:
        """Let the scheduler forget what was said until now."""
        with contextlib.suppress(Exception):
            self._client.run_on_scheduler(_forget, self._topic)

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        for name, running in list(self._running.items()):
            if running.deadline is not None and now >= running.deadline:
                del self._running[name]
                running.future.cancel(force=True)
                self._free_worker(running.worker)
                self._messages.append(Lost(running.task, None, True))

    def _free_worker(self, address: str | None) -> None:
        """Start a worker anew whose only thread is held by a task that is over; Dask cannot end a thread."""
        known = self._client.scheduler_info(n_workers=-1)["workers"].get(address)
        if known is not None and known["nthreads"] == 1 and known.get("nanny"):
            with contextlib.suppress(Exception):
                self._client.restart_workers([address], timeout=20, raise_for_error=False)

    def _check_alive(self) -> None:
        if self._running and self._client.status not in ("running",):
            raise DaskClusterGone(self.address, f"its connection is {self._client.status}")


#: Bytes of a result that is sent with the last word; a larger one is fetched from the worker.
_LARGEST_LAST_WORD = 1_000_000
#: Runs whose definitions and open resources a worker keeps for their next step.
_MOST_WORKS = 2


class _Works:
    """What the tasks of this Dask worker do, run by run: unpickled once, and closed when newer runs have come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: dict[str, Work] = {}
        self._busy: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, payload: bytes) -> Iterator[Work]:
        """Give the work of a payload while a task uses it."""
        digest = hashlib.sha256(payload).hexdigest()
        with self._lock:
            work = self._works.pop(digest, None) or cloudpickle.loads(payload)
            self._works[digest] = work  # the newest is the last
            self._busy[digest] += 1
        try:
            yield work
        finally:
            with self._lock:
                self._busy[digest] -= 1
                idle = [key for key in self._works if not self._busy[key]]
                old = [self._works.pop(key) for key in idle[: max(0, len(self._works) - _MOST_WORKS)]]
            for one in old:
                getattr(one, "close", _nothing)()


def _forget(topic: str, dask_scheduler: Any) -> None:
    """Let the scheduler forget what was said on a topic; it would keep it for as long as it lives."""
    dask_scheduler._broker.truncate(topic)


def _nothing() -> None:
    """Close what has nothing to close."""


_works = _Works()


class TaskTaken(ExecutionError):
    """A task was given to another worker before this one began it; nothing is to be done."""


def _begins(worker: Any, name: str) -> bool:
    """Say that a task begins in this worker; False where its run has given it to another one meanwhile.

    The run takes it away first and asks then whether it had begun: of the two, one sees the other.
    """
    from distributed.utils import sync

    async def claim() -> bool:
        await worker.scheduler.event_set(name=_BEGUN.format(name))
        return not await worker.scheduler.event_is_set(name=_TAKEN.format(name))

    return bool(sync(worker.loop, claim))


def perform(payload: bytes, task: bytes, topic: str, name: str) -> tuple[str, list[bytes], bool, bytes]:
    """Carry out one task in a Dask worker; return its incarnation, all that it said, whether it raised, and its
    value.
    """
    from distributed import get_worker

    incarnation = uuid.uuid4().hex
    worker = get_worker()
    said: list[bytes] = []
    saying = threading.Lock()

    def say(value: Any) -> None:
        data = pickle.dumps(value)
        with saying:
            worker.log_event(
                topic,
                {
                    "name": name,
                    "incarnation": incarnation,
                    "number": len(said),
                    "value": data,
                    "worker": worker.address,
                },
            )
            said.append(data)

    if not _begins(worker, name):
        return incarnation, [], True, bytes(cloudpickle.dumps(TaskTaken()))
    try:
        with _works.taken(payload) as work:
            raised, value = False, work(cloudpickle.loads(task), say)
    except Exception as error:
        raised, value = True, error
    ended = bytes(cloudpickle.dumps(value))
    if len(ended) <= _LARGEST_LAST_WORD:
        last = {"name": name, "incarnation": incarnation, "number": len(said), "end": (raised, ended)}
        worker.log_event(topic, last)
    return incarnation, said, raised, ended


Perform = Callable[[bytes, bytes, str, str], tuple[str, list[bytes], bool, bytes]]
