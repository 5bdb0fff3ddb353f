"""``python -m cellmill.graphql``: write the schema that is checked in."""

from __future__ import annotations

from pathlib import Path

from cellmill.graphql.schema import sdl

if __name__ == "__main__":
    Path(__file__).with_name("schema.graphql").write_text(sdl(), encoding="utf-8")
