"""Names that whoever starts a run and the process of the run agree on; light, for commands that only start one."""

from __future__ import annotations

from pathlib import Path

#: Tag of a run that executes a whole notebook: its path from the root.
NOTEBOOK_TAG = "cellmill/notebook"
#: Tag of such a run where it executes a pinned version: the hash of its snapshot.
PINNED_TAG = "cellmill/pinned_notebook"
#: Tag that limits how many visits of a run go on at the same time.
PARALLEL_TAG = "cellmill/max_concurrent"
#: Tag by which a run of a whole notebook carries papermill's parameters.
PARAMETERS_TAG = "cellmill/parameters"
#: Tag of a queued run with the only locations it knows, as JSON: files, modules, and the folder of the command line
#: that chose them.
LOCATIONS_TAG = "cellmill/locations"
#: Tag by which a run chooses how its steps are carried out.
EXECUTOR_TAG = "cellmill/executor"
#: Name of the job of a run that makes a selection of assets.
ASSET_JOB = "__ASSET_JOB"
NOTEBOOK_JOB = "__NOTEBOOK_JOB"
ARTIFACTS_FOLDER = "runs"
#: Tag of a run that runs the `%%check` cells of the assets it selects, on their stored values, and makes nothing.
CHECKS_TAG = "cellmill/checks"


def artifacts_of(home: Path, run_id: str) -> Path:
    """Return the folder of what a run leaves: executed notebooks, journals, logs."""
    return home / ARTIFACTS_FOLDER / run_id
