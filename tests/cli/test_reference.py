"""The documentation of the command line is what the program says of itself."""

from __future__ import annotations

from pathlib import Path

from cellmill.cli.reference import reference


def test_reference_is_up_to_date() -> None:
    """Every command, argument and option is in docs/cli.md, word for word."""
    page = Path(__file__).parents[2] / "docs" / "cli.md"

    assert reference().strip() in page.read_text("utf-8"), "python -m cellmill.cli.reference writes it anew"
