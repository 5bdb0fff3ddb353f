"""The Jupyter messaging protocol over ZeroMQ, for one blocking client of one kernel.

This is the published wire format (version 5.4) and nothing else.  `jupyter_client` offers the same for interactive
front ends, on
top of asyncio; importing and driving it takes several times what a whole warm notebook run takes here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import zmq

Message = dict[str, Any]

_DELIMITER = b"<IDS|MSG>"
_VERSION = "5.4"
#: Milliseconds between attempts to reach a kernel that has not bound its sockets yet (ZeroMQ's default of 100 is felt).
_RECONNECT_MS = 10


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a kernel listens, as its connection file says."""

    transport: str
    ip: str
    key: str
    ports: Mapping[str, int]
    curve_public_key: bytes | None = None

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> Connection:
        """Return the connection that the content of a connection file describes."""
        key = info.get("key", "")
        curve = info.get("curve_publickey")
        return cls(
            transport=info.get("transport", "tcp"),
            ip=info["ip"],
            key=key.decode() if isinstance(key, bytes) else key,
            ports={name: info[f"{name}_port"] for name in ("shell", "iopub", "control", "stdin", "hb")},
            curve_public_key=curve.encode() if isinstance(curve, str) else curve,
        )

    def as_info(self, kernel_name: str = "") -> dict[str, Any]:
        """Return what to write into a connection file."""
        info: dict[str, Any] = {f"{name}_port": port for name, port in self.ports.items()}
        return {
            **info,
            "transport": self.transport,
            "ip": self.ip,
            "key": self.key,
            "signature_scheme": "hmac-sha256",
            "kernel_name": kernel_name,
        }

    def address(self, channel: str) -> str:
        """Return the ZeroMQ address of `channel`."""
        separator = ":" if self.transport == "tcp" else "-"
        return f"{self.transport}://{self.ip}{separator}{self.ports[channel]}"


class Channels:
    """The shell, control and iopub channels of one kernel; every call blocks at most for the time it is given."""

    def __init__(self, connection: Connection) -> None:
        self._key = connection.key.encode()
        self._session = uuid.uuid4().hex
        self._count = 0
        self._user = os.environ.get("USER", "cellmill")
        self._context = zmq.Context(io_threads=1)
        self._poller = zmq.Poller()
        curve = zmq.curve_keypair() if connection.curve_public_key else None
        self._sockets: dict[str, zmq.Socket[bytes]] = {}
        for name, kind in (("shell", zmq.DEALER), ("control", zmq.DEALER), ("iopub", zmq.SUB), ("stdin", zmq.DEALER)):
            socket = self._context.socket(kind)
            socket.linger = 0
            socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
            if curve is not None:
                socket.curve_publickey, socket.curve_secretkey = curve
                socket.curve_serverkey = connection.curve_public_key
            if name == "iopub":
                socket.setsockopt(zmq.RCVHWM, 0)
                socket.subscribe(b"")
            else:
                socket.setsockopt(zmq.IDENTITY, self._session.encode())
            socket.connect(connection.address(name))
            self._sockets[name] = socket
            self._poller.register(socket, zmq.POLLIN)
        self._names = {socket: name for name, socket in self._sockets.items()}

    def watch(self, descriptor: int) -> None:
        """Let `receive` return when `descriptor` becomes readable as well."""
        self._poller.register(descriptor, zmq.POLLIN)

    def unwatch(self, descriptor: int) -> None:
        """Stop watching `descriptor`."""
        self._poller.unregister(descriptor)

    def send(
        self, channel: str, kind: str, content: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
    ) -> str:
        """Send one request and return its message id."""
        self._count += 1
        message_id = f"{self._session}_{os.getpid()}_{self._count}"
        header = {
            "msg_id": message_id,
            "msg_type": kind,
            "username": self._user,
            "session": self._session,
            "date": datetime.now(UTC).isoformat(),
            "version": _VERSION,
        }
        frames = [_dumps(part) for part in (header, {}, metadata or {}, content)]
        self._sockets[channel].send_multipart([_DELIMITER, self._sign(frames), *frames])
        return message_id

    def execute(
        self,
        code: str,
        *,
        store_history: bool = True,
        stop_on_error: bool = True,
        silent: bool = False,
        cell_id: str | None = None,
    ) -> str:
        """Ask the kernel to run `code` and return the id that its outputs will name as their parent."""
        return self.send(
            "shell",
            "execute_request",
            {
                "code": code,
                "silent": silent,
                "store_history": store_history,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": stop_on_error,
            },
            {"cellId": cell_id} if cell_id else None,
        )

    def receive(self, timeout_s: float | None) -> list[tuple[str, Message]]:
        """Return the messages that are there, each with its channel; empty when nothing came within `timeout_s`."""
        wait = None if timeout_s is None else max(0, int(timeout_s * 1000 + 0.999))
        messages = []
        for socket, _ in self._poller.poll(wait):
            name = self._names.get(socket)
            if name is None:
                continue
            while True:
                try:
                    frames = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                message = self._parsed(frames)
                if message is not None:
                    messages.append((name, message))
        return messages

    def wait_until_ready(self, timeout_s: float, gone: Callable[[], bool] = lambda: False) -> Message | None:
        """Return the `kernel_info_reply` once requests and outputs both get through; None when the time is over or
        the kernel `gone`.
        """
        deadline = time.monotonic() + timeout_s
        reply: Message | None = None
        heard = False
        self.send("shell", "kernel_info_request", {})
        while reply is None or not heard:
            # a kernel whose iopub was connected too late is asked again; one that sends `iopub_welcome` never is
            received = self.receive(min(0.1 if reply else 1.0, max(0.0, deadline - time.monotonic())))
            for name, message in received:
                if name == "iopub":
                    heard = True
                elif name == "shell" and message["msg_type"] == "kernel_info_reply":
                    reply = message
            if not received:
                if time.monotonic() >= deadline or gone():
                    return None
                if reply is not None:
                    self.send("shell", "kernel_info_request", {})
        return reply

    def close(self) -> None:
        """Close every socket at once, dropping what was not sent."""
        for socket in self._sockets.values():
            socket.close(0)
        self._context.term()

    def _sign(self, frames: list[bytes]) -> bytes:
        if not self._key:
            return b""
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for frame in frames:
            digest.update(frame)
        return digest.hexdigest().encode()

    def _parsed(self, frames: list[bytes]) -> Message | None:
        try:
            start = frames.index(_DELIMITER)
        except ValueError:
            return None
        signature, *rest = frames[start + 1 :]
        if len(rest) < 4 or (self._key and not hmac.compare_digest(signature, self._sign(rest[:4]))):
            return None
        header, parent, metadata, content = (json.loads(part) for part in rest[:4])
        return {
            "header": header,
            "msg_type": header["msg_type"],
            "parent_header": parent,
            "metadata": metadata,
            "content": content,
            "buffers": rest[4:],
        }


def _dumps(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")
