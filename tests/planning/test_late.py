"""Events that were stored and are read back, beside those that a run gave."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace

import pytest
from cellmill import Instance, asset, materialize
from cellmill.instance import wire
from cellmill.planning.event import Event, EventType, LoadedInputData


@asset
def orders() -> int:
    return 3


@asset
def doubled(orders: int) -> int:
    return 2 * orders


@pytest.fixture
def both() -> tuple[list[Event], Callable[[], list[Event]]]:
    """The events of a run as its result has them, and what reads them back anew."""
    instance = Instance.ephemeral()
    result = materialize([orders, doubled], instance=instance)
    made = [one for one in result.all_events if one.data is not None]
    return made, lambda: [one for one in instance.all_logs(result.run_id) if one.type in {each.type for each in made}]


def test_what_is_read_back_equals_what_was_written(both: tuple[list[Event], Callable[[], list[Event]]]) -> None:
    """Whichever of the two is asked, and whether or not the payload was looked at before."""
    made, read = both
    stored = {(one.type, one.step_key, one.message): one for one in read() if one.data is not None}
    for one in made:
        twin = stored[one.type, one.step_key, one.message]
        assert one == twin
        assert twin == one
    assert read() == read()
    assert not read()[0] != read()[0]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_of_a_stored_event_are_events(
    both: tuple[list[Event], Callable[[], list[Event]]], again: Callable[[Event], Event]
) -> None:
    """A copy carries the payload, though nobody had looked at it."""
    _, read = both
    for one in read():
        made = again(one)
        assert type(made) is Event
        assert made == one
        assert made.data == one.data


def test_a_stored_event_is_an_event_like_any_other(both: tuple[list[Event], Callable[[], list[Event]]]) -> None:
    """It cannot be changed, has no attributes but its own, and gives rise to changed ones."""
    _, read = both
    one = read()[0]
    with pytest.raises(FrozenInstanceError):
        one.message = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="'Event' object has no attribute 'mesage'"):
        _ = one.mesage  # type: ignore[attr-defined]
    assert replace(read()[0], message="other").data == one.data
    assert replace(read()[0], data=None).data is None
    assert repr(read()[0]) == repr(one)


def test_a_new_event_cannot_be_changed() -> None:
    """Neither an event nor its payload."""
    data = LoadedInputData("orders", "io_manager")
    event = Event(EventType.LOADED_INPUT, "run", 1.0, data=data)
    with pytest.raises(FrozenInstanceError):
        event.run_id = "other"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        data.input_name = "other"  # type: ignore[misc]


def test_what_is_no_text_though_it_should_be_is_stored() -> None:
    """A wrong value in a payload is kept as what it is; nothing is lost for it."""
    wrong = LoadedInputData(7, "io_manager")  # type: ignore[arg-type]
    assert wire.loads(wire.dumps(wrong)) == wrong
