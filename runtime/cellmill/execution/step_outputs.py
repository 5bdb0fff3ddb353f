"""What becomes of the outputs of a step: type checks, IO managers, materializations, checks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.events import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetMaterialization,
    AssetObservation,
    AssetResult,
    MaterializeResult,
    ObserveResult,
    make_materialization,
)
from cellmill.definitions.outcome import ExpectationResult
from cellmill.definitions.output import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    NO_VALUE,
    DataVersion,
    DataVersionsByPartition,
    DynamicOutput,
    Output,
    normalized,
)
from cellmill.definitions.output_context import OutputContext
from cellmill.definitions.value_ref import ValueRef
from cellmill.errors import (
    CellmillError,
    CheckError,
    HandleOutputError,
    InvariantViolationError,
    StepOutputNotFoundError,
    TypeCheckDidNotPassError,
)
from cellmill.execution.data_versions import version_tags
from cellmill.execution.step_checks import StepChecks
from cellmill.execution.step_events import check_type, event, output_handle, record_user_event, type_label
from cellmill.planning.event import (
    PASSED_CHECK,
    EventType,
    HandledOutputData,
    StepMaterializationData,
    StepOutputData,
)

_EMPTY: Mapping[str, Any] = {}


class StepOutputs:
    """Takes what the function of a step gives, one thing after the other."""

    __slots__ = (
        "_context",
        "_emit",
        "_selected",
        "_services",
        "_step",
        "_step_checks",
        "made",
        "mapping_keys",
    )

    def __init__(self, step: Any, services: Any, emit: Any, context: Any) -> None:
        self._step = step
        self._services = services
        self._emit = emit
        self._context = context
        #: Names of the outputs that were made.
        self.made: set[str] = set()
        self.mapping_keys: dict[str, list[str]] = {}
        self._step_checks: StepChecks | None = None
        assets = step.assets
        self._selected = None if assets is None or not assets.is_subset else assets.keys

    # -- one thing ------------------------------------------------------------------------------------------------

    def take(self, given: Any) -> None:
        """Take one output or event."""
        if isinstance(given, (Output, DynamicOutput)):
            self.output(given)
        elif isinstance(given, AssetResult):
            self._asset_result(given)
        elif isinstance(given, AssetCheckResult):
            self._checks().result(given)
            self._nothing_behind_check()
        elif isinstance(given, (AssetMaterialization, AssetObservation, ExpectationResult)):
            record_user_event(self._step, self._services, self._emit, given)
        elif isinstance(given, AssetCheckEvaluation):
            self._checks().evaluation(given)
        else:
            op_name = self._step.op.name
            raise InvariantViolationError(
                f'Compute function for op "{op_name}" yielded a value of type {type(given)} rather than an instance of '
                "Output, AssetMaterialization, or ExpectationResult. Values yielded by ops must be wrapped in one of "
                "these types. If your op has a single output and yields no other events, you may want to use `return` "
                "instead of `yield` in the body of your op compute function."
            )

    def output(self, given: Output | DynamicOutput) -> None:
        """Check, store and record one output."""
        name = given.output_name or "result"
        one = self._declared(name, given)
        mapping_key = given.mapping_key if isinstance(given, DynamicOutput) else None
        if one.check_spec is not None:
            self._checks().output(one, given)
            return
        self._note(one, name, mapping_key)
        self._checked_type(one, given, mapping_key)
        self._store(one, given, mapping_key)

    def _declared(self, name: str, given: Any) -> Any:
        step = self._step
        one = step.outputs_by_name.get(name)
        if one is None:
            raise InvariantViolationError(
                f'Core compute for op "{step.op.name}" returned an output "{name}" that does not exist. The available '
                f"outputs are {list(step.outputs_by_name)}"
            )
        dynamic = isinstance(given, DynamicOutput)
        if one.is_dynamic and not dynamic:
            raise InvariantViolationError(
                f'Compute for op "{step.op.name}" for output "{name}" defined as dynamic must yield DynamicOutput, '
                "got Output."
            )
        if dynamic and not one.is_dynamic:
            raise InvariantViolationError(
                f'Compute for op "{step.op.name}" yielded a DynamicOutput, but did not use DynamicOutputDefinition: '
                f'its output "{name}" is not a DynamicOut.'
            )
        if self._selected is not None and one.asset_key is not None and one.asset_key not in self._selected:
            raise InvariantViolationError(
                f'Core compute for op "{step.key}" returned an output "{name}" that is not selected. The selected '
                f"outputs are {sorted(self._context.selected_output_names)}"
            )
        return one

    def _note(self, one: Any, name: str, mapping_key: str | None) -> None:
        if mapping_key is None:
            if name in self.made:
                raise InvariantViolationError(
                    f'Compute for op "{self._step.op.name}" returned an output "{name}" multiple times'
                )
        else:
            keys = self.mapping_keys.setdefault(name, [])
            if mapping_key in keys:
                raise InvariantViolationError(
                    f'Compute for op "{self._step.op.name}" yielded a dynamic output "{name}" with mapping_key '
                    f'"{mapping_key}" multiple times.'
                )
            keys.append(mapping_key)
        self.made.add(name)
        if one.asset_key is not None and len(self._step.outputs) > 1:
            self._check_order(one)

    def _check_order(self, one: Any) -> None:
        """Raise where an asset came before one of the same step that it depends on."""
        assets = self._step.assets
        names = {output.asset_key: output.name for output in self._step.outputs}
        for key in assets.asset_deps.get(one.asset_key, ()):
            name = names.get(key)
            if name is None or name == one.name or name in self.made or key not in assets.keys:
                continue
            raise InvariantViolationError(
                f'Asset "{one.asset_key.to_user_string()}" was yielded before its dependency '
                f'"{key.to_user_string()}". Multi-assets that yield their outputs must yield them in the order of '
                "their dependencies."
            )

    def _checked_type(self, one: Any, given: Any, mapping_key: str | None) -> None:
        data, failed = (
            (PASSED_CHECK, None)
            if given.value is None and one.is_nothing
            else check_type(one, given.value, self._context, f'output "{one.name}"')
        )
        if one.is_nothing and given.value is not None:
            failed = _NotNothing(given.value)
        label = type_label(one)
        word = "passed" if failed is None else "failed"
        metadata = self._metadata(one, given, mapping_key)
        self._emit(
            event(
                EventType.STEP_OUTPUT,
                self._step,
                self._services,
                f'Yielded output "{one.name}"{f" mapping key {mapping_key!r}" if mapping_key else ""} of type '
                f'"{label}". (Type check {word}).',
                StepOutputData(output_handle(self._step, one.name, mapping_key), data, None, metadata),
            )
        )
        if failed is not None:
            raise TypeCheckDidNotPassError(
                f'Type check failed for step output "{one.name}" - expected type "{label}". '
                f"Description: {failed.description}",
                failed.metadata,
                one.definition.dagster_type,
            )

    def _metadata(self, one: Any, given: Any, mapping_key: str | None) -> Mapping[str, Any]:
        own = self._context._metadata
        if own is None:
            return given.metadata or _EMPTY
        added = own.get((one.name, mapping_key))
        if not added:
            return given.metadata or _EMPTY
        return {**(given.metadata or _EMPTY), **normalized(added)}

    # -- storing --------------------------------------------------------------------------------------------------

    def _store(self, one: Any, given: Any, mapping_key: str | None) -> None:
        step, services = self._step, self._services
        if services.outputs is not None:
            if mapping_key is None:
                services.outputs[(step.key, one.name)] = given.value
            else:
                services.outputs.setdefault((step.key, one.name), {})[mapping_key] = given.value
        ref: ValueRef | None = None
        refs: Mapping[str, ValueRef] = _EMPTY
        metadata = self._metadata(one, given, mapping_key)
        skip = one.is_nothing or getattr(given, "_no_value", False)
        handled: Mapping[str, Any] = _EMPTY
        context = self._output_context(one, given, mapping_key, metadata)
        services.output_contexts[(step.key, one.name, mapping_key)] = context
        if not skip:
            ref, refs, handled = self._handle(one, given.value, context)
            context.value_ref = ref
        if one.asset_key is not None and (one.assets is None or one.assets.execution_type == "MATERIALIZATION"):
            self._materialize(one, given, {**metadata, **handled} if handled else metadata, ref, refs)
        if not skip:
            if ref is not None:
                services.refs[(step.key, one.name, mapping_key)] = ref
            self._emit(
                event(
                    EventType.HANDLED_OUTPUT,
                    step,
                    services,
                    f'Handled output "{one.name}" using IO manager "{one.io_manager_key}"',
                    HandledOutputData(one.name, one.io_manager_key, handled, ref, mapping_key),
                )
            )

    def _output_context(
        self, one: Any, given: Any, mapping_key: str | None, metadata: Mapping[str, Any]
    ) -> OutputContext:
        step, services = self._step, self._services
        subset, definition = None, None
        if one.assets is not None and one.assets.partitions_def is not None:
            definition = one.assets.partitions_def
            keys = services.partition_keys_of(definition)
            subset = None if keys is None else definition.subset_with_partition_keys(keys)
        resource_config, resources = services.io_given(one.io_manager_key)
        return OutputContext(
            step_key=step.key,
            name=one.name,
            job_name=services.job_name,
            run_id=services.run_id,
            definition_metadata=one.metadata,
            mapping_key=mapping_key,
            config=services.config.ops[step.handle].outputs.get(one.name),
            dagster_type=None if one.is_untyped else one.definition.dagster_type,
            log_manager=self._context.log,
            resource_config=resource_config,
            resources=resources,
            step_context=self._context,
            op_def=step.op,
            asset_key=one.asset_key,
            partition_key=services.partition_key,
            output_metadata=metadata,
            asset_partitions_def=definition,
            asset_partitions_subset=subset,
            asset_spec=None if one.assets is None else one.assets.specs_by_key.get(one.asset_key),
            instance=services.instance,
        )

    def _handle(
        self, one: Any, value: Any, context: OutputContext
    ) -> tuple[ValueRef | None, Mapping[str, ValueRef], Mapping[str, Any]]:
        """Store a value; return where it lies, where its partitions lie if it has several, and the metadata."""
        manager = self._services.io_manager(one.io_manager_key)
        metadata: dict[str, Any] = {}
        reported: list[AssetMaterialization] = []
        try:
            returned = manager.handle_output(context, value)
            if returned is not None and inspect.isgenerator(returned):
                for each in returned:
                    self._from_manager(each, metadata, reported, one)
                returned = None
        except CellmillError as error:
            if isinstance(error, InvariantViolationError) and not isinstance(error, CheckError):
                raise
            raise HandleOutputError(self._while_handling(one), error) from error
        except Exception as error:
            raise HandleOutputError(self._while_handling(one), error) from error
        if context._logged_metadata is not None:
            metadata.update(normalized(context.consume_logged_metadata()))
        for happened in reported:
            record_user_event(self._step, self._services, self._emit, self._described(happened, metadata, one))
        if isinstance(returned, ValueRef):
            return returned, _EMPTY, metadata
        if isinstance(returned, dict) and context.has_asset_partitions:
            return None, {key: each for key, each in returned.items() if isinstance(each, ValueRef)}, metadata
        return None, _EMPTY, metadata

    def _while_handling(self, one: Any) -> str:
        return f'Error occurred while handling output "{one.name}" of step "{self._step.key}":'

    def _described(self, happened: AssetMaterialization, metadata: dict[str, Any], one: Any) -> AssetMaterialization:
        """Return a materialization that an IO manager reported, with what it said of the output."""
        if not metadata:
            return happened
        if happened.metadata:
            raise InvariantViolationError(
                f"When handling output '{one.name}' of op '{self._step.op.name}', received a materialization with "
                "metadata, while context.add_output_metadata was used within the same call to handle_output. Due to "
                "potential conflicts, this is not allowed. Please specify metadata in one place within the "
                "`handle_output` function."
            )
        return happened.with_metadata(metadata)

    def _from_manager(
        self, each: Any, metadata: dict[str, Any], reported: list[AssetMaterialization], one: Any
    ) -> None:
        if isinstance(each, AssetMaterialization):
            reported.append(each)
        elif isinstance(each, Mapping):
            metadata.update(normalized(each))
        else:
            raise InvariantViolationError(
                f"IO manager on output {one.name} has returned value {each!r} of type {type(each).__name__}. The "
                "return type can only be one of AssetMaterialization, Dict[str, MetadataValue]."
            )

    # -- assets ---------------------------------------------------------------------------------------------------

    def _materialize(
        self,
        one: Any,
        given: Any,
        metadata: Mapping[str, Any],
        ref: ValueRef | None,
        refs: Mapping[str, ValueRef],
    ) -> None:
        services = self._services
        key = one.asset_key
        partitions: list[Any] = [None]
        if services.partition_key is not None or services.partition_range is not None:
            if one.assets is not None and one.assets.partitions_def is not None:
                partitions = services.partition_keys_of(one.assets.partitions_def) or [None]
            elif one.assets is None and services.partition_key is not None:
                partitions = [services.partition_key]
        user = given.data_version or self._context._data_versions.get(one.name)
        extra = self._context._asset_metadata
        for partition in partitions:
            own = metadata
            if extra:
                for wanted in ((key, None), (key, partition)):
                    if extra.get(wanted):
                        own = {**own, **normalized(extra[wanted])}
            stored = refs.get(partition) if refs else ref if len(partitions) == 1 else None
            tags = version_tags(self._step, services, one, user, stored, partition)
            if given.tags:
                tags.update(given.tags)
            services.versions[key] = tags.get(DATA_VERSION_TAG)
            if partition is not None:
                services.partition_versions[key, partition] = tags.get(DATA_VERSION_TAG)
            made = make_materialization(key, own, partition, tags)
            self._emit(
                event(
                    EventType.ASSET_MATERIALIZATION,
                    self._step,
                    services,
                    f"Materialized value {' '.join(key.parts)}.",
                    StepMaterializationData(made, (), stored),
                    asset_key=key,
                    partition=partition,
                )
            )

    def _asset_result(self, given: AssetResult) -> None:
        one = self._output_of_result(given)
        self._take_result(given, one)
        for result in given.check_results:
            self._checks().result(result, given.asset_key or (one.asset_key if one is not None else None))

    def _take_result(self, given: AssetResult, one: Any) -> None:
        if isinstance(given, ObserveResult):
            self._observe(given, one)
            return
        if one is None:
            raise InvariantViolationError(f"{type(given).__name__} for an asset that this step does not make.")
        value = given.value if isinstance(given, MaterializeResult) else NO_VALUE
        made = _NoValueOutput(None, one.name) if value is NO_VALUE else Output(value, one.name)
        made.metadata = normalized(given.metadata) if given.metadata else _EMPTY
        made.data_version = given.data_version
        made.tags = given.tags
        if value is NO_VALUE:
            self._declared(one.name, made)
            self._note(one, one.name, None)
            if one.is_untyped or one.is_nothing:
                self._emit(
                    event(
                        EventType.STEP_OUTPUT,
                        self._step,
                        self._services,
                        f'Yielded output "{one.name}" of type "Nothing". (Type check passed).',
                        StepOutputData(
                            output_handle(self._step, one.name), None, None, self._metadata(one, made, None)
                        ),
                    )
                )
            else:  # what has no value is None, which its type may refuse
                self._checked_type(one, made, None)
            self._store(one, made, None)
        else:
            self.output(made)

    def _output_of_result(self, given: AssetResult) -> Any:
        outputs = [one for one in self._step.outputs if one.asset_key is not None]
        name = type(given).__name__
        if self._step.assets is None:
            raise InvariantViolationError(
                f'Op "{self._step.op.name}" yielded or returned a {name}, but makes no asset; only assets can.'
            )
        if given.asset_key is None:
            chosen = [one for one in outputs if one.asset_key in self._step.assets.keys]
            if len(outputs) != 1 and len(chosen) != 1:
                raise InvariantViolationError(
                    f"{name} did not include asset_key and it can not be inferred. Specify which asset_key, options "
                    f"are: {[one.asset_key for one in outputs]}"
                )
            return (chosen or outputs)[0]
        for one in outputs:
            if one.asset_key == given.asset_key:
                return one
        raise InvariantViolationError(
            f"Asset key {given.asset_key.to_user_string()} not found in AssetsDefinition: it makes "
            f"{sorted(one.asset_key.to_user_string() for one in outputs)}."
        )

    def _observe(self, given: ObserveResult, one: Any) -> None:
        version = given.data_version
        tags = dict(given.tags or _EMPTY)
        if version is not None:
            tags[DATA_VERSION_TAG] = version.value
            tags[DATA_VERSION_IS_USER_PROVIDED_TAG] = "true"
        keys = self._services.partition_keys_of(one.assets.partitions_def) or [None]
        self.made.add(one.name)
        for partition in keys:
            observed = AssetObservation(one.asset_key, metadata=given.metadata, partition=partition, tags=tags)
            record_user_event(self._step, self._services, self._emit, observed)

    def observed(self, value: Any, one: Any) -> None:
        """Record what the function of an observable source asset returned."""
        if isinstance(value, DataVersion):
            self._observe(ObserveResult(asset_key=one.asset_key, data_version=value), one)
        elif isinstance(value, DataVersionsByPartition):
            self.made.add(one.name)
            for partition, version in value.data_versions_by_partition.items():
                tags = {DATA_VERSION_TAG: version.value, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
                seen = AssetObservation(one.asset_key, partition=partition, tags=tags)
                record_user_event(self._step, self._services, self._emit, seen)
        elif isinstance(value, ObserveResult):
            self.take(value)
        else:
            raise InvariantViolationError(
                f"The observing function of {one.asset_key.to_user_string()} must return a DataVersion, "
                f"DataVersionsByPartition or ObserveResult; it returned {value!r}."
            )

    def _nothing_behind_check(self) -> None:
        """Make the only output of an op inside a graph that gave a check's result in its place."""
        declared = self._step.outputs
        if len(declared) == 1 and declared[0].check_spec is None and declared[0].asset_key is None:
            self.output(Output(None, declared[0].name))

    def _checks(self) -> StepChecks:
        """Return what takes the results of checks; made when the first comes, as most steps have none."""
        if self._step_checks is None:
            self._step_checks = StepChecks(self._step, self._services, self._emit, self.made)
        return self._step_checks

    @property
    def failed_checks(self) -> Sequence[AssetCheckEvaluation]:
        """The blocking checks that did not pass."""
        return () if self._step_checks is None else self._step_checks.failed

    # -- the end --------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Make what may be missing, and raise for what may not."""
        step = self._step
        assets = step.assets
        for one in step.outputs:
            if one.name in self.made:
                continue
            if self._selected is not None and one.asset_key is not None and one.asset_key not in self._selected:
                continue
            if one.check_spec is not None:
                if one.is_required and one.check_spec.key in assets.check_keys:
                    raise StepOutputNotFoundError(
                        f'Core compute for op "{step.op.name}" did not return an output for non-optional output '
                        f'"{one.name}": a result of the check "{one.check_spec.name}" of '
                        f"{one.check_spec.asset_key.to_user_string()}."
                    )
                if one.check_spec.key in assets.check_keys:
                    asset = one.check_spec.asset_key.to_user_string()
                    self._context.log.warning(
                        f"The check {one.check_spec.name!r} of {asset} was selected and emitted no result."
                    )
                continue
            if one.is_dynamic:
                continue
            if one.is_nothing and one.is_required:
                self.output(Output(None, one.name))
            elif one.is_required:
                raise StepOutputNotFoundError(
                    f'Core compute for op "{step.op.name}" did not return an output for non-optional output '
                    f'"{one.name}"'
                )


class _NotNothing:
    """The result of a type check of a value where none may be."""

    metadata: Mapping[str, Any] = {}

    def __init__(self, value: Any) -> None:
        self.description = f"Value must be None, got a {type(value)}"


class _NoValueOutput(Output):
    """An output whose value the function stored itself."""

    __slots__ = ()

    _no_value = True
