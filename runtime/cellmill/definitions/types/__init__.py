"""Types that values are checked against at run time, gradually and by choice."""

from __future__ import annotations
