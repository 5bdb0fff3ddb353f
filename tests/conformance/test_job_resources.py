"""Resources of jobs: where they are bound, and how often they are made."""

from tests.conformance.api import dg


def test_to_job_resources():
    """A graph becomes different jobs with different resources."""

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    @dg.graph
    def g():
        f()

    one = g.to_job("one", resource_defs={"r": dg.ResourceDefinition.hardcoded_resource(1)})
    two = g.to_job("two", resource_defs={"r": dg.ResourceDefinition.hardcoded_resource(2)})

    assert one.execute_in_process().output_for_node("f") == 1
    assert two.execute_in_process().output_for_node("f") == 2


def test_execute_in_process_resources():
    """Resources can be overruled for one execution of a graph."""

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    @dg.graph
    def g():
        f()

    assert g.execute_in_process(resources={"r": 8}).output_for_node("f") == 8


def test_resources_in_hooks_and_ops_share_one_instance():
    """One run sets a resource up once."""
    made = []

    @dg.resource
    def r():
        made.append(1)
        return 1

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    @dg.job(resource_defs={"r": r})
    def j():
        f.alias("a")()
        f.alias("b")()

    assert j.execute_in_process().success
    assert made == [1]
