"""Running notebooks: the papermill engine, the journal, notebook steps, warm kernels."""

from __future__ import annotations
