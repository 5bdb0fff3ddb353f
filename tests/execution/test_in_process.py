"""Jobs and assets run in this process: order, skips, failures, retries, hooks, dynamic outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cellmill as c
import pytest
from cellmill.errors import DuplicateRunError


@c.op
def one() -> int:
    return 1


@c.op
def plus(x: int) -> int:
    return x + 1


@c.op
def broken(x: int) -> int:
    raise ValueError("no")


@c.op
def total(xs: list[int]) -> int:
    return sum(xs)


def kinds(result: Any, node: str) -> list[str]:
    """Return the kinds of a node's events."""
    return [event.event_type_value for event in result.events_for_node(node)]


def test_events_of_a_step_come_in_dagsters_order() -> None:
    """A step starts, loads, checks, yields, stores and ends."""

    @c.job
    def j() -> None:
        plus(one())

    result = j.execute_in_process()

    assert kinds(result, "plus") == [
        "STEP_START", "LOADED_INPUT", "STEP_INPUT", "STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS",
    ]  # fmt: skip


def test_the_users_own_error_is_raised() -> None:
    """A failing op raises what it raised."""

    @c.job
    def j() -> None:
        plus(broken(one()))

    with pytest.raises(ValueError, match="no"):
        j.execute_in_process()


def test_a_failed_run_keeps_what_depends_on_it_from_starting() -> None:
    """Downstream of a failed step nothing starts; the run has failed."""

    @c.job
    def j() -> None:
        plus(broken(one()))

    result = j.execute_in_process(raise_on_error=False)

    assert not result.success
    assert result.get_failed_step_keys() == {"broken"}
    assert kinds(result, "plus") == []


def test_a_policy_runs_a_step_again() -> None:
    """A step with a retry policy is run again until it succeeds."""
    tries: list[int] = []

    @c.op(retry_policy=c.RetryPolicy(max_retries=2))
    def flaky(context) -> int:  # type: ignore[no-untyped-def]
        tries.append(context.retry_number)
        if len(tries) < 3:
            raise ValueError("again")
        return 1

    @c.job
    def j() -> None:
        flaky()

    assert j.execute_in_process().success
    assert tries == [0, 1, 2]


def test_an_optional_output_that_does_not_come_skips_what_needs_it() -> None:
    """A step downstream of an output that was not made is skipped, and the run succeeds."""

    @c.op(out={"a": c.Out(is_required=False), "b": c.Out(is_required=False)})
    def branch():  # type: ignore[no-untyped-def]
        yield c.Output(1, "a")

    @c.job
    def j() -> None:
        a, b = branch()
        plus.alias("left")(a)
        plus.alias("right")(b)

    result = j.execute_in_process()

    assert result.success
    assert result.is_node_success("left")
    assert result.is_node_skipped("right")


def test_dynamic_outputs_are_mapped_and_collected_in_order() -> None:
    """Each dynamic output makes a step of its own; collecting keeps their order."""

    @c.op(out=c.DynamicOut(int))
    def several():  # type: ignore[no-untyped-def]
        for number in (3, 1, 2):
            yield c.DynamicOutput(number, mapping_key=f"k{number}")

    @c.job
    def j() -> None:
        total(several().map(lambda each: plus(plus.alias("first")(each))).collect())

    result = j.execute_in_process()

    assert result.output_for_node("total") == 12
    assert list(result.output_for_node("plus")) == ["k3", "k1", "k2"]


def test_an_empty_dynamic_output_collects_to_an_empty_list() -> None:
    """Without any dynamic output the collecting step still runs."""

    @c.op(out=c.DynamicOut(int))
    def none():  # type: ignore[no-untyped-def]
        yield from ()

    @c.job
    def j() -> None:
        total(none().map(plus).collect())

    assert j.execute_in_process().output_for_node("total") == 0


def test_a_chain_of_three_hundred_assets_is_planned_and_run() -> None:
    """Long chains neither recurse nor slow down."""
    assets = [c.asset(name="a0")(lambda: 0)]
    for number in range(1, 300):

        def make(**up: int) -> int:
            return sum(up.values()) + 1

        assets.append(c.asset(name=f"a{number}", ins={"x": c.AssetIn(key=f"a{number - 1}")})(make))

    assert c.materialize(assets).asset_value("a299") == 299


def test_a_blocking_check_keeps_downstream_from_running() -> None:
    """A failed blocking check fails the run before what depends on its asset."""

    @c.asset
    def up() -> int:
        return 1

    @c.asset
    def down(up: int) -> int:
        return up

    @c.asset_check(asset=up, blocking=True)
    def never() -> c.AssetCheckResult:
        return c.AssetCheckResult(passed=False)

    result = c.materialize([up, down, never], raise_on_error=False)

    assert not result.success
    assert kinds(result, "down") == []
    assert not result.get_asset_check_evaluations()[0].passed


def test_hooks_see_the_outputs_and_the_error() -> None:
    """A success hook sees values, a failure hook the user's error; neither changes the run."""
    seen: list[Any] = []

    @c.success_hook
    def good(context) -> None:  # type: ignore[no-untyped-def]
        seen.append((context.op.name, context.op_output_values))
        raise RuntimeError("a hook's own error")

    @c.failure_hook
    def bad(context) -> None:  # type: ignore[no-untyped-def]
        seen.append((context.op.name, type(context.op_exception).__name__))

    @c.job(hooks={good, bad})
    def j() -> None:
        broken(one())

    result = j.execute_in_process(raise_on_error=False)

    assert seen == [("one", {"result": 1}), ("broken", "ValueError")]
    assert "HOOK_ERRORED" in [event.event_type_value for event in result.all_events]


def test_assets_that_need_each_other_are_named_with_their_places() -> None:
    """A circle is an error that names its assets and where they are written."""

    @c.asset
    def a(b: int) -> int:
        return b

    @c.asset
    def b(a: int) -> int:
        return a

    with pytest.raises(c.InvalidDefinitionError, match="a -> b -> a|b -> a -> b"):
        c.materialize([a, b])


def test_a_run_whose_id_is_taken_runs_nothing(tmp_path: Path) -> None:
    """The record of a run comes in with its first events: an id that is taken is refused before any step, always."""
    ran: list[str] = []

    @c.op
    def touch(context: c.OpExecutionContext) -> None:
        ran.append(context.run_id)

    @c.job
    def touching() -> None:
        touch()

    with c.Instance.local_temp(str(tmp_path)) as instance:
        touching.execute_in_process(instance=instance, run_id="twice")
        with pytest.raises(DuplicateRunError, match="twice"):
            touching.execute_in_process(instance=instance, run_id="twice", raise_on_error=False)
        assert ran == ["twice"]
        assert instance.get_runs_count() == 1


def test_an_asset_that_is_not_given_is_loaded_where_the_instance_knows_it() -> None:
    """What was made before need not be given again; the same call beside an empty instance is refused."""

    @c.asset
    def orders() -> int:
        return 3

    @c.asset
    def doubled(orders: int) -> int:
        return 2 * orders

    instance = c.Instance.ephemeral()
    with pytest.raises(c.InvalidDefinitionError, match="Add the asset, or an AssetSpec"):
        c.materialize([doubled], instance=instance)

    assert instance.get_runs() == []
    c.materialize([orders], instance=instance)
    assert c.materialize([doubled], instance=instance).asset_value("doubled") == 6
