"""`%%asset` in a real shell: values, names, errors, and what is stored."""

from __future__ import annotations

import pytest
from cellmill.definitions.asset_key import AssetKey

from .conftest import Notebook


def test_last_expression_is_value_and_shown(nb: Notebook) -> None:
    """The value of a cell is its last expression: shown, bound, stored, one status line."""
    result = nb.ok("%%asset a\n20 + 1")

    assert result.value == 21
    assert nb.names["a"] == 21
    assert "✓ a · int" in result.printed
    assert nb.session.load_value(AssetKey("a")) == 21


def test_variable_of_the_name_is_value(nb: Notebook) -> None:
    """The variable that bears the asset's name is the value; the last expression is only shown."""
    result = nb.ok("%%asset a\na = [1, 2, 3]\nlen(a)")

    assert result.value == 3
    assert nb.names["a"] == [1, 2, 3]


def test_locals_stay_local(nb: Notebook) -> None:
    """Only the asset's name is bound in the notebook."""
    nb.ok("%%asset a\ninner = 5\ninner * 2")

    assert "inner" not in nb.names


def test_comment_form(nb: Notebook) -> None:
    """`#| asset` is the magic, over several header lines too."""
    nb.ok("#| asset a --group g\n# | --tags x=y\n41 + 1")

    assert nb.names["a"] == 42
    assert nb.session.registry.find(AssetKey("a")).header.text("group_name") == "g"  # type: ignore[union-attr]


def test_several_names(nb: Notebook) -> None:
    """Several names are several assets."""
    nb.ok("%%asset p q\np = 1\nq = 2")
    nb.ok("%%asset r s\n3, 4")

    assert [nb.names[name] for name in "pqrs"] == [1, 2, 3, 4]
    assert nb.session.load_value(AssetKey("s")) == 4


def test_upstream_from_namespace_and_from_store(nb: Notebook) -> None:
    """An upstream comes from the namespace while current, and from the store in a new kernel."""
    nb.ok("%%asset a\n[1]")
    nb.ok("%%asset b\na + [2]")
    del nb.names["a"]
    nb.session.values.known.clear()

    assert nb.ok("%%asset b\na + [2]").value == [1, 2]
    assert nb.names["a"] == [1]


def test_upstream_rebound_by_a_plain_cell(nb: Notebook) -> None:
    """A plain cell that binds an asset's name anew does not change what downstream gets."""
    nb.ok("%%asset a\n1")
    nb.ok("a = 100")

    assert nb.ok("%%asset b\na + 1").value == 2


def test_body_may_rebind_its_upstream(nb: Notebook) -> None:
    """A body may rebind the name of what it reads; the upstream keeps its value."""
    nb.ok("%%asset a\n[1, 2]")
    nb.ok("%%asset b\na = a + [3]\na")

    assert (nb.names["b"], nb.names["a"]) == ([1, 2, 3], [1, 2])


def test_body_may_rebind_a_plain_name(nb: Notebook) -> None:
    """A body may read a plain name and rebind it, locally."""
    nb.ok("k = 1")
    nb.ok("%%asset a\nk = k + 1\nk")

    assert (nb.names["a"], nb.names["k"]) == (2, 1)


def test_helper_reads_an_asset(nb: Notebook) -> None:
    """An asset that a helper reads is upstream, and is there when the helper runs."""
    nb.ok("%%asset a\n5")
    nb.ok("def h():\n    return a * 2")
    del nb.names["a"]
    nb.session.values.known.clear()

    assert nb.ok("%%asset b\nh()").value == 10


def test_missing_upstream_names_the_remedy(nb: Notebook) -> None:
    """An upstream that was never made is an error that says which magic makes it."""
    nb.save(one="%%asset a\n1", two="%%asset b\na")
    result = nb.run("%%asset b\na", "two")

    assert type(result.error).__name__ == "MissingUpstreamError"
    assert "%materialize a" in str(result.error) and "cell 1" in str(result.error)
    assert "Traceback" not in result.printed


def test_traceback_shows_only_own_lines(nb: Notebook) -> None:
    """A traceback shows the cell's lines, with their numbers, and none of ours."""
    result = nb.run("%%asset a\nx = 1\nx / 0")

    assert isinstance(result.error, ZeroDivisionError)
    assert "----> 3 x / 0" in result.printed
    assert "cellmill" not in result.printed


def test_verbose_traceback_shows_ours(nb: Notebook) -> None:
    """With %cellmill verbose on, tracebacks show every line."""
    nb.ok("%cellmill verbose on")

    assert "body.py" in nb.run("%%asset a\n1 / 0").printed


def test_failure_keeps_the_old_value(nb: Notebook) -> None:
    """A failed cell leaves what was stored as it was."""
    nb.ok("%%asset a\n1", "c")
    nb.run("%%asset a\n1 / 0", "c")

    assert nb.session.load_value(AssetKey("a")) == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("%%asset a --gruop x\n1", "Did you mean --group?"),
        ("%%asset\nf()", "has no name"),
        ("%%asset a\nx = (", "was never closed"),
        ("%%asset a\na + 1", "reads itself"),
    ],
)
def test_mistakes_teach(nb: Notebook, source: str, words: str) -> None:
    """A mistake in a header or body is an error without our lines."""
    result = nb.run(source)

    assert words in str(result.error)


def test_syntax_in_bodies(nb: Notebook) -> None:
    """Shell lines, %time and top-level await work inside a body."""
    nb.ok("%%asset shell\nfiles = !echo hello\nlist(files)")
    timed = nb.ok("%%asset timed\n%time x = 20\nx + 1")
    nb.ok("%%asset awaited\nimport asyncio\nawait asyncio.sleep(0)\n7")

    assert nb.names["shell"] == ["hello"]
    assert nb.names["timed"] == 21 and "Wall time" in timed.printed
    assert nb.names["awaited"] == 7


def test_checks_are_evaluated(nb: Notebook) -> None:
    """--check conditions are evaluated, recorded and shown; a failed one does not undo the value."""
    result = nb.ok('%%asset a --check "len(a) == 2" --check "a[0] > 5"\n[1, 2]')

    assert "✓ check len(a) == 2" in result.printed
    assert "✗ check a[0] > 5" in result.printed
    assert nb.names["a"] == [1, 2]


def test_context_is_given(nb: Notebook) -> None:
    """`context` is the execution context."""
    nb.ok("%%asset a\ncontext.add_output_metadata({'mine': 3})\ncontext.asset_key.to_user_string()")

    assert nb.names["a"] == "a"
    event = nb.session.instance.get_latest_materialization_event(AssetKey("a"))
    assert event.asset_materialization.metadata["mine"].value == 3


def test_partitions(nb: Notebook) -> None:
    """A partitioned asset is made for a partition with %materialize."""
    nb.ok("%load_ext cellmill")
    nb.save(one="%%asset a --partitions static:x,y\ncontext.partition_key * 2")
    nb.run("1", "zero")
    nb.session.live.file = nb.folder / "book.ipynb"
    nb.ok("%materialize a --partition x")

    assert nb.session.load_value(AssetKey("a"), "x") == "xx"


def test_key_prefix(nb: Notebook) -> None:
    """A prefixed asset is bound to its last name."""
    nb.ok("%%asset raw/flights\n[1]")

    assert nb.names["flights"] == [1]
    assert nb.session.load_value(AssetKey(["raw", "flights"])) == [1]


def test_op_cell(nb: Notebook) -> None:
    """`%%op` defines an op whose inputs are the names that nothing binds."""
    nb.ok("K = 10")
    nb.ok("%%op times\nvalue * K")

    assert [one.name for one in nb.names["times"].input_defs] == ["value"]


def test_check_cell(nb: Notebook) -> None:
    """`%%check` evaluates now and records the outcome."""
    nb.ok("%%asset a\n[1, 2]")

    assert "✓ check long of a passed" in nb.ok("%%check long --asset a\nlen(a) == 2").printed
    assert "✗ check short of a failed" in nb.ok("%%check short --asset a\nlen(a) == 3").printed


def test_custom_io_manager(nb: Notebook) -> None:
    """A resource of the notebook's Definitions stores and loads the value."""
    nb.ok(
        "from cellmill import Definitions, IOManager\nkept = {}\n"
        "class Mine(IOManager):\n"
        "    def handle_output(self, context, obj):\n        kept[context.asset_key] = obj\n"
        "    def load_input(self, context):\n        return kept[context.asset_key]\n"
        "defs = Definitions(resources={'mine': Mine()})"
    )
    nb.ok("%%asset a --io-manager mine\n3")

    assert nb.names["kept"] == {AssetKey("a"): 3}
    del nb.names["a"]
    nb.session.values.known.clear()
    assert nb.ok("%%asset b\na + 1").value == 4


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("%%asset a\n# nothing but a comment", "this %%asset cell has no body"),
        ("%%asset a", "this %%asset cell has no body"),
        ("#| asset a", "this %%asset cell has no body"),
        ("%%sensor s", "this %%sensor cell has no body"),
        ("%%asset a\n%%bash\nls", "%%bash cannot stand in it"),
        ("%%asset a\n_ + 1", "IPython's own memory of what was shown last"),
        ("%%asset a\nOut[1]", "Give the value a name in the cell that makes it"),
        ("%%asset a\nfrom math import *\nsqrt(4)", "import * only allowed at module level"),
        ("%%asset a\n(n for n in [1])", "cannot pickle 'generator' object"),
        ("%%asset a\nyield 1", "must be wrapped"),
    ],
)
def test_bodies_that_give_no_value_are_refused(nb: Notebook, source: str, words: str) -> None:
    """A body that is empty, foreign, or gives what cannot be kept is an error that says so; nothing is made."""
    result = nb.run(source)

    assert words in str(result.error)
    assert nb.session.instance.get_latest_materialization_event(AssetKey("a")) is None


def test_a_body_may_yield_events(nb: Notebook) -> None:
    """A body that yields gives events, as an asset's function does; the value is bound and has its status line."""
    result = nb.ok("%%asset a\nfrom cellmill import Output\nyield Output([1], metadata={'mine': 3})")

    assert nb.names["a"] == [1]
    assert "✓ a · list of 1" in result.printed


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["%%asset list\n[1]"], "'list' is a builtin too"),
        (["import math", "%%asset math\n3"], "'math' is imported in cell 2, line 1 too"),
        (["%%asset a\nfor i in 'xy':\n    globals()['n' + i] = 1\n5"], "does not show; they are unknown until it runs"),
        (["%%asset a\nexec(''.join(['p', 'ass']))\n5"], "does not show; they are unknown until it runs"),
        (["for n in 'xy':\n    get_ipython().run_cell_magic('asset', n, '1')"], "%%asset y was made by code"),
    ],
)
def test_what_the_text_does_not_show_is_said(nb: Notebook, cells: list[str], words: str) -> None:
    """Shadowed names, code that hides names and assets made in a loop work, and are never without a word."""
    shown = [nb.ok(source, f"c{number}").printed for number, source in enumerate(["1", *cells])]

    assert words in shown[-1]


def test_assets_made_in_a_loop_are_kept_apart(nb: Notebook) -> None:
    """Code that runs the magic several times makes several assets, and its own cell stays a plain one."""
    nb.ok("for n in 'xy':\n    get_ipython().run_cell_magic('asset', n, f'{n!r}')", "loop")

    assert {key.to_user_string() for key in nb.session.registry.assets()} == {"x", "y"}
    assert nb.session.live.ran["loop"].source.startswith("for n")


def test_a_name_in_deps_that_nothing_makes_is_said(nb: Notebook) -> None:
    """It may be made elsewhere, or be a mistake: the cell runs, and its line below names the nearest asset, once."""
    nb.ok("%%asset orders\n1", "one")
    said = nb.ok("%%asset report --deps ordrs\n2", "two").printed

    assert "report: --deps names 'ordrs', which nothing here makes; did you mean 'orders'?" in said
    assert "nothing here makes" not in nb.ok("%%asset report --deps ordrs\n3", "two").printed
    assert "nothing here makes" not in nb.ok("%%asset report --deps orders\n4", "two").printed
