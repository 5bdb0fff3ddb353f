"""Writes `head_sqlite.py` from the tables: `python -m cellmill.instance.schema`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cellmill.instance.schema.ddl import create_statements

HEADER = '''"""The newest SQLite schema as text, so that a fresh store needs neither SQLAlchemy nor Alembic.

Written by `python -m cellmill.instance.schema`; a test compares it with the tables and with the migrations.
"""

from __future__ import annotations

#: The newest migration.
HEAD = "{head}"

STATEMENTS = (
{statements})
'''


def render(head: str, statements: Sequence[str]) -> str:
    """The text of `head_sqlite.py`."""
    lines = []
    for statement in statements:
        words, line, pieces = statement.split(" "), "", []
        for word in words:
            if len(line) + len(word) > 100:
                pieces.append(line)
                line = ""
            line += word + " "
        pieces.append(line.rstrip())
        if len(pieces) == 1:
            lines.append(f"    {quoted(pieces[0])},\n")
        else:
            lines.extend(f"    {quoted(piece)}\n" for piece in pieces[:-1])
            lines.append(f"    {quoted(pieces[-1])},\n")
    return HEADER.format(head=head, statements="".join(lines))


def quoted(text: str) -> str:
    """The text as the formatter writes a string."""
    return repr(text) if '"' in text else '"' + text + '"'


if __name__ == "__main__":
    versions = sorted((Path(__file__).parent.parent / "migrations" / "versions").glob("0*.py"))
    target = Path(__file__).parent.with_name("head_sqlite.py")
    target.write_text(render(versions[-1].stem.partition("_")[0], create_statements("sqlite")), encoding="utf-8")
    sys.stdout.write(f"{target.name} is at {versions[-1].stem}\n")
