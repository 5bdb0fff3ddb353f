"""Declarative automation: when an asset is to be materialized, as an expression over states.

One module, since the constructors and operators of `AutomationCondition` make the kinds of conditions, and all of those
are `AutomationCondition`s. How they are evaluated is in `planning`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Self

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.condition_structure import ConditionStructure
from cellmill.definitions.cron import parse_cron
from cellmill.definitions.local_time import load_zone
from cellmill.errors import CheckError, InvalidDefinitionError


class AutomationCondition(ConditionStructure):
    """When an asset is to be made without being asked: true for some of its partitions at each evaluation.

    Those for which the whole condition is true are requested. Start from `AutomationCondition.eager()`, `on_cron(…)` or
    `on_missing()`, or combine operands with `&`, `|`, `~`, `since` and `newly_true`; every condition can be labelled,
    and its last evaluation can be looked at. A subclass with a method `evaluate(context)` is a condition of one's own.

    >>> from cellmill import AutomationCondition
    >>> AutomationCondition.eager().without(~AutomationCondition.any_deps_missing()).name
    'AND'
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls.evaluate is AutomationCondition.evaluate:
            raise TypeError(
                f"{cls.__name__} is no condition by itself: start from one such as AutomationCondition.eager(), or "
                "write a subclass with a method `evaluate(self, context)` that returns an AutomationResult."
            )
        return super().__new__(cls)

    @property
    def is_serializable(self) -> bool:
        """Whether the daemon can evaluate it without running user code."""
        return False

    def evaluate(self, context: Any) -> Any:
        """Decides for which partitions the condition is true; may be a coroutine function.

        Args:
            context: An `AutomationContext`: what the condition is asked about, and what is known of it.

        Returns:
            An `AutomationResult`.
        """
        raise NotImplementedError

    # ---- combination

    def __and__(self, other: AutomationCondition) -> AndCondition:
        return AndCondition(operands=(*_flat(self, AndCondition), *_flat(_checked(other), AndCondition)))

    def __or__(self, other: AutomationCondition) -> OrCondition:
        return OrCondition(operands=(*_flat(self, OrCondition), *_flat(_checked(other), OrCondition)))

    def __invert__(self) -> NotCondition:
        return NotCondition(operand=self)

    def since(self, reset_condition: AutomationCondition) -> SinceCondition:
        """True from when this becomes true until another condition does.

        Args:
            reset_condition: The condition that ends it.
        """
        return SinceCondition(trigger=self, reset=_checked(reset_condition))

    def since_last_handled(self) -> AutomationCondition:
        """True from when this becomes true until the asset is requested or updated."""
        handled = (
            AutomationCondition.newly_requested()
            | AutomationCondition.newly_updated()
            | AutomationCondition.initial_evaluation()
        )
        return self.since(handled.with_label("handled"))

    def newly_true(self) -> NewlyTrueCondition:
        """True only in the evaluation in which this becomes true."""
        return NewlyTrueCondition(operand=self)

    def without(self, condition: AutomationCondition) -> AutomationCondition:
        """The same condition without one of the conditions joined by `&`.

        Args:
            condition: The one that is taken out.

        Raises:
            CheckError: when it is not one of them.
        """
        raise CheckError("Condition not found: only conditions joined by & can be taken out")

    # ---- operands

    @staticmethod
    def missing() -> AutomationCondition:
        """Never materialized."""
        return OperandCondition(kind="missing")

    @staticmethod
    def in_progress() -> AutomationCondition:
        """Being made by a run or a backfill."""
        return (AutomationCondition.run_in_progress() | AutomationCondition.backfill_in_progress()).with_label(
            "in_progress"
        )

    @staticmethod
    def run_in_progress() -> AutomationCondition:
        """Being made by a run."""
        return OperandCondition(kind="run_in_progress")

    @staticmethod
    def backfill_in_progress() -> AutomationCondition:
        """Wanted by a backfill that is not done."""
        return OperandCondition(kind="backfill_in_progress")

    @staticmethod
    def execution_failed() -> AutomationCondition:
        """The last attempt to make it failed."""
        return OperandCondition(kind="execution_failed")

    @staticmethod
    def newly_updated() -> AutomationCondition:
        """Materialized since the last evaluation; of what is only observed: with another data version."""
        return OperandCondition(kind="newly_updated")

    @staticmethod
    def newly_requested() -> AutomationCondition:
        """Requested by the last evaluation."""
        return OperandCondition(kind="newly_requested")

    @staticmethod
    def will_be_requested() -> AutomationCondition:
        """Requested by this evaluation."""
        return OperandCondition(kind="will_be_requested")

    @staticmethod
    def initial_evaluation() -> AutomationCondition:
        """Evaluated for the first time, or with other partitions."""
        return OperandCondition(kind="initial_evaluation")

    @staticmethod
    def code_version_changed() -> AutomationCondition:
        """The code version differs from that of the last evaluation."""
        return OperandCondition(kind="code_version_changed")

    @staticmethod
    def data_version_changed() -> AutomationCondition:
        """The data version differs from that of the last evaluation."""
        return OperandCondition(kind="data_version_changed")

    @staticmethod
    def executed_with_root_target() -> AutomationCondition:
        """The run that updated it last also made the asset in question."""
        return OperandCondition(kind="executed_with_root_target")

    @staticmethod
    def executed_with_tags(
        *, tag_keys: AbstractSet[str] | None = None, tag_values: Mapping[str, str] | None = None
    ) -> AutomationCondition:
        """The run that updated it last had all of these tags.

        Args:
            tag_keys: Tags that it must have, with whatever value.
            tag_values: Tags that it must have with these values.
        """
        return _about_tags("executed_with_tags", tag_keys, tag_values)

    @staticmethod
    def any_new_update_has_run_tags(
        *, tag_keys: AbstractSet[str] | None = None, tag_values: Mapping[str, str] | None = None
    ) -> AutomationCondition:
        """One of the runs that updated it since the last evaluation had all of these tags.

        Args:
            tag_keys: Tags that it must have, with whatever value.
            tag_values: Tags that it must have with these values.
        """
        return _about_tags("any_new_update_has_run_tags", tag_keys, tag_values)

    @staticmethod
    def all_new_updates_have_run_tags(
        *, tag_keys: AbstractSet[str] | None = None, tag_values: Mapping[str, str] | None = None
    ) -> AutomationCondition:
        """It was updated since the last evaluation, and every run that did so had all of these tags.

        Args:
            tag_keys: Tags that each must have, with whatever value.
            tag_values: Tags that each must have with these values.
        """
        return _about_tags("all_new_updates_have_run_tags", tag_keys, tag_values)

    @staticmethod
    def freshness_passed() -> AutomationCondition:
        """Its freshness policy holds."""
        return OperandCondition(kind="freshness_passed")

    @staticmethod
    def freshness_warned() -> AutomationCondition:
        """Its freshness policy warns."""
        return OperandCondition(kind="freshness_warned")

    @staticmethod
    def freshness_failed() -> AutomationCondition:
        """Its freshness policy does not hold."""
        return OperandCondition(kind="freshness_failed")

    @staticmethod
    def check_passed() -> AutomationCondition:
        """The check passed last."""
        return OperandCondition(kind="check_passed")

    @staticmethod
    def check_failed() -> AutomationCondition:
        """The check failed last."""
        return OperandCondition(kind="check_failed")

    @staticmethod
    def in_latest_time_window(lookback_delta: timedelta | None = None) -> AutomationCondition:
        """In the last window of time that has ended; always true without time partitions.

        Args:
            lookback_delta: With it, in any window that begins within this span before the end of the last one.
        """
        return OperandCondition(kind="in_latest_time_window", lookback_delta=lookback_delta)

    @staticmethod
    def cron_tick_passed(cron_schedule: str, cron_timezone: str = "UTC") -> AutomationCondition:
        """A tick of the cron expression came since the last evaluation.

        Args:
            cron_schedule: Cron expression of five fields, or an alias such as `@daily`.
            cron_timezone: IANA name of the zone whose wall-clock time the expression means.

        Raises:
            InvalidCronError: for an expression that is none.
        """
        parse_cron(cron_schedule)
        load_zone(cron_timezone)
        return OperandCondition(kind="cron_tick_passed", cron_schedule=cron_schedule, cron_timezone=cron_timezone)

    @staticmethod
    def newly_missing() -> AutomationCondition:
        """Missing now and not in the last evaluation."""
        return AutomationCondition.missing().newly_true().with_label("newly_missing")

    # ---- over upstreams, downstreams and checks

    @staticmethod
    def any_deps_match(condition: AutomationCondition) -> DepsCondition:
        """The condition holds for a partition of any upstream that this partition reads.

        Args:
            condition: What is asked of upstreams.
        """
        return DepsCondition(operand=_checked(condition), every=False)

    @staticmethod
    def all_deps_match(condition: AutomationCondition) -> DepsCondition:
        """The condition holds for at least one partition of every upstream that this partition reads.

        Args:
            condition: What is asked of upstreams.
        """
        return DepsCondition(operand=_checked(condition), every=True)

    @staticmethod
    def any_checks_match(condition: AutomationCondition, blocking_only: bool = False) -> ChecksCondition:
        """The condition holds for any check of the asset.

        Args:
            condition: What is asked of checks, such as `AutomationCondition.check_failed()`.
            blocking_only: Whether only blocking checks count.
        """
        return ChecksCondition(operand=_checked(condition), every=False, blocking_only=blocking_only)

    @staticmethod
    def all_checks_match(condition: AutomationCondition, blocking_only: bool = False) -> ChecksCondition:
        """The condition holds for every check of the asset.

        Args:
            condition: What is asked of checks, such as `AutomationCondition.check_passed()`.
            blocking_only: Whether only blocking checks count.
        """
        return ChecksCondition(operand=_checked(condition), every=True, blocking_only=blocking_only)

    @staticmethod
    def asset_matches(key: Any, condition: AutomationCondition) -> AssetMatchesCondition:
        """The condition holds for another asset.

        Args:
            key: The other asset: a key, or its name.
            condition: What is asked of it.
        """
        return AssetMatchesCondition(key=AssetKey.from_coercible(key), operand=_checked(condition))

    @staticmethod
    def any_job_root_assets_match(condition: AutomationCondition) -> JobRootsCondition:
        """Of a job: the condition holds for one of its assets that have no upstream in the job.

        Args:
            condition: What is asked of those assets.
        """
        return _about_roots("any_job_root_assets_match", _checked(condition), every=False)

    @staticmethod
    def all_job_root_assets_match(condition: AutomationCondition) -> JobRootsCondition:
        """Of a job: the condition holds for each of its assets that have no upstream in the job.

        Args:
            condition: What is asked of those assets.
        """
        return _about_roots("all_job_root_assets_match", _checked(condition), every=True)

    @staticmethod
    def any_downstream_conditions() -> DownstreamCondition:
        """Any condition of a downstream asset holds."""
        return DownstreamCondition()

    @staticmethod
    def any_deps_updated() -> DepsCondition:
        """Any upstream was updated since the last evaluation (not together with this), or will be by it."""
        updated = AutomationCondition.newly_updated() & ~AutomationCondition.executed_with_root_target()
        return AutomationCondition.any_deps_match(updated | AutomationCondition.will_be_requested()).with_label(
            "any_deps_updated"
        )

    @staticmethod
    def any_deps_missing() -> DepsCondition:
        """Any upstream is missing and will not be made by this evaluation."""
        missing = AutomationCondition.missing() & ~AutomationCondition.will_be_requested()
        return AutomationCondition.any_deps_match(missing).with_label("any_deps_missing")

    @staticmethod
    def any_deps_in_progress() -> DepsCondition:
        """Any upstream is being made."""
        return AutomationCondition.any_deps_match(AutomationCondition.in_progress()).with_label("any_deps_in_progress")

    @staticmethod
    def all_deps_blocking_checks_passed() -> DepsCondition:
        """Every blocking check of every upstream passed, or will be made by this evaluation."""
        passed = AutomationCondition.check_passed() | AutomationCondition.will_be_requested()
        checks = AutomationCondition.all_checks_match(passed, blocking_only=True).with_label(
            "all_blocking_checks_passed"
        )
        return AutomationCondition.all_deps_match(checks).with_label("all_deps_blocking_checks_passed")

    @staticmethod
    def all_deps_updated_since_cron(cron_schedule: str, cron_timezone: str = "UTC") -> DepsCondition:
        """Every upstream was updated since the last tick of the cron expression.

        Args:
            cron_schedule: Cron expression of five fields, or an alias such as `@daily`.
            cron_timezone: IANA name of the zone whose wall-clock time the expression means.

        Raises:
            InvalidCronError: for an expression that is none.
        """
        tick = AutomationCondition.cron_tick_passed(cron_schedule, cron_timezone)
        updated = AutomationCondition.newly_updated().since(tick) | AutomationCondition.will_be_requested()
        return AutomationCondition.all_deps_match(updated).with_label(
            f"all_deps_updated_since_cron({cron_schedule}, {cron_timezone})"
        )

    # ---- whole policies

    @staticmethod
    def eager() -> AndCondition:
        """Makes the asset when an upstream is updated or it is missing, once all upstreams are there."""
        changed = AutomationCondition.newly_missing() | AutomationCondition.any_deps_updated()
        return (
            AutomationCondition.in_latest_time_window()
            & changed.since_last_handled()
            & ~AutomationCondition.any_deps_missing()
            & ~AutomationCondition.any_deps_in_progress()
            & ~AutomationCondition.in_progress()
        ).with_label("eager")

    @staticmethod
    def on_cron(cron_schedule: str, cron_timezone: str = "UTC") -> AndCondition:
        """Makes the asset after each tick of the cron expression, once every upstream was updated since that tick.

        Args:
            cron_schedule: Cron expression of five fields, or an alias such as `@daily`.
            cron_timezone: IANA name of the zone whose wall-clock time the expression means.

        Raises:
            InvalidCronError: for an expression that is none.
        """
        tick = AutomationCondition.cron_tick_passed(cron_schedule, cron_timezone)
        return (
            AutomationCondition.in_latest_time_window()
            & tick.since_last_handled()
            & AutomationCondition.all_deps_updated_since_cron(cron_schedule, cron_timezone)
        ).with_label(f"on_cron({cron_schedule}, {cron_timezone})")

    @staticmethod
    def on_missing() -> AndCondition:
        """Makes the asset when it is missing, once all upstreams are there."""
        return (
            AutomationCondition.in_latest_time_window()
            & AutomationCondition.newly_missing().since_last_handled().with_label("missing_since_last_handled")
            & ~AutomationCondition.any_deps_missing()
        ).with_label("on_missing")


def _about_tags(
    kind: str, tag_keys: AbstractSet[str] | None, tag_values: Mapping[str, str] | None
) -> AutomationCondition:
    return OperandCondition(
        kind=kind, tag_keys=tuple(sorted(tag_keys or ())), tag_values=tuple(sorted((tag_values or {}).items()))
    )


def _about_roots(name: str, condition: AutomationCondition, *, every: bool) -> JobRootsCondition:
    return JobRootsCondition(operand=condition, every=every, label=f"{name}({condition.label or condition.name})")


def _checked(condition: Any) -> AutomationCondition:
    if not isinstance(condition, AutomationCondition):
        raise InvalidDefinitionError(
            f"An automation condition is expected, not {condition!r}: use for example AutomationCondition.missing()"
        )
    return condition


def _flat(
    condition: AutomationCondition, kind: type[AndCondition] | type[OrCondition]
) -> tuple[AutomationCondition, ...]:
    if isinstance(condition, kind) and condition.label is None:
        return condition.operands
    return (condition,)


@dataclass(frozen=True, kw_only=True)
class BuiltinCondition(AutomationCondition):
    """A condition that the engine knows: plain data."""

    label: str | None = None

    @property
    def is_serializable(self) -> bool:
        return all(child.is_serializable for child in self.children)

    def evaluate(self, context: Any) -> Any:
        return context.of_builtin(self)


@dataclass(frozen=True, kw_only=True)
class OperandCondition(BuiltinCondition):
    """A fact about one asset that needs no other condition."""

    kind: str
    cron_schedule: str | None = None
    cron_timezone: str = "UTC"
    lookback_delta: timedelta | None = None
    tag_keys: tuple[str, ...] = ()
    tag_values: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        if self.tag_keys or self.tag_values:
            keys = f"tag_keys={{{','.join(self.tag_keys)}}}" if self.tag_keys else ""
            values = ",".join(f"{key}:{value}" for key, value in self.tag_values)
            return f"{self.kind}({', '.join(filter(None, (keys, values and f'tag_values={{{values}}}')))})"
        if self.cron_schedule is not None:
            return f"{self.kind}({self.cron_schedule}, {self.cron_timezone})"
        if self.lookback_delta is not None:
            return f"{self.kind}({self.lookback_delta})"
        return self.kind

    @property
    def description(self) -> str:
        return self.name.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class AndCondition(BuiltinCondition):
    """All of the operands hold."""

    operands: tuple[AutomationCondition, ...]

    @property
    def name(self) -> str:
        return "AND"

    @property
    def description(self) -> str:
        return "All of"

    @property
    def children(self) -> Sequence[AutomationCondition]:
        return self.operands

    def with_children(self, children: Sequence[AutomationCondition]) -> Self:
        return replace(self, operands=tuple(children))

    def without(self, condition: AutomationCondition) -> AutomationCondition:
        if condition not in self.operands:
            raise CheckError(f"Condition not found as an operand of this AND condition: {condition.name}")
        rest = tuple(operand for operand in self.operands if operand != condition)
        if len(rest) < 2:
            raise CheckError(f"Without {condition.name} this AND condition would have fewer than 2 operands")
        return replace(self, operands=rest)


@dataclass(frozen=True, kw_only=True)
class OrCondition(BuiltinCondition):
    """Any of the operands holds."""

    operands: tuple[AutomationCondition, ...]

    @property
    def name(self) -> str:
        return "OR"

    @property
    def description(self) -> str:
        return "Any of"

    @property
    def children(self) -> Sequence[AutomationCondition]:
        return self.operands

    def with_children(self, children: Sequence[AutomationCondition]) -> Self:
        return replace(self, operands=tuple(children))


@dataclass(frozen=True, kw_only=True)
class _Unary(BuiltinCondition):
    operand: AutomationCondition

    @property
    def children(self) -> Sequence[AutomationCondition]:
        return (self.operand,)

    def with_children(self, children: Sequence[AutomationCondition]) -> Self:
        return replace(self, operand=children[0])


@dataclass(frozen=True, kw_only=True)
class NotCondition(_Unary):
    """The operand does not hold."""

    @property
    def name(self) -> str:
        return "NOT"

    @property
    def description(self) -> str:
        return "Not"


@dataclass(frozen=True, kw_only=True)
class NewlyTrueCondition(_Unary):
    """The operand holds now and did not in the last evaluation."""

    @property
    def name(self) -> str:
        return "NEWLY_TRUE"


@dataclass(frozen=True, kw_only=True)
class SinceCondition(BuiltinCondition):
    """The trigger held after the reset did."""

    trigger: AutomationCondition
    reset: AutomationCondition

    @property
    def name(self) -> str:
        return "SINCE"

    @property
    def children(self) -> Sequence[AutomationCondition]:
        return (self.trigger, self.reset)

    def with_children(self, children: Sequence[AutomationCondition]) -> Self:
        return replace(self, trigger=children[0], reset=children[1])


@dataclass(frozen=True, kw_only=True)
class DepsCondition(_Unary):
    """The operand holds for upstreams."""

    every: bool = False
    allow_selection: Any = None
    ignore_selection: Any = None
    #: Whether upstreams that are virtual stand for what is upstream of them.
    through_virtual: bool = False

    @property
    def name(self) -> str:
        return "ALL_DEPS_MATCH" if self.every else "ANY_DEPS_MATCH"

    @property
    def description(self) -> str:
        return "All deps" if self.every else "Any deps"


@dataclass(frozen=True, kw_only=True)
class ChecksCondition(_Unary):
    """The operand holds for checks of the asset."""

    every: bool = False
    blocking_only: bool = False
    allow_selection: Any = None
    ignore_selection: Any = None

    @property
    def name(self) -> str:
        return "ALL_CHECKS_MATCH" if self.every else "ANY_CHECKS_MATCH"


@dataclass(frozen=True, kw_only=True)
class AssetMatchesCondition(_Unary):
    """The operand holds for another asset."""

    key: AssetKey

    @property
    def name(self) -> str:
        return f"ASSET_MATCHES({self.key.to_user_string()})"


@dataclass(frozen=True, kw_only=True)
class JobRootsCondition(_Unary):
    """Of a job: the operand holds for its assets that have no upstream in it."""

    is_about_roots: ClassVar[bool] = True
    every: bool = False

    @property
    def name(self) -> str:
        return "ALL_JOB_ROOT_ASSETS_MATCH" if self.every else "ANY_JOB_ROOT_ASSETS_MATCH"


@dataclass(frozen=True, kw_only=True)
class DownstreamCondition(BuiltinCondition):
    """Any condition of a downstream asset holds."""

    @property
    def name(self) -> str:
        return "ANY_DOWNSTREAM_CONDITIONS"
