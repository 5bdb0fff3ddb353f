"""The result of a run: what it made, and its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetMaterialization, AssetObservation
from cellmill.definitions.input_context import InputContext
from cellmill.definitions.output_context import OutputContext
from cellmill.errors import InvariantViolationError
from cellmill.planning.event import Event, EventType

_NOTHING = object()


class ExecutionResult:
    """What is known of a run that has ended.

    Responsibilities: events by kind and node; values of outputs by node and name, of assets by key. Made by cellmill.

    Args:
        job: The job.
        services: What the run offered its steps.
        events: The run's events in order.
        instance: The instance that keeps the run.
        state: What became of each step.
    """

    def __init__(self, job: Any, services: Any, events: Sequence[Event], instance: Any, state: Any) -> None:
        self._job = job
        self._services = services
        self._events = events
        self._instance = instance
        self._state = state

    # -- the run --------------------------------------------------------------------------------------------------

    @property
    def job_def(self) -> Any:
        """The job."""
        return self._job

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self._services.run_id)

    @property
    def dagster_run(self) -> Any:
        """The run as the instance keeps it."""
        return self._instance.get_run_by_id(self.run_id)

    run = dagster_run

    @property
    def success(self) -> bool:
        """Whether every step that was carried out succeeded."""
        return bool(self._events) and any(one.type is EventType.RUN_SUCCESS for one in reversed(self._events))

    def is_node_success(self, node_str: str) -> bool:
        """Return whether a step of the node succeeded.

        Args:
            node_str: The node's name; `graph.op` for one within a graph.
        """
        return any(one.is_step_success for one in self.events_for_node(node_str))

    def is_node_failed(self, node_str: str) -> bool:
        """Return whether a step of the node failed.

        Args:
            node_str: The node's name; `graph.op` for one within a graph.
        """
        return any(one.is_step_failure for one in self.events_for_node(node_str))

    def is_node_skipped(self, node_str: str) -> bool:
        """Return whether a step of the node was skipped.

        Args:
            node_str: The node's name; `graph.op` for one within a graph.
        """
        return any(one.is_step_skipped for one in self.events_for_node(node_str))

    def is_node_untouched(self, node_str: str) -> bool:
        """Return whether nothing happened with the node.

        Args:
            node_str: The node's name; `graph.op` for one within a graph.
        """
        return not self.events_for_node(node_str)

    # -- events ---------------------------------------------------------------------------------------------------

    @property
    def all_events(self) -> Sequence[Event]:
        """The events of the run, but for what user code logged."""
        planned = (EventType.LOG, EventType.ASSET_MATERIALIZATION_PLANNED, EventType.ASSET_CHECK_EVALUATION_PLANNED)
        return [one for one in self._events if one.type not in planned]

    @property
    def all_node_events(self) -> Sequence[Event]:
        """The events of the steps."""
        return [one for one in self.all_events if one.step_key is not None and one.is_step_event]

    def get_step_failure_events(self) -> Sequence[Event]:
        """Return the events of steps that failed."""
        return self.filter_events(lambda one: one.is_step_failure)

    def get_asset_materialization_planned_events(self) -> Sequence[Event]:
        """Return the events of materializations that the run planned."""
        return [one for one in self._events if one.type is EventType.ASSET_MATERIALIZATION_PLANNED]

    def filter_events(self, event_filter: Callable[[Event], bool]) -> Sequence[Event]:
        """Return the events that a function accepts.

        Args:
            event_filter: Takes an event, and returns whether it is wanted.
        """
        return [one for one in self.all_events if event_filter(one)]

    def events_for_node(self, node_name: str) -> Sequence[Event]:
        """Return the events of a node, or of the nodes in a graph.

        Args:
            node_name: The node's name; `graph.op` for one within a graph.

        Raises:
            InvariantViolationError: where there is no such node.
        """
        keys = self._step_keys_of(node_name)
        return [one for one in self.all_events if one.step_key is not None and _base(one.step_key) in keys]

    def _step_keys_of(self, node_name: str) -> set[str]:
        steps = self._state.plan.steps
        keys = {key for key in steps if key == node_name or key.startswith(node_name + ".")}
        if not keys:
            raise InvariantViolationError(f"{self._job.name} has no op named {node_name}. It has {sorted(steps)[:30]}.")
        return keys

    def compute_events_for_handle(self, handle: Any) -> Sequence[Event]:
        """Return the events of a step by its handle.

        Args:
            handle: The path of the node through the job's graphs.
        """
        return [one for one in self.all_events if one.step_key is not None and _base(one.step_key) == str(handle)]

    def _of_kind(self, node_name: str, kind: EventType) -> list[Event]:
        return [one for one in self.events_for_node(node_name) if one.type is kind]

    def asset_materializations_for_node(self, node_name: str) -> Sequence[AssetMaterialization]:
        """Return the materializations that a node reported.

        Args:
            node_name: The node's name.
        """
        return [one.data.materialization for one in self._of_kind(node_name, EventType.ASSET_MATERIALIZATION)]

    def asset_observations_for_node(self, node_name: str) -> Sequence[AssetObservation]:
        """Return the observations that a node reported.

        Args:
            node_name: The node's name.
        """
        return [one.data.asset_observation for one in self._of_kind(node_name, EventType.ASSET_OBSERVATION)]

    def expectation_results_for_node(self, node_name: str) -> Sequence[Any]:
        """Return the expectation results that a node reported.

        Args:
            node_name: The node's name.
        """
        return [one.data.expectation_result for one in self._of_kind(node_name, EventType.STEP_EXPECTATION_RESULT)]

    def get_asset_materialization_events(self) -> Sequence[Event]:
        """Return the events of materializations."""
        return [one for one in self.all_events if one.type is EventType.ASSET_MATERIALIZATION]

    def get_asset_observation_events(self) -> Sequence[Event]:
        """Return the events of observations."""
        return [one for one in self.all_events if one.type is EventType.ASSET_OBSERVATION]

    def get_asset_check_evaluations(self) -> Sequence[Any]:
        """Return the results of checks."""
        return [one.data for one in self.all_events if one.type is EventType.ASSET_CHECK_EVALUATION]

    def get_step_success_events(self) -> Sequence[Event]:
        """Return the events of steps that succeeded."""
        return [one for one in self.all_events if one.is_step_success]

    def get_failed_step_keys(self) -> set[str]:
        """Return the keys of the steps that failed."""
        return {one.step_key for one in self.all_events if one.is_step_failure and one.step_key is not None}

    def get_step_skipped_events(self) -> Sequence[Event]:
        """Return the events of steps that were skipped."""
        return [one for one in self.all_events if one.is_step_skipped]

    def get_job_failure_event(self) -> Event:
        """Return the event of the run's failure."""
        for one in self.all_events:
            if one.is_job_failure:
                return one
        raise InvariantViolationError("The run did not fail.")

    get_run_failure_event = get_job_failure_event

    def get_job_success_event(self) -> Event:
        """Return the event of the run's success."""
        for one in self.all_events:
            if one.is_job_success:
                return one
        raise InvariantViolationError("The run did not succeed.")

    def retry_attempts_for_node(self, node_name: str) -> int:
        """Return how often a node was run again.

        Args:
            node_name: The node's name.
        """
        return len(self._of_kind(node_name, EventType.STEP_RESTARTED))

    get_run_success_event = get_job_success_event

    @property
    def failure_data(self) -> Any:
        """The data of the run's failure."""
        return self.get_job_failure_event().job_failure_data

    def failure_data_for_node(self, node_name: str) -> Any:
        """Return the data of a node's failure, or None.

        Args:
            node_name: The node's name.
        """
        found = self._of_kind(node_name, EventType.STEP_FAILURE)
        return found[0].data if found else None

    # -- values ---------------------------------------------------------------------------------------------------

    def output_for_node(self, node_str: str, output_name: str = "result") -> Any:
        """Return the value of a node's output; a dict by mapping key for dynamic ones.

        Args:
            node_str: The node's name; `graph.op` for one within a graph. Assets are nodes under their key's parts
                joined by `__`.
            output_name: Which of its outputs.

        Raises:
            InvariantViolationError: where there is no such node or output, or it was not made.
        """
        key, name = self._leaf_output(node_str, output_name)
        return self._value(key, name, node_str, output_name)

    def _leaf_output(self, node_str: str, output_name: str) -> tuple[str, str]:
        here, path = self._job.graph, []
        node: Any = None
        for part in node_str.split("."):
            if not here.is_graph or part not in here.node_dict:
                raise InvariantViolationError(f"{self._job.name} has no op named {node_str}.")
            node = here.node_dict[part]
            path.append(part)
            here = node.definition
        if output_name not in node.definition.output_dict:
            raise InvariantViolationError(
                f'Output "{output_name}" not defined for the node "{node_str}". Its outputs: '
                f"{list(node.definition.output_dict)}."
            )
        while here.is_graph:
            mapping = here.get_output_mapping(output_name)
            path.append(mapping.mapped_node_name)
            output_name = mapping.mapped_node_output_name
            here = here.node_dict[mapping.mapped_node_name].definition
        return ".".join(path), output_name

    def _value(self, key: str, name: str, node_str: str, output_name: str) -> Any:
        step = self._state.plan.steps[key]
        if step.axis is not None:
            parts = (each for each in self._state.steps.values() if _base(each.key) == key)
            found = {part.mapping_key: self._made(part.key, step, name) for part in parts}
            return {mapping_key: value for mapping_key, value in found.items() if value is not _NOTHING}
        value = self._made(key, step, name)
        if value is _NOTHING:
            raise InvariantViolationError(
                f"No outputs found for output '{output_name}' from node '{node_str}': it was not made."
            )
        return value

    def _made(self, step_key: str, step: Any, name: str) -> Any:
        """Return an output as the run has it in memory, else as another process has stored it."""
        outputs = self._services.outputs or {}
        if (step_key, name) in outputs:
            return outputs[(step_key, name)]
        stored = {
            one.data.mapping_key: one
            for one in self._events
            if one.type is EventType.HANDLED_OUTPUT and one.step_key == step_key and one.data.output_name == name
        }
        if not stored:
            return _NOTHING
        if step.outputs_by_name[name].is_dynamic:
            return {mapping_key: self._loaded(one, step) for mapping_key, one in stored.items()}
        return self._loaded(stored[None], step)

    def _loaded(self, handled: Event, step: Any) -> Any:
        data = handled.data
        asset_key = step.outputs_by_name[data.output_name].asset_key
        upstream = OutputContext(
            step_key=handled.step_key,
            name=data.output_name,
            job_name=self._job.name,
            run_id=self.run_id,
            asset_key=asset_key,
            mapping_key=data.mapping_key,
            op_def=step.op,
            value_ref=data.value_ref,
            instance=self._instance,
        )
        context = InputContext(upstream_output=upstream, asset_key=asset_key, instance=self._instance)
        return self._services.io_manager(data.manager_key).load_input(context)

    def output_value(self, output_name: str = "result") -> Any:
        """Return the value of an output of the job itself.

        Args:
            output_name: Which of the job's outputs.

        Raises:
            InvariantViolationError: where there is no such output, or it was not made.
        """
        graph_def = self._job.graph
        if not graph_def.output_dict and len(graph_def.node_dict) == 1:
            return self.output_for_node(next(iter(graph_def.node_dict)), output_name)
        if not graph_def.output_dict:
            raise InvariantViolationError(
                f"Attempted to retrieve top-level outputs for '{graph_def.name}', which has no outputs. Return them "
                "from its body, or ask for those of its ops by output_for_node."
            )
        if output_name not in graph_def.output_dict:
            raise InvariantViolationError(
                f"Could not find top-level output '{output_name}' in job '{graph_def.name}'. It has "
                f"{list(graph_def.output_dict)}."
            )
        mapping = graph_def.get_output_mapping(output_name)
        return self.output_for_node(mapping.mapped_node_name, mapping.mapped_node_output_name)

    def asset_value(self, asset_key: Any) -> Any:
        """Return the value of an asset that the run made; `result[key]` is the same.

        Args:
            asset_key: The asset's key, in any form.

        Raises:
            InvariantViolationError: where the run did not make it.
        """
        key = AssetKey.from_coercible(asset_key)
        for step in self._state.plan.steps.values():
            for output in step.outputs:
                if output.asset_key == key and output.check_spec is None:
                    return self._value(step.key, output.name, step.key, output.name)
        raise InvariantViolationError(f"No asset found in job that matches asset key {key.to_user_string()}.")

    def __getitem__(self, asset_key: Any) -> Any:
        return self.asset_value(asset_key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(job={self._job.name!r}, run_id={self.run_id!r}, success={self.success})"


class ExecuteInProcessResult(ExecutionResult):
    """The result of a run in this process."""


class JobExecutionResult(ExecutionResult):
    """The result of a run by an executor; values of outputs are read within a `with` block, for which the resources
    that this takes are made.
    """

    _is_open = False

    def __enter__(self) -> JobExecutionResult:
        self._services.forget_managers()
        self._is_open = True
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_open = False
        self._services.scope.close()

    def _value(self, key: str, name: str, node_str: str, output_name: str) -> Any:
        if not self._is_open:
            raise InvariantViolationError(
                "The result of execute_job must be opened as a context manager to read outputs: "
                f"with execute_job(…) as result: result.output_for_node({node_str!r})."
            )
        return super()._value(key, name, node_str, output_name)


def _base(key: str) -> str:
    return key.split("[")[0]
