"""Small notebooks for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_notebook(
    path: Path, *sources: str, language: str = "python", metadata: Mapping[str, Any] | None = None
) -> Path:
    """Write a notebook with one code cell per source; ids are c0, c1 …"""
    cells = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "source": source,
            "execution_count": None,
            "outputs": [],
        }
        for number, source in enumerate(sources)
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": language}
    metadata = {"kernelspec": spec, "language_info": {"name": language}, **(metadata or {})}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path
