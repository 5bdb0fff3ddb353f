"""Staleness through virtual assets: what is behind them counts, and they are as fresh as that."""

from __future__ import annotations

import cellmill.dagster as dg
import pytest
from cellmill.planning.asset_graph import AssetGraph
from cellmill.planning.staleness import StaleCauseCategory, StaleStatus, decide_staleness
from cellmill.planning.staleness_facts import facts_of


def table(name, *deps, code_version=None):
    """Return an asset with data of its own."""

    @dg.asset(name=name, deps=list(deps), code_version=code_version)
    def stored():
        return 1

    return stored


def view(name, *deps, code_version=None):
    """Return a virtual asset."""

    @dg.asset(name=name, deps=list(deps), is_virtual=True, code_version=code_version)
    def seen():
        return 1

    return seen


class Place:
    """Definitions with an instance."""

    def __init__(self, *assets):
        self.instance = dg.DagsterInstance.ephemeral()
        self.define(*assets)

    def define(self, *assets):
        """Take other definitions from now on."""
        self.assets = list(assets)

    def make(self, *names):
        """Materialize assets one after the other."""
        for name in names:
            assert dg.materialize(self.assets, instance=self.instance, selection=[dg.AssetKey(name)]).success

    def decisions(self):
        """Return what is decided about each asset."""
        graph = AssetGraph.from_assets(dg.Definitions(assets=self.assets))
        found = decide_staleness(facts_of(graph), self.instance.asset_states())
        return {key.to_user_string(): decision for key, decision in found.items()}

    def status(self, name):
        """Return the status of an asset."""
        return self.decisions()[name].status


@pytest.fixture
def place():
    """Return a stored source, two views behind one another, and an asset that reads the last."""
    made = Place(table("source"), view("near", "source"), view("far", "near"), table("target", "far"))
    with made.instance:
        yield made


def test_a_view_is_there_as_soon_as_its_source(place):
    """Nobody needs to make it: it is missing like its source, and fresh as soon as that is there."""
    assert place.status("far") is StaleStatus.MISSING
    place.make("source")
    assert place.status("near") is place.status("far") is StaleStatus.FRESH
    place.make("source")
    assert place.status("far") is StaleStatus.FRESH


def test_newer_data_behind_a_view_make_its_reader_stale(place):
    """The reader is stale by what is behind, and the reason names that."""
    place.make("source", "target")
    assert place.status("target") is StaleStatus.FRESH
    place.make("source")
    found = place.decisions()["target"]
    assert found.status is StaleStatus.STALE
    assert [(cause.category, cause.key) for cause in found.causes] == [(StaleCauseCategory.DATA, dg.AssetKey("source"))]
    place.make("target")
    assert place.status("target") is StaleStatus.FRESH


def test_a_view_that_was_made_does_not_count(place):
    """Made by a run or not, before the reader or behind it: only what is behind the view has data."""
    place.make("source", "near", "far", "target")
    assert place.status("target") is StaleStatus.FRESH
    place.make("near", "far")
    assert place.status("target") is StaleStatus.FRESH
    place.make("source")
    assert place.status("target") is StaleStatus.STALE


def test_another_code_of_a_view_that_was_made_is_told_of_the_view():
    """It is stale by its code where it was made with another; its reader is not, since the data are the same."""
    reader = table("target", "seen")
    made = Place(table("source"), view("seen", "source", code_version="1"), reader)
    with made.instance:
        made.make("source", "seen", "target")
        made.define(table("source"), view("seen", "source", code_version="2"), reader)
        found = made.decisions()
        assert [cause.category for cause in found["seen"].causes] == [StaleCauseCategory.CODE]
        assert found["target"].status is StaleStatus.FRESH


def test_several_ways_through_views_are_one_graph():
    """Views with several upstreams lead to all of these, those too that are read directly besides."""
    made = Place(
        table("left"),
        table("right"),
        view("both", "left", "right"),
        view("one", "left"),
        table("reads_both", "both", "left"),
        table("reads_one", "one"),
    )
    with made.instance:
        made.make("left", "right", "reads_both", "reads_one")
        made.make("right")
        found = made.decisions()
        assert [cause.key for cause in found["reads_both"].causes] == [dg.AssetKey("right")]
        assert found["reads_one"].status is StaleStatus.FRESH
        made.make("left")
        assert made.status("reads_one") is StaleStatus.STALE
