"""The session follows the notebook: cells edited, renamed, deleted, moved, copied; values kept and loaded."""

from __future__ import annotations

import os
import time

from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.problem import AssetCycleError
from cellmill_kernel.session import end_session
from cellmill_kernel.states import states_of

from tests.waiting import until
from tests.workspace.notebooks import write_notebook

from .conftest import Notebook

A, B = AssetKey("a"), AssetKey("b")


def state(nb: Notebook, name: str) -> str:
    """The state of an asset."""
    nb.session.refresh(force=True)
    return states_of(nb.session)[AssetKey(name)].state


def test_edit_makes_downstream_stale(nb: Notebook) -> None:
    """Running an edited cell makes its asset new and what is below it stale."""
    nb.ok("%%asset a\n1", "a")
    nb.ok("%%asset b\na + 1", "b")
    assert state(nb, "b") == "fresh"
    nb.ok("%%asset a\n2", "a")

    assert (state(nb, "a"), state(nb, "b")) == ("fresh", "stale")


def test_plain_edit_makes_stale_at_once(nb: Notebook) -> None:
    """Running an edited plain cell makes the assets stale that need it, at once."""
    nb.ok("K = 1", "k")
    nb.ok("%%asset a\nK", "a")
    nb.ok("K = 2", "k")

    assert state(nb, "a") == "stale"


def test_same_result_keeps_downstream_fresh(nb: Notebook) -> None:
    """A new definition with the same result leaves what is below fresh."""
    nb.ok("%%asset a\n2", "a")
    nb.ok("%%asset b\na + 1", "b")
    nb.ok("%%asset a\n1 + 1", "a")

    assert state(nb, "b") == "fresh"


def test_rename_replaces_the_definition(nb: Notebook) -> None:
    """A cell that is renamed no longer defines its old asset."""
    nb.ok("%%asset a\n1", "one")
    nb.ok("%%asset b\n1", "one")

    assert set(nb.session.registry.assets()) == {B}


def test_rerun_does_not_duplicate(nb: Notebook) -> None:
    """Running a cell again replaces its definition."""
    for _ in range(3):
        nb.ok("%%asset a\n1", "one")

    assert list(nb.session.registry.assets()) == [A]
    assert not nb.session.registry.whole().problems


def test_loading_again_registers_no_hook_twice(nb: Notebook) -> None:
    """However often the extension is loaded, each event of the shell has as many listeners as before."""

    def hooks() -> dict[str, int]:
        found = {name: len(callbacks) for name, callbacks in nb.shell.events.callbacks.items()}
        return {**found, "transformers": len(nb.shell.input_transformers_cleanup)}

    before = hooks()
    for _ in range(3):
        nb.ok("%load_ext cellmill")
        nb.ok("%reload_ext cellmill")
    nb.ok("%%asset a\n1", "one")

    assert hooks() == before
    assert list(nb.session.registry.assets()) == [A]


def test_copied_cell_is_an_error(nb: Notebook) -> None:
    """A copy of a cell under another id is an error that names the first."""
    nb.ok("%%asset a\n1", "one")
    result = nb.run("%%asset a\n2", "two")

    assert "also made by" in str(result.error)
    assert nb.session.load_value(A) == 1


def test_a_copy_that_was_never_saved_is_forgotten(nb: Notebook) -> None:
    """A copied cell that ran and was deleted before the next save stands in nobody's way."""
    nb.save(one="%%asset a\n1")
    nb.ok("%%asset a\n1", "one")
    assert "also made by" in str(nb.run("%%asset a\n1", "copy").error)
    path = nb.save(one="%%asset a\n1")
    later = time.time() + 10
    os.utime(path, (later, later))

    nb.ok("%%asset a\n1", "one")
    assert set(nb.session.live.ran) == {"one"}


def test_deleted_cell_is_forgotten(nb: Notebook) -> None:
    """A cell that is gone from the saved notebook no longer counts."""
    nb.save(one="%%asset a\n1", two="%%asset b\n1")
    nb.ok("%%asset a\n1", "one")
    nb.ok("%%asset b\n1", "two")
    nb.save(two="%%asset b\n1")
    nb.session.refresh(force=True)

    assert set(nb.session.registry.assets()) == {B}
    nb.ok("%%asset a\n5", "three")


def test_moved_cells_keep_their_order_by_the_file(nb: Notebook) -> None:
    """Document order is the file's: a plain cell moved below no longer feeds the asset."""
    nb.save(k="K = 1", a="%%asset a\nK")
    nb.ok("K = 1", "k")
    nb.ok("%%asset a\nK", "a")
    nb.save(a="%%asset a\nK", k="K = 1")
    result = nb.run("%%asset a\nK", "a")

    assert "stands below" in str(result.error)


def test_edited_but_not_run_is_said(nb: Notebook) -> None:
    """A plain cell that was saved with another text than ran is pointed out, once."""
    nb.save(k="K = 1", a="%%asset a\nK")
    nb.ok("K = 1", "k")
    nb.ok("%%asset a\nK", "a")
    nb.save(k="K = 2", a="%%asset a\nK")

    assert "cell 1 was edited but not run again" in nb.ok("%%asset a\nK", "a").printed
    assert "edited" not in nb.ok("%%asset a\nK", "a").printed


def test_new_kernel_loads_instead_of_computing(nb: Notebook) -> None:
    """In a new session the stored value is loaded, also before a plain cell that reads it."""
    nb.save(a="%%asset a\n[1, 2]", p="total = sum(a)")
    nb.ok("%%asset a\n[1, 2]", "a")
    end_session()
    nb.shell._cellmill_hooks = None
    nb.shell.reset(new_session=False)
    nb.shell.events.callbacks["pre_run_cell"].clear()
    nb.shell.events.callbacks["post_run_cell"].clear()
    nb.ok("%reload_ext cellmill")
    nb.ok("total = sum(a)", "p")

    assert nb.names["total"] == 3


def test_asset_of_another_notebook(nb: Notebook) -> None:
    """An asset of another notebook of the workspace is known by its file."""
    nb.save(one="%load_ext cellmill", two="%%asset a\n1")
    (nb.folder / "book.ipynb").rename(nb.folder / "other.ipynb")
    result = nb.run("%%asset b\na + 1")

    assert "%materialize a" in str(result.error)


def test_an_edit_of_another_notebook_is_seen_in_a_live_kernel(nb: Notebook) -> None:
    """What is saved beside a notebook is known to its kernel soon, without asking, by the system's word too."""

    def others() -> set[str]:
        nb.session.refresh()
        return {entry.name for entry in nb.session.other_entries()}

    nb.ok("%%asset here\n1", "c0")
    write_notebook(nb.folder / "beside.ipynb", "%load_ext cellmill", "%%asset there\n2")
    until(lambda: "there" in others())
    until(lambda: bool(others()) and nb.session.workspace.watches)
    write_notebook(nb.folder / "beside.ipynb", "%load_ext cellmill", "%%asset elsewhere\n2")
    until(lambda: others() == {"elsewhere"})


def test_listeners_hear_of_changes(nb: Notebook) -> None:
    """What was made is told to listeners."""
    heard: list[frozenset[AssetKey]] = []
    nb.session.listeners.append(heard.append)
    nb.ok("%%asset a\n1")

    assert frozenset({A}) in heard


def test_unload_takes_everything_away(nb: Notebook) -> None:
    """%unload_ext removes hooks and the transformer."""
    nb.ok("%unload_ext cellmill")

    assert nb.ok("#| asset a\n1 + 1").value == 2
    assert "a" not in nb.names


def test_undefined_name_is_noted(nb: Notebook) -> None:
    """A name that nothing defines is pointed out beside Python's own error."""
    assert "nothing defines 'strange'" in nb.run("%%asset a\nstrange").printed


def test_assets_of_a_loop_in_a_live_kernel(nb: Notebook) -> None:
    """What a loop or a list has made is known by its key: asset cells read it, and %materialize makes it."""
    nb.ok("from cellmill import asset", "c0")
    nb.ok("for name in ['alpha', 'beta']:\n    @asset(name=name)\n    def made():\n        return 2", "c1")
    nb.ok(
        "def make(name):\n    @asset(name=name)\n    def inner():\n        return 3\n    return inner\n"
        "listed = [make('gamma')]",
        "c2",
    )
    nb.ok('%materialize key:"alpha" or key:"beta" or key:"gamma"', "c3")
    total = nb.ok("%%asset total\nalpha + beta + gamma", "c4")

    assert total.value == 7
    assert {key.to_user_string() for key in nb.session.registry.assets()} == {"alpha", "beta", "gamma", "total"}
    nb.ok("for name in ['delta']:\n    @asset(name=name)\n    def made():\n        return 2", "c1")
    assert "beta" not in {key.to_user_string() for key in nb.session.registry.assets()}


def test_plain_cells_have_a_context(nb: Notebook) -> None:
    """It says that no run executes the cell, is no name of the notebook, comes back, and gives way to its own."""
    assert nb.ok("context.is_interactive, context.partition_key").value == (True, None)
    assert nb.ok("(context.scheduled_execution_time.tzinfo is not None)").value
    assert "context" not in nb.ok("%who").printed and not nb.session.made_here("context")
    assert nb.ok("%%asset a\ncontext.asset_key.to_user_string()", "a").value == "a"
    nb.ok("del context")
    assert nb.ok("context.is_interactive").value

    nb.ok("context = 7", "own")

    assert nb.ok("%load_ext cellmill\ncontext").value == 7
    assert nb.session.made_here("context") and "context" in nb.ok("%who").printed


def test_a_circle_over_two_notebooks_is_named(nb: Notebook) -> None:
    """An upstream that needs, through another notebook, what is made here: the circle is said, not what to make."""
    write_notebook(nb.folder / "other.ipynb", "%%asset b\na + 1")
    nb.save(a="%%asset a\nb + 1")
    nb.session.refresh(force=True)
    error = nb.run("%%asset a\nb + 1", "a").error
    assert isinstance(error, AssetCycleError) and "a → b → a" in str(error)


def test_a_circle_of_two_cells_is_named(nb: Notebook) -> None:
    """The first cell finds nothing of that name; the second closes the circle."""
    nb.run("%%asset one\ntwo", "one")
    error = nb.run("%%asset two\none", "two").error
    assert isinstance(error, AssetCycleError) and "two → one → two" in str(error)
