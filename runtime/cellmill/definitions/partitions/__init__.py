"""Partitions: what keys an asset or job is cut into, which of them are meant, and how two assets' correspond."""

from __future__ import annotations
