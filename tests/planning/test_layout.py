"""Where assets are drawn."""

from __future__ import annotations

from cellmill.planning.layout import lay_out


def test_a_node_stands_right_of_all_that_it_comes_from() -> None:
    """Columns follow the edges; a source stands beside its first reader."""
    edges = [("a", "b"), ("b", "c"), ("late", "c")]
    places = lay_out(["a", "b", "c", "late"], edges)
    assert [places[name][0] for name in ("a", "b", "c", "late")] == [0, 1, 2, 1]
    assert len(set(places.values())) == 4


def test_a_circle_is_drawn_too() -> None:
    """The edge that would lead back is ignored."""
    places = lay_out(["a", "b"], [("a", "b"), ("b", "a")])
    assert places["a"][0] < places["b"][0]


def test_many_small_parts_make_a_picture_of_a_screens_shape() -> None:
    """Four hundred chains of five do not make a tower: no two nodes meet, and width and height are alike."""
    nodes = [f"n{i}" for i in range(2000)]
    edges = [(f"n{i}", f"n{i + 1}") for i in range(1999) if i % 5 != 4]
    places = lay_out(nodes, edges)
    assert len(set(places.values())) == len(nodes)
    width = 4 * (1 + max(x for x, _ in places.values()))
    height = 1 + max(y for _, y in places.values())
    assert 1 < width / height < 3


def test_no_node_makes_an_empty_picture() -> None:
    """Nothing to draw is not a mistake."""
    assert lay_out([], []) == {}
