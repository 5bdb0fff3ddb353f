"""What becomes of the results of asset checks in a step: each is matched to its declared check and recorded once."""

from __future__ import annotations

from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.events import (
    AssetCheckEvaluation,
    AssetCheckEvaluationTarget,
    AssetCheckResult,
    AssetCheckSeverity,
)
from cellmill.errors import CheckError, InvariantViolationError
from cellmill.execution.step_events import event, output_handle
from cellmill.instance.event_record import AssetRecordsFilter
from cellmill.planning.event import EventType, StepOutputData


class StepChecks:
    """Takes the results of the checks of a step."""

    __slots__ = ("_emit", "_made", "_reported", "_services", "_step", "failed")

    def __init__(self, step: Any, services: Any, emit: Any, made: set[str]) -> None:
        self._step = step
        self._services = services
        self._emit = emit
        #: Names of the outputs of the step that were made; outputs that stand for checks are added here.
        self._made = made
        self._reported: set[AssetCheckKey] = set()
        #: Blocking checks that did not pass.
        self.failed: list[AssetCheckEvaluation] = []

    def output(self, one: Any, given: Any) -> None:
        """Take the value of an output that stands for a check."""
        value = given.value
        if isinstance(value, AssetCheckResult):
            self.result(value)
        elif isinstance(value, bool):
            self.result(AssetCheckResult(passed=value))
        elif self._of_graph:
            self._output_made(one.name)  # an op before this one gave the result
        else:
            raise InvariantViolationError(
                f"Expected an AssetCheckResult of the check {one.check_spec.name!r}; got {value!r}."
            )

    def result(self, result: AssetCheckResult, asset_key: Any = None) -> None:
        """Take a result, of a check on `asset_key` where it does not say of which."""
        specs = self._specs()
        wanted_asset = result.asset_key or asset_key
        chosen = [
            spec
            for spec in specs
            if (result.check_name is None or spec.name == result.check_name)
            and (wanted_asset is None or spec.asset_key == wanted_asset)
        ]
        if wanted_asset is None and len({spec.asset_key for spec in chosen}) > 1:
            raise InvariantViolationError(
                "AssetCheckResult didn't specify an asset key, but there are multiple assets to choose from: "
                f"{[spec.key.to_user_string() for spec in chosen]}."
            )
        if result.check_name is None and len(specs) > 1 and len(chosen) != 1:
            raise InvariantViolationError(
                "AssetCheckResult result didn't specify a check name, but there are multiple checks to choose from for "
                f"the this asset key: {[spec.name for spec in chosen or specs]}"
            )
        if not chosen:
            raise self._unexpected(result, wanted_asset, specs)
        spec = chosen[0]
        self.evaluation(
            AssetCheckEvaluation(
                asset_key=spec.asset_key,
                check_name=spec.name,
                passed=result.passed,
                metadata=result.metadata,
                severity=result.severity,
                description=result.description,
                blocking=spec.blocking,
                partition=None if spec.partitions_def is None else self._services.partition_key,
                target_materialization_data=self._looked_at(spec.asset_key),
            )
        )

    @property
    def _of_graph(self) -> bool:
        """Whether the step is one of several of a graph that makes assets."""
        assets = self._step.assets
        return assets is not None and bool(assets.node_def.is_graph)

    def _specs(self) -> list[Any]:
        """The checks that the step may give results of: any of a graph's, in a step inside it."""
        own = [one.check_spec for one in self._step.outputs if one.check_spec is not None]
        if own or not self._of_graph:
            return own
        return list(self._step.assets.check_specs_by_output_name.values())

    def _unexpected(self, result: AssetCheckResult, wanted: AssetKey | None, specs: Any) -> InvariantViolationError:
        if self._step.assets is None:
            raise CheckError(
                f"Received an AssetCheckResult from the op {self._step.op.name!r}: expected to find an "
                "AssetsDefinition object that could be associated back to the currently executing NodeHandle. Results "
                "of checks come from assets and @asset_check functions."
            )
        targeted = sorted({spec.asset_key.to_user_string() for spec in specs})
        if wanted is None and len(targeted) == 1:
            wanted = specs[0].asset_key
        name = wanted.to_user_string() if wanted is not None else None
        if not specs:
            text = f"It targets asset '{name}' and check '{result.check_name}', but no checks are evaluated here."
        elif wanted is not None and name not in targeted:
            text = (
                f"It targets asset '{name}' which is not targeted by any of the checks currently being evaluated. "
                f"Targeted assets: {targeted}."
            )
        else:
            own = {spec.name for spec in specs if wanted is None or spec.asset_key == wanted}
            text = (
                f"No checks currently being evaluated target asset '{name}' and have name '{result.check_name}'. "
                f"Checks being evaluated for this asset: {own}"
            )
        return InvariantViolationError(f"Received unexpected AssetCheckResult. {text}")

    def _looked_at(self, key: Any) -> AssetCheckEvaluationTarget | None:
        """The last materialization of the asset, be it of this very step."""
        instance = self._services.instance
        if instance is None:
            return None
        if any(one.asset_key == key for one in self._step.outputs):
            self._services.flush()
        partition = self._services.partition_key
        partitioned = partition is not None and self._step.assets.partitions_def is not None
        wanted = AssetRecordsFilter(key, asset_partitions=[partition]) if partitioned else key
        for record in instance.fetch_materializations(wanted, limit=1).records:
            return AssetCheckEvaluationTarget(
                storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
            )
        return None

    def evaluation(self, made: AssetCheckEvaluation) -> None:
        """Record that a check was made."""
        key = made.asset_check_key
        if key in self._reported:
            raise InvariantViolationError(f"The check {key.to_user_string()} was evaluated twice in one step.")
        self._reported.add(key)
        for one in self._step.outputs:
            if one.check_spec is not None and one.check_spec.key == key:
                self._output_made(one.name)
        word = "passed" if made.passed else "did not pass"
        self._emit(
            event(
                EventType.ASSET_CHECK_EVALUATION,
                self._step,
                self._services,
                f"Asset check '{made.check_name}' on '{made.asset_key.to_user_string()}' {word}.",
                made,
                asset_key=made.asset_key,
                partition=made.partition,
            )
        )
        if made.blocking and not made.passed and made.severity is AssetCheckSeverity.ERROR:
            self.failed.append(made)

    def _output_made(self, name: str) -> None:
        self._made.add(name)
        self._emit(
            event(
                EventType.STEP_OUTPUT,
                self._step,
                self._services,
                f'Yielded output "{name}" of type "Any". (Type check passed).',
                StepOutputData(output_handle(self._step, name)),
            )
        )
