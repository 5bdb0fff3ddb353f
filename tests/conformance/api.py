"""The module under test: `cellmill.dagster`, or whatever `CONFORMANCE_AGAINST` names."""

from __future__ import annotations

import importlib
import os
from typing import Any

dg: Any = importlib.import_module(os.environ.get("CONFORMANCE_AGAINST", "cellmill.dagster"))
