"""Definitions and repositories: lookups, duplicates, merging, what is refused."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.job
def noop():
    one()


def test_repository_lookups():
    """A repository finds what it holds."""

    @dg.repository
    def mine():
        return [noop, dg.ScheduleDefinition(job=noop, cron_schedule="@daily")]

    assert mine.name == "mine"
    assert mine.get_job("noop").name == "noop"
    assert mine.has_job("noop")
    assert "noop" in mine.job_names
    assert [one_.name for one_ in mine.schedule_defs] == ["noop_schedule"]
    assert mine.get_all_jobs()[0].name == "noop"
    assert not mine.sensor_defs


@pytest.mark.parametrize("given", ["x", 5, [5], {"jobs": 5}, None])
def test_bad_repositories(given):
    """A repository function returns definitions."""
    with pytest.raises(Exception, match=r".+"):

        @dg.repository
        def mine():
            return given

        mine.get_all_jobs()


def test_definitions_lookups():
    """Definitions find what they hold."""

    @dg.asset
    def a():
        return 1

    @dg.asset_check(asset=a)
    def c():
        return dg.AssetCheckResult(passed=True)

    defs = dg.Definitions(assets=[a], asset_checks=[c], jobs=[noop], metadata={"k": 1})

    assert defs.resolve_job_def("noop").name == "noop"
    assert defs.resolve_assets_def("a").key == dg.AssetKey("a")
    assert defs.get_asset_checks_def(dg.AssetCheckKey(dg.AssetKey("a"), "c")).check_key.name == "c"
    assert defs.has_implicit_global_asset_job_def()
    assert defs.metadata == {"k": dg.MetadataValue.int(1)} or defs.metadata == {"k": 1}
    assert [spec.key for spec in defs.resolve_all_asset_specs()] == [dg.AssetKey("a")]
    with pytest.raises(dg.DagsterInvariantViolationError):
        defs.resolve_job_def("nope")
    dg.Definitions.validate_loadable(defs)


def test_definitions_bad_kinds():
    """Things in the wrong place are refused."""
    with pytest.raises(Exception, match=r".+"):
        dg.Definitions(jobs=[5])
    with pytest.raises(Exception, match=r".+"):
        dg.Definitions(assets=[noop], jobs=noop)


def test_definitions_unresolved_dependency_is_external():
    """A dependency that nobody defines is an external asset."""

    @dg.asset(deps=["outside"])
    def a():
        return 1

    graph = dg.Definitions([a]).resolve_asset_graph()

    assert dg.AssetKey("outside") in graph.get_all_asset_keys()
    assert dg.AssetKey("outside") in graph.external_asset_keys
    assert graph.get(dg.AssetKey("a")).parent_keys == {dg.AssetKey("outside")}
    assert graph.get(dg.AssetKey("outside")).child_keys == {dg.AssetKey("a")}
    assert graph.root_materializable_asset_keys == {dg.AssetKey("a")}


@dg.asset
def a():
    return 1


@dg.asset(group_name="g", tags={"t": "1"}, kinds={"duckdb"}, owners=["team:x"])
def b(a):
    return a


@dg.asset(key_prefix="p")
def c(b):
    return b


@dg.asset
def alone():
    return 1


@dg.op
def nop():
    return 1


@dg.job
def some_job():
    nop()


ALL = [a, b, c, alone]


def test_duplicate_job_names():
    """Two jobs cannot share a name."""

    @dg.job(name="some_job")
    def again():
        nop()
        nop()

    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.Definitions.validate_loadable(dg.Definitions(jobs=[some_job, again]))


def test_resources_bind_by_key():
    """Resources of Definitions reach assets by key."""

    @dg.asset(required_resource_keys={"r"})
    def x(context):
        return context.resources.r

    defs = dg.Definitions(assets=[x], resources={"r": 5})

    assert defs.get_implicit_global_asset_job_def().execute_in_process().output_for_node("x") == 5


def test_merge():
    """Definitions merge; a key bound twice to different things is an error."""
    merged = dg.Definitions.merge(dg.Definitions(assets=[a]), dg.Definitions(assets=[b]))

    assert {k.to_user_string() for k in merged.resolve_asset_graph().get_all_asset_keys()} == {"a", "b"}
    with pytest.raises(dg.DagsterInvariantViolationError):
        dg.Definitions.merge(dg.Definitions(resources={"r": 1}), dg.Definitions(resources={"r": 2}))


def test_repository():
    """A repository is a list of definitions."""

    @dg.repository
    def repo():
        return [some_job, a, dg.ScheduleDefinition(job=some_job, cron_schedule="@daily")]

    assert repo.get_job("some_job").name == "some_job"
    assert repo.has_schedule_def("some_job_schedule")
    assert repo.name == "repo"


def test_repository_duplicates():
    """Names in a repository are unique."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.repository
        def repo():
            one = dg.ScheduleDefinition(name="s", job=some_job, cron_schedule="@daily")
            two = dg.ScheduleDefinition(name="s", job=some_job, cron_schedule="@hourly")
            return [some_job, one, two]


def test_load_asset_value():
    """A stored value can be read outside a run."""
    instance = dg.DagsterInstance.ephemeral()

    class Memory(dg.IOManager):
        values = {}

        def handle_output(self, context, obj):
            self.values[context.asset_key] = obj

        def load_input(self, context):
            return self.values[context.asset_key]

    defs = dg.Definitions(assets=[a], resources={"io_manager": Memory()})
    defs.get_implicit_global_asset_job_def().execute_in_process(instance=instance)

    assert defs.load_asset_value("a", instance=instance) == 1


def test_asset_graph():
    """The asset graph knows parents and children."""
    graph = dg.Definitions(assets=ALL).resolve_asset_graph()

    assert graph.get(b.key).parent_keys == {a.key}
    assert graph.get(a.key).child_keys == {b.key}
    assert graph.root_materializable_asset_keys == {a.key, alone.key}
