"""Hidden state is said where it is read: names whose cell is gone, edited, or stands below."""

from __future__ import annotations

import pytest

from .conftest import Notebook


@pytest.fixture
def book(nb: Notebook) -> Notebook:
    """A saved notebook whose cells all ran."""
    cells = {"k": "K = 1", "one": "%%asset one\nK", "read": "print(K)", "gone": "Z = 1"}
    nb.save(**cells)
    for name, source in cells.items():
        nb.ok(source, name)
    return nb


def test_nothing_is_said_of_a_notebook_in_order(book: Notebook) -> None:
    """Reading names of cells above, of modules and of assets says nothing."""
    assert "⚠" not in book.ok("print(K, one, len('x'))", "read").printed


def test_a_name_of_a_deleted_cell(book: Notebook) -> None:
    """A name that only the kernel remembers is said by plain cells and by asset cells, with what to do."""
    book.save(k="K = 1", one="%%asset one\nK", read="print(Z)")
    plain = book.ok("print(Z)", "read").printed
    asset = book.ok("%%asset two\nZ", "two").printed

    assert "⚠ line 1 reads Z, which no cell defines any more: only this kernel still has it" in plain
    assert "nothing defines 'Z'" in asset


def test_a_name_whose_cell_was_edited_and_not_run(book: Notebook) -> None:
    """A saved edit that did not run yet is said where the old value is read."""
    book.save(k="K = 2", one="%%asset one\nK", read="print(K)", gone="Z = 1")
    said = book.ok("print(K)", "read").printed

    assert "⚠ line 1 reads K, and cell 1, which defines it, was edited but not run again. Run cell 1." in said
    book.ok("K = 2", "k")
    assert "⚠" not in book.ok("print(K + 0)", "read").printed


def test_a_name_that_its_cell_no_longer_binds(book: Notebook) -> None:
    """A cell that ran again without binding the name leaves hidden state behind."""
    book.ok("Y = 1", "gone")

    assert "which no cell defines any more" in book.ok("print(Z)", "read").printed


def test_a_name_of_a_cell_below(book: Notebook) -> None:
    """What only a cell below defines would not be there from top to bottom."""
    assert "which only cell 4 below defines" in book.ok("print(Z)", "read").printed


@pytest.mark.parametrize("opener", ["globals().update(values)", "exec(text)", "%store -r"])
def test_unknown_names_are_not_accused(book: Notebook, opener: str) -> None:
    """Where a cell may bind any name, no name is called undefined."""
    book.names.update(values={"W": 1}, text="W = 1")
    book.run(opener, "open")
    book.names["W"] = 1

    assert "no cell defines" not in book.ok("print(W)", "read").printed


def test_names_that_were_there_before_are_not_accused(bare: Notebook) -> None:
    """What ran before `%load_ext` is not known, and so not accused."""
    bare.ok("early = 1")
    bare.ok("%load_ext cellmill")
    bare.ok("%%asset a\n1")

    assert "⚠" not in bare.ok("print(early)").printed


def test_audit_lists_hidden_reads(book: Notebook) -> None:
    """%audit has every read of hidden state with its remedy."""
    book.save(k="K = 1", one="%%asset one\nK", read="print(Z)")
    book.ok("print(Z)", "read")

    assert "hidden state" in repr(book.ok("%audit").value)
    assert "Define Z in a cell above" in repr(book.ok("%audit").value)
