"""A job that brings resources brings all it needs: what is missing is told where the job is made."""

import pytest

from tests.conformance.api import dg


@dg.resource
def here():
    return 1


@dg.resource(required_resource_keys={"nowhere"})
def needy():
    return 1


@dg.success_hook(required_resource_keys={"bell"})
def ring(context): ...


@dg.op(required_resource_keys={"here"})
def content(): ...


@dg.op(required_resource_keys={"here", "gone"})
def longing(): ...


@dg.op(out=dg.Out(io_manager_key="gone"))
def stored():
    return 1


def job_of(*, hooks=None, **resources):
    """Return what makes a job of a body."""
    return dg.job(resource_defs=resources, hooks=hooks)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda: longing(), "resource with key 'gone' required by op 'longing' was not provided"),
        (lambda: stored(), "io manager with key 'gone' required by output 'result' of op 'stored' was not provided"),
        (
            lambda: content.with_hooks({ring})(),
            "resource with key 'bell' required by hook 'ring' attached to op 'content' was not provided",
        ),
    ],
)
def test_what_ops_and_their_hooks_lack(body, message):
    """With the name of what needs it; a job without resources gets them from its Definitions."""

    def work():
        body()

    with pytest.raises(dg.DagsterInvalidDefinitionError, match=message):
        job_of(here=here)(work)
    assert dg.job(work).name == "work"
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=message):
        dg.graph(work).to_job(resource_defs={"here": here})


def test_what_hooks_of_the_job_lack():
    """Given with the job, or added to it."""

    def work():
        content()

    message = "resource with key 'bell' required by hook 'ring' attached to job 'work' was not provided"
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=message):
        job_of(here=here, hooks={ring})(work)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=message):
        job_of(here=here)(work).with_hooks({ring})


def test_what_resources_lack():
    """Whether an op needs them or not."""

    def work():
        content()

    message = "Resource with key 'nowhere' required by resource with key 'unused', but not provided"
    with pytest.raises(dg.DagsterInvariantViolationError, match=message):
        job_of(here=here, unused=needy)(work)


def test_resources_bound_twice_are_named_with_what_has_them():
    """An asset's own and those of with_resources."""

    @dg.asset(resource_defs={"here": here}, required_resource_keys={"here"})
    def mine(): ...

    source = dg.SourceAsset("theirs", io_manager_key="shelf", resource_defs={"shelf": dg.mem_io_manager})
    message = (
        r"AssetsDefinition with key \[\"mine\"\] has conflicting resource definitions .* keys: here. Either remove"
    )
    with pytest.raises(dg.DagsterInvalidInvocationError, match=message):
        dg.with_resources([mine], {"here": here})
    message = r"SourceAsset with key AssetKey\(\['theirs'\]\) has conflicting .* keys: \['shelf'\]. Either remove"
    with pytest.raises(dg.DagsterInvalidInvocationError, match=message):
        dg.with_resources([source], {"shelf": dg.mem_io_manager})
