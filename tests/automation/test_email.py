"""The e-mail about a failed run arrives at a real server, over TLS."""

from __future__ import annotations

import socketserver
import ssl
import subprocess
import threading
import time
from email import message_from_string
from pathlib import Path

import cellmill as cm
import pytest
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import Run


class _Mailbox(socketserver.StreamRequestHandler):
    """Enough of SMTP to take mail from a client that logs in."""

    letters: list[str]

    def handle(self) -> None:
        """Answer line by line."""
        self._say("220 mailbox")
        for raw in self.rfile:
            word = raw.decode().strip().upper()[:4]
            if word == "EHLO":
                self._say("250-mailbox", "250 AUTH PLAIN")
            elif word == "AUTH":
                self._say("235 welcome")
            elif word == "DATA":
                self._say("354 go on")
                lines: list[str] = []
                while (line := self.rfile.readline().decode()).strip() != ".":
                    lines.append(line)
                self.letters.append("".join(lines))
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, certificate: Path, key: Path, letters: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), type("Mailbox", (_Mailbox,), {"letters": letters}))
        self.secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.secure.load_cert_chain(certificate, key)
        self.socket = self.secure.wrap_socket(self.socket, server_side=True)


def test_a_failed_run_is_mailed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the run's link and the reason; what happened before the sensor was on is not told."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    letters: list[str] = []
    server = _Server(certificate, key, letters)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        sensor = cm.make_email_on_run_failure_sensor(
            "mill@localhost", "secret", ["team@localhost"], smtp_host="localhost",
            smtp_port=server.server_address[1], webserver_base_url="https://mill.example",
        )  # fmt: skip
        with cm.Instance.ephemeral() as instance:
            first = sensor.evaluate_tick(cm.build_sensor_context(instance))
            run = Run(job_name="etl")
            instance.add_run(run)
            event = Event(type=EventType.RUN_FAILURE, run_id=run.run_id, timestamp=time.time(), message="disk is full")
            instance.run_writer(run.run_id).append([event])
            second = sensor.evaluate_tick(cm.build_sensor_context(instance, cursor=first.cursor))
            sensor.evaluate_tick(cm.build_sensor_context(instance, cursor=second.cursor))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert 1 == len(letters)
    letter = message_from_string(letters[0])
    assert ("mill@localhost", "team@localhost") == (letter["From"], letter["To"])
    assert "etl" in letter["Subject"]
    text = letter.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert run.run_id in text.decode()
    assert "disk is full" in text.decode()
