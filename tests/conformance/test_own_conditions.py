"""Automation conditions that users write: a class with an `evaluate` of its own."""

import asyncio
import datetime
import logging

import pytest

from tests.conformance.api import dg

Condition = dg.AutomationCondition


def made(name):
    """Return the event of a materialization outside of runs."""
    return dg.AssetMaterialization(name)


def asset_with(condition, **options):
    """Return an asset with a condition."""

    @dg.asset(automation_condition=condition, **options)
    def own():
        return None

    return own


def evaluated(definitions, instance, times=1, **options):
    """Return the results of several evaluations one after the other."""
    found, cursor = [], None
    for _ in range(times):
        result = dg.evaluate_automation_conditions(definitions, instance, cursor=cursor, **options)
        cursor = result.cursor
        found.append(result)
    return found


class EverySecond(Condition):
    """True at every second evaluation, which it knows by its cursor."""

    def evaluate(self, context):
        """Decide by the cursor of the last evaluation."""
        if context.cursor == "ready":
            return dg.AutomationResult(context, true_subset=context.candidate_subset)
        return dg.AutomationResult(context, true_subset=context.get_empty_subset(), cursor="ready")


class Named(Condition):
    """True for some partitions, by their names."""

    def __init__(self, *names):
        self.names = names

    def evaluate(self, context):
        """Decide by the name of the partition."""
        chosen = context.candidate_subset.compute_intersection_with_partition_keys(set(self.names))
        return dg.AutomationResult(context, true_subset=chosen)


def test_the_cursor_goes_to_the_next_evaluation():
    """What a condition gives as cursor is what it finds the next time."""
    results = evaluated([asset_with(EverySecond())], dg.DagsterInstance.ephemeral(), 4)
    assert [result.total_requested for result in results] == [0, 1, 0, 1]


def test_partitions_are_chosen_by_name():
    """A condition is true for the partitions that it answers."""
    partitions = dg.StaticPartitionsDefinition(["a", "b", "c"])
    own = asset_with(Named("a", "c"), partitions_def=partitions)
    (result,) = evaluated([own], dg.DagsterInstance.ephemeral())
    assert result.get_requested_partitions(own.key) == {"a", "c"}


def test_it_is_combined_with_others():
    """Conditions of one's own are operands like any other."""
    partitions = dg.StaticPartitionsDefinition(["a", "b"])
    own = asset_with(Named("a") & ~Named("b") & Condition.missing(), partitions_def=partitions)
    instance = dg.DagsterInstance.ephemeral()
    (result,) = evaluated([own], instance)
    assert result.get_requested_partitions(own.key) == {"a"}
    instance.report_runless_asset_event(dg.AssetMaterialization("own", partition="a"))
    (result,) = evaluated([own], instance)
    assert result.total_requested == 0


def test_memory_works_around_it():
    """Operators with a memory take conditions of one's own."""
    results = evaluated([asset_with(EverySecond().newly_true())], dg.DagsterInstance.ephemeral(), 4)
    assert [result.total_requested for result in results] == [0, 1, 0, 1]
    results = evaluated([asset_with(EverySecond().since_last_handled())], dg.DagsterInstance.ephemeral(), 3)
    assert [result.total_requested for result in results] == [0, 1, 0]


def test_upstreams_are_asked():
    """As the operand of a condition of upstreams it is asked about each of them."""
    asked = []

    class Noting(Condition):
        def evaluate(self, context):
            asked.append(context.key)
            return dg.AutomationResult(context, true_subset=context.candidate_subset)

    @dg.asset
    def above():
        return None

    @dg.asset(deps=[above], automation_condition=Condition.any_deps_match(Noting()))
    def below():
        return None

    (result,) = evaluated([above, below], dg.DagsterInstance.ephemeral())
    assert asked == [above.key]
    assert result.get_num_requested(below.key) == 1


def test_the_context_tells_of_times_and_events():
    """A condition knows the moment, that of the evaluation before, and the newest event."""
    seen = []

    class Seeing(Condition):
        def evaluate(self, context):
            before = context.previous_evaluation_time
            seen.append((context.evaluation_time, before, context.max_storage_id, context.previous_max_storage_id))
            return dg.AutomationResult(context, true_subset=context.get_empty_subset())

    instance = dg.DagsterInstance.ephemeral()
    first = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    own = asset_with(Seeing())
    result = dg.evaluate_automation_conditions([own], instance, evaluation_time=first)
    instance.report_runless_asset_event(made("own"))
    later = first + datetime.timedelta(hours=1)
    dg.evaluate_automation_conditions([own], instance, evaluation_time=later, cursor=result.cursor)
    assert [(now, before) for now, before, _, _ in seen] == [(first, None), (later, first)]
    assert seen[1][2] > (seen[1][3] or 0)


def test_the_last_answer_is_remembered():
    """A condition sees for which partitions it was true, and about which it was asked."""
    seen = []

    class Growing(Condition):
        def evaluate(self, context):
            before = context.previous_true_subset
            seen.append(before.expensively_compute_partition_keys() if before else None)
            wanted = {"a", "b"} if before else {"a"}
            return dg.AutomationResult(
                context, true_subset=context.candidate_subset.compute_intersection_with_partition_keys(wanted)
            )

    own = asset_with(Growing(), partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    evaluated([own], dg.DagsterInstance.ephemeral(), 2)
    assert seen[-1] == {"a"}


def test_sets_of_partitions_are_joined_and_mapped():
    """Sets of partitions have union, intersection, difference, and the way to upstreams and downstreams."""
    found = {}

    class Joining(Condition):
        def evaluate(self, context):
            every = context.candidate_subset
            first = every.compute_intersection_with_partition_keys({"a"})
            second = every.compute_intersection_with_partition_keys({"b"})
            found["union"] = first.compute_union(second).expensively_compute_partition_keys()
            found["both"] = first.compute_intersection(second).is_empty
            found["rest"] = every.compute_difference(first).expensively_compute_partition_keys()
            found["up"] = first.compute_parent_subset(dg.AssetKey("above")).expensively_compute_partition_keys()
            found["view"] = context.asset_graph_view.get_full_subset(key=dg.AssetKey("above")).size
            found["sizes"] = (every.size, every.is_partitioned, every.key)
            return dg.AutomationResult(context, true_subset=first)

    partitions = dg.StaticPartitionsDefinition(["a", "b", "c"])

    @dg.asset(partitions_def=partitions)
    def above():
        return None

    @dg.asset(partitions_def=partitions, deps=[above], automation_condition=Joining())
    def below():
        return None

    (result,) = evaluated([above, below], dg.DagsterInstance.ephemeral())
    assert found == {
        "union": {"a", "b"},
        "both": True,
        "rest": {"b", "c"},
        "up": {"a"},
        "view": 3,
        "sizes": (3, True, dg.AssetKey("below")),
    }
    assert result.get_requested_partitions(below.key) == {"a"}


def test_other_conditions_are_asked():
    """A coroutine asks another condition in its place, and hands on what that found."""

    class Asking(Condition):
        async def evaluate(self, context):
            await asyncio.sleep(0)
            child = context.for_child_condition(
                child_condition=Condition.missing(), child_indices=[0], candidate_subset=context.candidate_subset
            )
            found = await child.evaluate_async()
            return dg.AutomationResult(context, true_subset=found.true_subset, child_results=[found])

    instance = dg.DagsterInstance.ephemeral()
    own = asset_with(Asking())
    (result,) = evaluated([own], instance)
    assert result.total_requested == 1
    assert len(result.results[0].child_results) == 1
    instance.report_runless_asset_event(made("own"))
    (result,) = evaluated([own], instance)
    assert result.total_requested == 0


def test_messages_name_the_condition(caplog):
    """What a condition logs says which one it is."""

    class Talking(Condition):
        def evaluate(self, context):
            context.log.info("looked around")
            return dg.AutomationResult(context, true_subset=context.get_empty_subset())

    caplog.set_level(logging.INFO)
    evaluated([asset_with(Talking())], dg.DagsterInstance.ephemeral())
    assert "looked around" in caplog.text
    assert "Talking" in caplog.text


def test_one_without_an_evaluate_is_refused():
    """The bare class, and a subclass that does not say how it is evaluated, cannot be made."""

    class Empty(Condition):
        pass

    for kind in (Condition, Empty):
        with pytest.raises(TypeError):
            kind()


def test_another_answer_is_refused():
    """Something else than a result is an error of the evaluation."""

    class Wrong(Condition):
        def evaluate(self, context):
            return True

    with pytest.raises(Exception) as caught:
        evaluated([asset_with(Wrong())], dg.DagsterInstance.ephemeral())
    assert "own" in str(caught.value)


def test_it_needs_user_code():
    """The daemon knows that it cannot evaluate it by itself, nor anything around it."""
    assert not EverySecond().is_serializable
    assert not (EverySecond() & Condition.missing()).is_serializable
    assert Condition.eager().is_serializable
