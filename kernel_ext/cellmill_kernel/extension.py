"""`%load_ext cellmill`: hooks, magics, transformer; nothing heavy is imported before it is used."""

from __future__ import annotations

from typing import Any

from cellmill.execution.notebook.notebook_context import bind_in

from .magics import comment_form, register
from .session import end_session, start_session
from .tracebacks import install_tracebacks


def load(shell: Any) -> None:
    """Start the session in this shell; loading again changes nothing."""
    session = start_session(shell)
    bind_in(shell)
    if getattr(shell, "_cellmill_hooks", None):
        return
    before, after = session.before_cell, session.after_execution
    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)
    shell.input_transformer_manager.cleanup_transforms.append(comment_form)
    shell._cellmill_hooks = (before, after)
    register(shell, session)
    install_tracebacks(shell)


def unload(shell: Any) -> None:
    """Take hooks and transformer away; what was stored stays."""
    before, after = getattr(shell, "_cellmill_hooks", None) or (None, None)
    if before is None:
        return
    shell.events.unregister("pre_run_cell", before)
    shell.events.unregister("post_run_cell", after)
    transforms = shell.input_transformer_manager.cleanup_transforms
    if comment_form in transforms:
        transforms.remove(comment_form)
    shell._cellmill_hooks = None
    end_session()
