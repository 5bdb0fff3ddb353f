"""What a run left to do: its selection when it is run again from failure."""

from __future__ import annotations

from dataclasses import dataclass

from cellmill.definitions.asset_key import AssetKey
from cellmill.instance.instance import Instance
from cellmill.planning.event import EventType
from cellmill.planning.run import Run
from cellmill.workspace.run_names import ASSET_JOB, NOTEBOOK_JOB


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The assets that a run planned and did not make, and the job that makes a selection of them."""

    job_name: str
    planned: frozenset[AssetKey]
    left: frozenset[AssetKey]


def unfinished(instance: Instance, run: Run) -> Unfinished:
    """What is left of a run that has ended; nothing planned where it makes no assets."""
    planned: set[AssetKey] = set()
    made: set[AssetKey] = set()
    for event in instance.all_logs(run.run_id):
        if event.asset_key is not None:
            if event.type is EventType.ASSET_MATERIALIZATION_PLANNED:
                planned.add(event.asset_key)
            elif event.type is EventType.ASSET_MATERIALIZATION:
                made.add(event.asset_key)
    # The rest of a whole notebook is a selection: its finished cells are not run again.
    job_name = ASSET_JOB if planned and run.job_name == NOTEBOOK_JOB else run.job_name
    return Unfinished(job_name, frozenset(planned), frozenset(planned - made))
