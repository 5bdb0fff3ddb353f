"""Code locations in the older form, and what `Definitions` binds together."""

import pytest

from tests.conformance.api import dg


@dg.op
def emit():
    return 1


@dg.op(required_resource_keys={"missing"})
def needy(): ...


@dg.graph
def plain():
    emit()


@dg.graph
def wanting():
    needy()


def test_jobs_of_a_repository_can_be_lazy():
    """A function under a job's name is called when the job is first asked for, once."""
    called = []

    def make(name):
        def made():
            called.append(name)
            return plain.to_job(name=name)

        return made

    @dg.repository
    def lazy():
        return {"jobs": {"one": make("one"), "two": make("two")}}

    assert called == []
    assert lazy.get_job("one").name == "one"
    assert lazy.get_job("one").execute_in_process().success
    assert called == ["one"]
    assert lazy.has_job("two")
    assert called == ["one"]


def test_lazy_jobs_that_are_none():
    """What the function returns must be a job of that name."""

    @dg.repository
    def bad():
        return {"jobs": {"plain": lambda: plain, "other": lambda: plain.to_job(name="another")}}

    with pytest.raises(Exception, match="Bad constructor for job .?plain.?: must return JobDefinition"):
        bad.get_job("plain")
    with pytest.raises(Exception, match="name in JobDefinition does not match"):
        bad.get_job("other")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Object mapped to one is not an instance"):

        @dg.repository
        def text():
            return {"jobs": {"one": "text"}}


def test_different_ops_of_one_name():
    """Names of ops and graphs are unique within a repository."""

    @dg.op(name="emit")
    def other(): ...

    @dg.job
    def first():
        emit()

    @dg.job
    def second():
        other()

    @dg.repository
    def twice():
        return [first, second]

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Conflicting definitions found in repository"):
        twice.get_all_jobs()


def test_jobs_that_are_not_there():
    """A schedule or sensor that starts an unknown job is refused with the repository."""

    @dg.schedule(cron_schedule="@daily", job_name="nowhere")
    def daily(): ...

    @dg.sensor(job_name="nowhere")
    def watching(): ...

    for one in (daily, watching):
        with pytest.raises(dg.DagsterInvalidDefinitionError, match='targets job "nowhere" which was not found'):
            dg.repository(name="r")(lambda one=one: [one])


def test_what_a_repository_lacks():
    """Missing resources and unknown assets are refused where the repository is declared, or when its jobs are asked."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="resource with key 'missing' required by op 'needy'"):
        dg.repository(name="r")(lambda: [wanting])
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="resource with key 'missing' required by op 'needy'"):
        dg.repository(name="r")(lambda: {"jobs": {"wanting": wanting}})
    with pytest.raises(dg.DagsterInvalidSubsetError):
        dg.repository(name="r")(lambda: {"jobs": {"one": dg.define_asset_job("one", selection="nowhere")}})

    @dg.asset(required_resource_keys={"missing"})
    def wants(): ...

    made = dg.repository(name="r")(lambda: [wants])
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="resource with key 'missing' required by op 'wants'"):
        made.get_all_jobs()


def test_lists_are_one_deep():
    """A list in the list may hold what one call gave; deeper ones are a mistake."""

    @dg.asset
    def one(): ...

    assert len(dg.repository(name="r")(lambda: [[one]]).get_all_jobs()) == 1
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Bad return value from repository"):
        dg.repository(name="r")(lambda: [[[one]]])


def test_one_graph_listed_and_targeted():
    """A sensor may start the graph that the repository lists, but not another of its name."""
    job, other = plain.to_job(name="same"), dg.GraphDefinition("other", node_defs=[emit]).to_job(name="same")

    @dg.sensor(job=plain)
    def of_graph(): ...

    @dg.sensor(job=other)
    def of_other(): ...

    assert len(dg.repository(name="r")(lambda: [plain, of_graph]).get_all_jobs()) == 1
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="sensor 'of_other' targets job 'same', but a different"):
        dg.repository(name="r")(lambda: [job, of_other])


def test_a_repository_can_be_called():
    """It gives itself."""
    made = dg.repository(name="r")(lambda: [plain])
    assert made().name == "r"


def test_targets_belong_to_the_definitions():
    """Assets that only a sensor or schedule names are assets of the code location."""

    @dg.asset
    def watched():
        return 1

    @dg.asset
    def dated(): ...

    @dg.sensor(target=watched)
    def watching(): ...

    @dg.schedule(cron_schedule="@daily", target=[dated])
    def daily(): ...

    defs = dg.Definitions(sensors=[watching], schedules=[daily], jobs=[dg.define_asset_job("own", selection=[watched])])

    assert {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()} == {"watched", "dated"}
    assert defs.resolve_job_def("own").execute_in_process().output_for_node("watched") == 1


def test_what_is_listed_twice_counts_once():
    """The same object again is no second asset."""
    spec = dg.AssetSpec("outside")

    @dg.asset
    def made(): ...

    defs = dg.Definitions(assets=[spec, spec, made, made])

    found = defs.resolve_all_asset_specs()
    assert sorted(one.key.to_user_string() for one in found) == ["made", "outside"]
    assert {one.group_name for one in found} == {"default"}


def test_loggers_have_keys_and_are_loggers():
    """Anything else is refused at once."""

    @dg.logger
    def quiet(_): ...

    with pytest.raises(Exception, match="text"):
        dg.Definitions(loggers={"one": "text"})
    with pytest.raises(Exception, match="1"):
        dg.Definitions(loggers={1: quiet})


def test_a_schedule_of_a_job_that_is_made_when_asked_for():
    """A dict may give a job as a function and a schedule that starts the same job."""

    @dg.op
    def nothing(): ...

    @dg.job
    def nightly():
        nothing()

    @dg.schedule(cron_schedule="@daily", job=nightly)
    def each_night(): ...

    @dg.repository
    def declared():
        return {"jobs": {"nightly": lambda: nightly}, "schedules": {"each_night": each_night}}

    assert declared.get_job("nightly").execute_in_process().success
    assert [one.name for one in declared.schedule_defs] == ["each_night"]


def test_a_sensor_of_several_jobs_is_loaded():
    """Definitions with a sensor that may start one of two jobs are loadable; a schedule of an unknown job is not."""

    @dg.op
    def nothing(): ...

    @dg.job
    def first():
        nothing()

    @dg.job
    def second():
        nothing()

    @dg.sensor(jobs=[first, second])
    def chooses():
        yield dg.RunRequest(job_name="second")

    defs = dg.Definitions(jobs=[first, second], sensors=[chooses])
    dg.Definitions.validate_loadable(defs)
    assert defs.get_sensor_def("chooses").name == "chooses"

    lost = dg.ScheduleDefinition(job_name="frist", cron_schedule="@daily")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match='targets job "frist" which was not found'):
        dg.Definitions(jobs=[first], schedules=[lost]).get_repository_def()
