"""How values are stored and loaded: the interface of IO managers, and resources that make them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from cellmill.definitions.io_context import InputContext, OutputContext

#: The resource key of the IO manager that is used where none is named.
DEFAULT_IO_MANAGER_KEY = "io_manager"


class InputManager(ABC):
    """Loads inputs."""

    @abstractmethod
    def load_input(self, context: InputContext) -> Any:
        """The value of the input that `context` describes."""


class IOManager(InputManager):
    """Stores outputs, and loads them as inputs of what is downstream.

    An object with these two methods serves as well as a subclass.
    """

    @abstractmethod
    def load_input(self, context: InputContext) -> Any:
        """The value that `handle_output` stored for `context.upstream_output`, or for the asset of `context`."""

    @abstractmethod
    def handle_output(self, context: OutputContext, obj: Any) -> Any:
        """Stores `obj`.

        May return the `ValueRef` under which it was stored, or be a generator of metadata mappings and
        `AssetMaterialization`s.
        """


def is_io_manager(value: object) -> bool:
    """Whether the object can store outputs and load inputs."""
    return callable(getattr(value, "load_input", None)) and callable(getattr(value, "handle_output", None))


def is_input_manager(value: object) -> bool:
    """Whether the object can load inputs."""
    return callable(getattr(value, "load_input", None))
