"""Hides a library from the processes of the tests: jsonschema does without it, and says so by design.

It builds its grammars while it is imported, for two seconds of processor time in each process that imports nbformat,
nbval or a Jupyter server, and there are a hundred of them; no schema that is checked here has an address of its kind.
"""

from __future__ import annotations

raise ImportError("hidden by tests/stand_ins: building its grammars takes seconds of each process")
