"""The examples in the docstrings of the public names are true."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from types import ModuleType

import cellmill
import pytest


def examples() -> Iterator[doctest.DocTest]:
    """The examples of each public name and of its methods; each sees what its module sees."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    seen: set[int] = set()
    for name in cellmill.__all__:
        value = getattr(cellmill, name)
        if isinstance(value, ModuleType) or not (isinstance(value, type) or hasattr(value, "__code__")):
            continue
        if id(value) not in seen:
            seen.add(id(value))
            names = vars(cellmill) | {public: getattr(cellmill, public) for public in cellmill.__all__}
            yield from (test for test in finder.find(value, name, module=False, globs=names) if test.examples)


FOUND = {test.name: test for test in examples()}


def test_there_are_examples() -> None:
    """The names that users meet first show one."""
    assert {"asset", "multi_asset", "AssetSpec", "Field"} <= FOUND.keys()


@pytest.mark.parametrize("name", sorted(FOUND))
def test_an_example_is_true(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What the docstring says is printed is what is printed."""
    monkeypatch.chdir(tmp_path_factory.mktemp("examples"))
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    test = FOUND[name]
    result = runner.run(test, out=said.append)

    assert result.attempted == len(test.examples)
    assert 0 == result.failed, "".join(said)
