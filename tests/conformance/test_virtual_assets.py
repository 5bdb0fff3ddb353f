"""Virtual assets: not stored by themselves, as views are not; what reads them looks at what is behind them."""

import warnings

import pytest

from tests.conformance.api import dg

Condition = dg.AutomationCondition


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def view(name, *deps):
    """Return a virtual asset."""

    @dg.asset(name=name, deps=list(deps), is_virtual=True)
    def seen():
        return None

    return seen


def table(name, *deps, condition=None):
    """Return an asset with data of its own."""

    @dg.asset(name=name, deps=list(deps), automation_condition=condition)
    def stored():
        return None

    return stored


def requests(assets, *updates):
    """Return how many assets are requested at first and after each of the updates."""
    instance = dg.DagsterInstance.ephemeral()
    result = dg.evaluate_automation_conditions(assets, instance)
    found = [result.total_requested]
    for name in updates:
        instance.report_runless_asset_event(dg.AssetMaterialization(name))
        result = dg.evaluate_automation_conditions(assets, instance, cursor=result.cursor)
        found.append(result.total_requested)
    return found


def chain(condition):
    """Return a stored asset, two views behind one another, and an asset that reads the last."""
    return [table("a"), view("b", "a"), view("c", "b"), table("d", "c", condition=condition)]


@pytest.mark.parametrize("declared", [dg.AssetSpec("v", is_virtual=True), dg.AssetOut(is_virtual=True)])
def test_specs_and_outputs_say_it(declared):
    """A spec and an output of a multi-asset may be virtual."""
    assert declared.is_virtual
    assert not dg.AssetSpec("v").is_virtual
    assert not dg.AssetSpec("v", is_virtual=True).replace_attributes(is_virtual=False).is_virtual


def test_definitions_say_it():
    """The spec of a virtual asset is one, also where it is an output among others."""

    @dg.multi_asset(outs={"v": dg.AssetOut(is_virtual=True), "t": dg.AssetOut()})
    def both():
        return 1, 2

    assert view("v").get_asset_spec().is_virtual
    assert {spec.key.to_user_string(): spec.is_virtual for spec in both.specs} == {"v": True, "t": False}


def test_it_is_no_truth_value():
    """Something else than a truth value is refused."""
    with pytest.raises(Exception, match="is_virtual"):
        dg.AssetSpec("v", is_virtual=5)


def test_conditions_look_at_the_virtual_asset_itself():
    """Without further ado a virtual upstream is one like any other."""
    missing = Condition.any_deps_match(Condition.missing())
    assert requests(chain(missing), "a", "c") == [1, 1, 0]


@pytest.mark.parametrize("condition", [Condition.any_deps_match, Condition.all_deps_match])
def test_conditions_look_through(condition):
    """Asked to, conditions of upstreams look at what is behind virtual ones, however many there are in between."""
    looking = condition(Condition.missing()).resolve_through_virtual()
    assert requests(chain(looking), "a") == [1, 0]


def test_selections_are_of_what_is_behind():
    """What is allowed or ignored is chosen among the assets behind."""
    looking = Condition.any_deps_match(Condition.missing()).resolve_through_virtual()
    assert requests(chain(looking.allow(dg.AssetSelection.assets("a")))) == [1]
    assert requests(chain(looking.allow(dg.AssetSelection.assets("c")))) == [0]
    assert requests(chain(looking.ignore(dg.AssetSelection.assets("a")))) == [0]


def test_whole_policies_look_through():
    """A whole policy hands it on to its parts: eager makes the asset when what is behind the view was updated."""
    assets = chain(Condition.eager().resolve_through_virtual())
    assert requests(assets, "a", "d", "a") == [0, 1, 0, 1]
    assert requests(chain(Condition.eager()), "a") == [0, 0]


def test_it_is_taken_back():
    """False looks at virtual upstreams themselves again."""
    looking = Condition.any_deps_match(Condition.missing()).resolve_through_virtual()
    assert requests(chain(looking.resolve_through_virtual(False)), "a") == [1, 1]


def steps(defs, *selected):
    """Return the steps of a run of some assets, in the order in which they ended."""
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(asset_selection=[dg.AssetKey(name) for name in selected])
    return [event.step_key for event in result.all_events if event.is_step_success]


def test_a_run_keeps_the_order_through_what_it_leaves_out():
    """An asset waits for what is behind a virtual upstream that is not made with it."""
    # named and given so that nothing else brings them in order
    defs = dg.Definitions(assets=[table("a_reader", "v"), view("v", "w"), view("w", "z_source"), table("z_source")])
    assert steps(defs, "a_reader", "z_source") == ["z_source", "a_reader"]
    assert steps(defs, "a_reader") == ["a_reader"]


def test_a_virtual_asset_is_made_like_any_other():
    """Where it has a function, that runs."""
    defs = dg.Definitions(assets=[table("a"), view("v", "a"), table("b", "v")])
    assert steps(defs, "a", "v", "b") == ["a", "v", "b"]
