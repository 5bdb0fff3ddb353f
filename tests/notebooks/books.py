"""Notebooks as text, for the tests."""

from __future__ import annotations

import json


def book(*sources: str, **metadata: object) -> str:
    """An .ipynb of code cells; a source that starts with ``md:`` is a markdown cell."""
    cells = [
        {
            "cell_type": "markdown" if source.startswith("md:") else "code",
            "id": f"cell-{number}",
            "metadata": {},
            "source": source.removeprefix("md:"),
        }
        for number, source in enumerate(sources)
    ]
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
