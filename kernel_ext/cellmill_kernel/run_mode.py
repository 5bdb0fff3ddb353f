"""What the worker of a run calls in a kernel that executes a notebook step: `begin`, `bind` and `make`.

The session asks `current_run` before it executes an asset cell. In a run it then takes run id, partition, config and
stored values from there instead of from an instance, and gives its events to `emit`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cellmill.definitions.asset_key import AssetKey
from cellmill.execution.notebook.notebook_context import bind_in
from cellmill.execution.notebook.protocol import AUDIT_TAG, StepMessage
from cellmill.first_use import on_first_use

from . import current_run
from .run_in_kernel import RunInKernel

if TYPE_CHECKING:
    from . import audit, extension, step_of_run
    from . import session as sessions
else:
    step_of_run = on_first_use("cellmill_kernel.step_of_run")
    extension = on_first_use("cellmill_kernel.extension")
    audit = on_first_use("cellmill_kernel.audit")
    sessions = on_first_use("cellmill_kernel.session")


def begin(text: str) -> None:
    """Take the worker's message; called once, before the first cell."""
    run = RunInKernel(StepMessage.from_text(text))
    current_run.become(run)
    with contextlib.suppress(ImportError):
        # a kernel of another kind may have no IPython
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
        if shell is not None:
            # the cell with `%load_ext cellmill` may not be among those that this step executes
            extension.load(shell)
            bind_in(shell, run.message.context())
            if AUDIT_TAG in run.message.tags:
                session = sessions.get_session()
                session.audit = audit.Audit(session)


def bind(names: dict[str, str]) -> None:
    """Bind the stored values of assets to names of the notebook that are not bound yet."""
    session = sessions.get_session()
    for name, key in names.items():
        if not session.has(name):
            session.values.load_into_namespace(AssetKey.from_user_string(key), name)


def make(keys: list[str]) -> None:
    """Make assets of decorated functions, which a cell above has defined."""
    session = sessions.get_session()
    run = current_run.current()
    assert run is not None
    step_of_run.make_decorated(session, run, [AssetKey.from_user_string(key) for key in keys])
