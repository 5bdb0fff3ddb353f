"""Finding the kernel that a notebook names."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellmill.errors import ExecutionError

_NATIVE = ("python3", "python")


class NoSuchKernel(ExecutionError):
    """No kernel of that name is installed; install it, or choose one of those named."""

    def __init__(self, name: str, available: tuple[str, ...] = ()) -> None:
        self.name = name
        self.available = available
        near = difflib.get_close_matches(name, available, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = ", ".join(available) or "none"
        super().__init__(
            f"No kernel named {name!r} is installed here.{hint} Installed: {known}. "
            f"Install it (python -m ipykernel install --name {name}) or choose another in the notebook or with "
            "--kernel."
        )

    def __reduce__(self) -> tuple[type[NoSuchKernel], tuple[str, tuple[str, ...]]]:
        return type(self), (self.name, self.available)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernelspec:
    """How to start one kind of kernel."""

    name: str
    argv: tuple[str, ...]
    language: str
    directory: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    interrupt_mode: str = "signal"
    #: Another provisioner than the local one starts these kernels (a container, a remote machine).
    provisioner: str | None = None

    @property
    def is_own_python(self) -> bool:
        """True when this is the ipykernel of the interpreter that runs now, which can be forked."""
        return (
            self.provisioner in (None, "local-provisioner", "cellmill-warm")
            and self.language == "python"
            and self.argv[1:3] == ("-m", "ipykernel_launcher")
            and _same_python(self.argv[0])
        )


def find_kernelspec(name: str | None) -> Kernelspec:
    """Return the kernelspec called `name`.

    Args:
        name: Its name, or a path, which stands for the ipykernel of that Python; None is this interpreter's own kernel.

    Raises:
        NoSuchKernel: where there is none.
    """
    if name is not None and os.sep in name:
        if not os.access(name, os.X_OK):
            raise NoSuchKernel(name, available_kernels())
        return _native(name, python=os.path.abspath(name))
    wanted = (name or "python3").lower()
    for directory in _kernel_directories():
        file = directory / wanted / "kernel.json"
        if not file.is_file():
            file = next((path for path in _files(directory) if path.parent.name.lower() == wanted), file)
        if file.is_file():
            return _from_file(file)
    if wanted in _NATIVE:
        return _native(wanted)
    raise NoSuchKernel(name or "", available_kernels())


def available_kernels() -> tuple[str, ...]:
    """Return the names of the installed kernels, sorted."""
    names = {path.parent.name.lower() for directory in _kernel_directories() for path in _files(directory)}
    return tuple(sorted(names | {"python3"}))


def _native(name: str, python: str = sys.executable) -> Kernelspec:
    argv = (python, "-m", "ipykernel_launcher", "-f", "{connection_file}")
    return Kernelspec(name=name, argv=argv, language="python")


def _from_file(file: Path) -> Kernelspec:
    spec: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    provisioner = (spec.get("metadata") or {}).get("kernel_provisioner") or {}
    argv = list(spec["argv"])
    if argv and argv[0] in ("python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}"):
        argv[0] = sys.executable
    return Kernelspec(
        name=file.parent.name,
        argv=tuple(argv),
        language=spec.get("language", ""),
        directory=str(file.parent),
        env=spec.get("env") or {},
        interrupt_mode=spec.get("interrupt_mode") or "signal",
        provisioner=provisioner.get("provisioner_name"),
    )


def _same_python(path: str) -> bool:
    return os.path.abspath(path) == os.path.abspath(sys.executable)


def _files(directory: Path) -> Iterator[Path]:
    return directory.glob("*/kernel.json")


def _kernel_directories() -> Iterator[Path]:
    """Yield where Jupyter looks for kernels, first match first (`jupyter --paths`)."""
    for entry in os.environ.get("JUPYTER_PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry) / "kernels"
    data = os.environ.get("JUPYTER_DATA_DIR")
    user = Path(data) if data else Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "jupyter"
    places = [user, Path(sys.prefix) / "share" / "jupyter"]
    if os.environ.get("JUPYTER_PREFER_ENV_PATH", "1" if sys.prefix != sys.base_prefix else "0") != "0":
        places.reverse()
    places += [Path("/usr/local/share/jupyter"), Path("/usr/share/jupyter")]
    for place in places:
        yield place / "kernels"
    yield Path.home() / ".ipython" / "kernels"
