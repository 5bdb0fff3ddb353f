"""What the steps of runs print."""

from __future__ import annotations

from typing import Annotated

import strawberry

from cellmill.execution.capture import LIMIT, captured_path
from cellmill.graphql.assets import Info
from cellmill.graphql.documented import arg, documented, said


@strawberry.type(description="What a step has printed so far.")
class CapturedLogs:
    """What a step has printed so far."""

    log_key: list[str] = said("Run id, an older word that is not used, and the step's key.")
    stdout: str | None = said("Its standard output; null where nothing is kept.")
    stderr: str | None = said("Its standard error; null where nothing is kept.")


@strawberry.type
class CapturedQueries:
    """What can be asked of captured output."""

    @documented
    def captured_logs(
        self, info: Info, log_key: Annotated[list[str], arg("The run's id first, the step's key last.")]
    ) -> CapturedLogs:
        """What a step printed; of an asset cell, its outputs are in the executed notebook."""
        if len(log_key) < 2:
            raise ValueError("A log key is a run's id and a step's key.")
        found: dict[str, str | None] = {"out": None, "err": None}
        if info.context.run_record(log_key[0]) is not None:  # no path is made of anything else
            for stream in found:
                path = captured_path(info.context.instance.home, log_key[0], log_key[-1], stream)
                if path.is_file():
                    with path.open("rb") as file:
                        found[stream] = file.read(LIMIT).decode("utf-8", "replace")
        return CapturedLogs(log_key=log_key, stdout=found["out"], stderr=found["err"])
