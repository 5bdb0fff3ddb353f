"""Ways to carry out the steps of a run: in this process, in worker processes, on a Dask cluster."""

from __future__ import annotations
