"""Hooks: on jobs and ops, their context and resources."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus_one(x):
    return x + 1


def test_hooks():
    """Success and failure hooks run after each op; a failing hook does not fail the run."""
    seen = []

    @dg.success_hook
    def good(context):
        seen.append(("ok", context.op.name))

    @dg.failure_hook
    def bad_hook(context):
        seen.append(("bad", context.op.name, type(context.op_exception).__name__))

    @dg.success_hook
    def broken(context):
        raise RuntimeError("hook")

    @dg.op
    def bad(x):
        raise KeyError("x")

    @dg.job(hooks={good, bad_hook, broken})
    def j():
        bad(one())

    result = j.execute_in_process(raise_on_error=False)

    assert ("ok", "one") in seen
    assert ("bad", "bad", "KeyError") in seen
    assert "HOOK_ERRORED" in {e.event_type_value for e in result.all_events}


def test_hook_on_one_op():
    """A hook can hang on one use of an op."""
    seen = []

    @dg.success_hook(required_resource_keys={"r"})
    def hook(context):
        seen.append((context.op.name, context.resources.r, context.op_output_values))

    @dg.job(resource_defs={"r": dg.ResourceDefinition.hardcoded_resource(3)})
    def j():
        plus_one(one.with_hooks({hook})())

    assert j.execute_in_process().success
    assert seen == [("one", 3, {"result": 1})]


def test_hook_context():
    """What a hook is told."""
    seen = {}

    @dg.success_hook(required_resource_keys={"r"})
    def told(context):
        seen.update(
            op=context.op.name,
            step=context.step_key,
            job=context.job_name,
            run=context.run_id,
            resource=context.resources.r,
            outputs=dict(context.op_output_values),
            hook=context.hook_def.name,
            error=context.op_exception,
        )

    @dg.job(hooks={told}, resource_defs={"r": dg.ResourceDefinition.hardcoded_resource(9)})
    def j():
        one()

    result = j.execute_in_process()

    assert seen == {
        "op": "one",
        "step": "one",
        "job": "j",
        "run": result.run_id,
        "resource": 9,
        "outputs": {"result": 1},
        "hook": "told",
        "error": None,
    }


def test_hook_without_context_parameter():
    """A hook takes a context."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.success_hook
        def bad():
            pass


def test_hook_missing_resource():
    """A hook's resources must be there."""

    @dg.failure_hook(required_resource_keys={"nope"})
    def told(context):
        pass

    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job(hooks={told})
        def j():
            one()

        j.execute_in_process()
