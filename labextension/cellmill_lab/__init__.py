"""cellmill inside Jupyter Server and JupyterLab."""

from __future__ import annotations

from cellmill_lab.app import CellmillApp

__all__ = ["CellmillApp"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "cellmill-lab"}]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    return [{"module": "cellmill_lab", "app": CellmillApp}]
