"""Fixtures of the command line's tests."""

from __future__ import annotations

from .command import cellmill

__all__ = ["cellmill"]
