"""`context` in the plain cells of a notebook: its run, partition and scheduled time, in a run and interactively.

The kernel side of it imports nothing beyond the standard library, and a kernel without cellmill gets the same words
from a plain object: what a cell may ask does not depend on what is installed beside it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

#: The name in a notebook's namespace.
NAME = "context"
#: The run id of a kernel that works for no run, as of every context outside of a run.
EPHEMERAL_RUN_ID = "__EPHEMERAL_RUN_ID"
#: Environment variables by which kernels of other languages are told the same.
RUN_VARIABLE = "CELLMILL_RUN_ID"
PARTITION_VARIABLE = "CELLMILL_PARTITION_KEY"
SCHEDULED_VARIABLE = "CELLMILL_SCHEDULED_TIME"


class _CellHandler(logging.StreamHandler[TextIO]):
    """Writes below the cell that runs, whatever its stderr is by then."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookContext:
    """What a plain cell is told of the run that executes it; asset cells have an `AssetExecutionContext` instead.

    Every plain cell finds one as `context`, unless the notebook has bound that name itself.

    Args:
        scheduled_execution_time: The instant of the tick that asked for the run; of a run by hand, when it was asked
            for; interactively, now.
        run_id: The run; `__EPHEMERAL_RUN_ID` where no run executes the cell.
        job_name: The job; empty where no run executes the cell.
        partition_key: The run's partition; None where it is for none, or for several.
        run_tags: The run's tags.
        run_config: The run's config.
    """

    scheduled_execution_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    run_id: str = EPHEMERAL_RUN_ID
    job_name: str = ""
    partition_key: str | None = None
    run_tags: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_partition_key(self) -> bool:
        """Whether the run is for one partition."""
        return self.partition_key is not None

    @property
    def is_interactive(self) -> bool:
        """Whether no run executes the cell."""
        return self.run_id == EPHEMERAL_RUN_ID

    @property
    def log(self) -> logging.Logger:
        """A logger that writes below the cell."""
        logger = logging.getLogger("cellmill.notebook")
        if not logger.handlers:
            handler = _CellHandler()
            handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False
        return logger

    def to_text(self) -> str:
        """Return it as one line of JSON."""
        facts = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({**facts, "scheduled_execution_time": self.scheduled_execution_time.isoformat()}, default=str)

    @classmethod
    def from_text(cls, text: str) -> NotebookContext:
        """Return the context that `to_text` wrote."""
        facts = json.loads(text)
        instant = datetime.fromisoformat(facts.pop("scheduled_execution_time"))
        return cls(scheduled_execution_time=instant, **facts)

    def environment(self) -> dict[str, str]:
        """Return what a kernel of any language finds in its environment."""
        # by a run id that is there already the processes of a run are found when it is stopped
        run_id = os.environ.get(RUN_VARIABLE, self.run_id)
        told = {RUN_VARIABLE: run_id, SCHEDULED_VARIABLE: self.scheduled_execution_time.isoformat()}
        return told if self.partition_key is None else {**told, PARTITION_VARIABLE: self.partition_key}

    def bind_code(self) -> str:
        """Return the line that binds it in a kernel of Python, with cellmill or without; it leaves no other name."""
        return f"exec({_BIND!r}, {{'names': globals(), 'text': {self.to_text()!r}}})"


#: Run in the kernel, unseen, before the first cell of a notebook that does not load cellmill itself.
_BIND = f"""
try:
    from cellmill.execution.notebook.notebook_context import NotebookContext, bind
except ImportError:
    import datetime, json, logging, types
    facts = json.loads(text)
    facts["scheduled_execution_time"] = datetime.datetime.fromisoformat(facts["scheduled_execution_time"])
    names["{NAME}"] = types.SimpleNamespace(
        **facts, has_partition_key=facts["partition_key"] is not None, is_interactive=False,
        log=logging.getLogger("cellmill.notebook"),
    )
else:
    bind(names, NotebookContext.from_text(text))
"""


def bind(names: dict[str, Any], context: NotebookContext) -> None:
    """Bind the context in a notebook's namespace, unless a cell of it has used the name for something else."""
    if not holds_own(names):
        names[NAME] = context


def bind_in(shell: Any, context: NotebookContext | None = None) -> None:
    """Bind the context of a run in a shell; without one, where nothing is bound yet, that of a kernel without a run."""
    names = shell.user_ns
    if context is None and NAME in names:
        return
    bind(names, context or NotebookContext())
    hidden = getattr(shell, "user_ns_hidden", None)
    if hidden is not None and not holds_own(names):
        hidden[NAME] = names[NAME]  # listings of names (%who) leave out what no cell has made


def holds_own(names: Mapping[str, Any]) -> bool:
    """Whether the namespace's name is the notebook's own, and not what cellmill bound to it."""
    return NAME in names and not isinstance(names[NAME], NotebookContext)
