"""Warm kernels."""

from __future__ import annotations


class WarmKernel: ...


def fork_kernel(modules, *, cwd, env):
    return None
