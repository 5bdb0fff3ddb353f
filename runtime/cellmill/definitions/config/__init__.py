"""Config: the types of values that configure ops, assets, resources and loggers."""

from __future__ import annotations
