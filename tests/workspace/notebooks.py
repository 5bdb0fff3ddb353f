"""Small notebooks for tests."""

from __future__ import annotations

import json
from pathlib import Path


def write_notebook(path: Path, *sources: str, language: str = "python") -> Path:
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
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": language}}
    metadata["language_info"] = {"name": language}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path
