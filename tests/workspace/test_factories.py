"""Which names of a workspace's modules make assets when they are called."""

from __future__ import annotations

from cellmill.workspace.factories import factory_names

from tests.work import calls

FACTORY = """
from cellmill import asset

def make_{number}(name):
    @asset(name=name)
    def made():
        return 1
    return made
"""


def test_names_are_followed_through_modules() -> None:
    """Another name, a function around it and a class of such methods are factories; what they made is not."""
    modules = [
        FACTORY.format(number=1),
        "from one import make_1 as build\n\ndef around(name):\n    return build(name)\n\nmade = build('x')\n",
        "from two import around\n\nclass Maker:\n    def all(self):\n        return [around('a')]\n\nshort = around\n",
        "def unrelated():\n    return 1\n",
    ]

    assert factory_names(modules) == {"make_1", "build", "around", "Maker", "short"}


def test_modules_are_looked_at_in_proportion_to_their_number() -> None:
    """Ten times the modules are ten times the work: each is parsed once, however often names lead on."""

    def work(count: int) -> int:
        makers = [FACTORY.format(number=number) for number in range(count)]
        users = [f"from m import make_{n}\n\ndef user_{n}():\n    return make_{n}('x')\n" for n in range(count)]
        return calls(lambda: factory_names([*makers, *users, *makers]))

    assert work(200) < 12 * work(20)
