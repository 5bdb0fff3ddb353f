"""What a user's own tests import; each name is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellmill.automation.clock import ManualClock as ManualClock
    from cellmill.testing.daemon import StepDaemon as StepDaemon
    from cellmill.testing.instances import ephemeral_instance as ephemeral_instance
    from cellmill.testing.instances import instance_for_test as instance_for_test
    from cellmill.testing.notebook import CellFunction as CellFunction
    from cellmill.testing.notebook import NotebookUnderTest as NotebookUnderTest
    from cellmill.testing.notebook import load_notebook as load_notebook
    from cellmill.testing.workspace import TemporaryWorkspace as TemporaryWorkspace

#: Name -> module that has it.
_HERE = {
    "CellFunction": "cellmill.testing.notebook",
    "ManualClock": "cellmill.automation.clock",
    "NotebookUnderTest": "cellmill.testing.notebook",
    "StepDaemon": "cellmill.testing.daemon",
    "TemporaryWorkspace": "cellmill.testing.workspace",
    "ephemeral_instance": "cellmill.testing.instances",
    "instance_for_test": "cellmill.testing.instances",
    "load_notebook": "cellmill.testing.notebook",
}
#: Names of the public API that tests use most.
_PUBLIC = (
    "build_asset_context",
    "build_hook_context",
    "build_init_logger_context",
    "build_init_resource_context",
    "build_input_context",
    "build_op_context",
    "build_output_context",
    "build_resources",
    "build_schedule_context",
    "build_sensor_context",
    "materialize_to_memory",
    "validate_run_config",
)

__all__ = sorted([*_HERE, *_PUBLIC])


def __getattr__(name: str) -> Any:
    if name in _HERE:
        return getattr(import_module(_HERE[name]), name)
    if name in _PUBLIC:
        return getattr(import_module("cellmill"), name)
    raise AttributeError(f"module 'cellmill.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
