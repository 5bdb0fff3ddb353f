"""The ports of definitions: what they ask of modules above them. `cellmill.PORTS` says which module fills each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Protocol, cast

from cellmill import port


class Engine(Protocol):
    """What definitions ask of the engine that runs them."""

    def execute_in_process(self, *args: Any, **options: Any) -> Any:
        """Run a job, the first argument, in this process and return its result."""
        ...

    def invoke(self, definition: Any, args: tuple[Any, ...], kwargs: dict[str, Any], alias: str | None = None) -> Any:
        """Call the function of a definition directly, as unit tests do; errors name it by its `alias`."""
        ...

    def ephemeral_instance(self) -> Any:
        """Return an instance that forgets everything at its end, for code that is called by hand."""
        ...

    def load_asset_value(self, definitions: Any, asset_key: Any, **options: Any) -> Any:
        """Return the stored value of an asset."""
        ...

    def asset_value_loader(self, definitions: Any, instance: Any) -> Any:
        """Return what loads stored values of several assets."""
        ...

    def asset_graph(self, definitions: Any) -> Any:
        """Return the asset graph of a code location."""
        ...

    def in_process_executor(self, context: Any) -> Any:
        """Return what carries out the steps of a run one after the other in the run's own process."""
        ...

    def multiprocess_executor(self, context: Any) -> Any:
        """Return what carries out each step of a run in one of several worker processes."""
        ...


class JobMaker(Protocol):
    """What graphs, jobs and bodies ask of the module that makes jobs of them."""

    def job_of_graph(self, graph: Any, name: str | None, **options: Any) -> Any:
        """Return the job that runs a graph."""
        ...

    def job_subset(
        self, job: Any, op_selection: Iterable[str] | None, asset_selection: Any, asset_check_selection: Any = None
    ) -> Any:
        """Return the part of a job that is selected."""
        ...

    def loaded_asset(self, value: Any) -> Any:
        """Return the asset whose stored value a value stands for in the body of a graph; None where there is none."""
        ...


class Records(Protocol):
    """What sensors ask of the records of runs, whose words are declared above the definitions."""

    def event_type(self, name: str) -> Any:
        """Return a type of event by its name."""
        ...

    def run_status(self, name: str) -> Any:
        """Return a state of runs by its name."""
        ...

    def asset_filter(self, key: Any, after: int | None, partitions: Sequence[str] | None) -> Any:
        """Return which events of an asset to find: those behind a place in the log."""
        ...

    def run_status_filter(self, event_type: Any, after: int | None) -> Any:
        """Return which changes of run state to find: those behind a place in the log."""
        ...


@cache
def engine() -> Engine:
    """Return the engine."""
    return cast(Engine, port("definitions.engine.Engine"))


@cache
def job_maker() -> JobMaker:
    """Return what makes jobs of graphs, and parts of jobs."""
    return cast(JobMaker, port("definitions.engine.JobMaker"))


@cache
def records() -> Records:
    """Return the words in which records of runs are asked for."""
    return cast(Records, port("definitions.engine.Records"))
