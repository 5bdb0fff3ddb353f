"""Sensors that tell somebody about failed runs: by e-mail, by a webhook, in the log."""

from __future__ import annotations

import json
import logging
import smtplib
import ssl
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from typing import Any

from cellmill.definitions.run_request import DefaultSensorStatus
from cellmill.definitions.run_status_context import RunFailureSensorContext
from cellmill.definitions.run_status_sensor import RunStatusSensorDefinition, run_failure_sensor
from cellmill.errors import InvalidDefinitionError

#: Seconds for one attempt to reach a mail server or webhook.
TIMEOUT_S = 20
#: Characters of an error that an alert carries.
MAX_ERROR = 4000

log = logging.getLogger("cellmill.alerts")


def failure_text(context: RunFailureSensorContext, webserver_base_url: str | None = None) -> str:
    """What happened in words: the job, the failing step or cell, the error, and the run's link.

    Args:
        context: The context of a run failure sensor.
        webserver_base_url: Address below which `/runs/<id>` shows a run; None: no link.
    """
    run = context.dagster_run
    lines = [f"Job {run.job_name!r} failed.", f"Run: {run.run_id}"]
    if context.partition_key:
        lines.append(f"Partition: {context.partition_key}")
    message = getattr(context.failure_event, "message", None) or run.reason
    if message:
        lines.append(f"Error: {message[:MAX_ERROR]}")
    for event in _step_failures(context):
        lines.append(f"Step {event.step_key}: {(event.message or '')[:MAX_ERROR]}")
    if webserver_base_url:
        lines.append(f"{webserver_base_url.rstrip('/')}/runs/{run.run_id}")
    return "\n".join(lines)


def _step_failures(context: RunFailureSensorContext) -> Sequence[Any]:
    return context.get_step_failure_events() if context.has_instance else ()


def make_email_on_run_failure_sensor(
    email_from: str,
    email_password: str,
    email_to: Sequence[str],
    email_body_fn: Callable[[RunFailureSensorContext], str] | None = None,
    email_subject_fn: Callable[[RunFailureSensorContext], str] | None = None,
    smtp_host: str = "smtp.gmail.com",
    smtp_type: str = "SSL",
    smtp_port: int | None = None,
    smtp_user: str | None = None,
    name: str | None = None,
    webserver_base_url: str | None = None,
    monitored_jobs: Sequence[Any] | None = None,
    job_selection: Sequence[Any] | None = None,
    monitor_all_repositories: bool = False,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    monitor_all_code_locations: bool = False,
) -> RunStatusSensorDefinition:
    """A sensor that sends an e-mail about each failed run.

    The password is only ever given to the mail server; read it from a secret, not from the code. An attempt to reach
    the server may take 20 seconds.

    Args:
        email_from: The sender's address.
        email_password: Password for the mail server.
        email_to: Addresses that get it.
        email_body_fn: Function of the context that returns the text; None names job, run, partition, steps and errors.
        email_subject_fn: Function of the context that returns the subject; None: "Run failed" and the job.
        smtp_host: The mail server.
        smtp_type: "SSL" (encrypted from the start) or "STARTTLS".
        smtp_port: Its port; None means 465 for SSL and 587 for STARTTLS.
        smtp_user: User for the mail server; None takes the sender's address.
        name: Name of the sensor; None: "email_on_run_failure".
        webserver_base_url: Address below which `/runs/<id>` shows a run; the text then ends in a link. None: no link.
        monitored_jobs: What is watched: jobs of the sensor's own code location, and `JobSelector`s,
            `CodeLocationSelector`s and `RepositorySelector`s for others. None watches all jobs of its own location.
        job_selection: Older name of `monitored_jobs`.
        monitor_all_repositories: Older name of `monitor_all_code_locations`.
        default_status: Whether it is on before anybody switched it on or off.
        monitor_all_code_locations: Whether the runs of all code locations are watched; not together with
            `monitored_jobs`.

    Raises:
        InvalidDefinitionError: for another `smtp_type`.

    Source: RFC 8314 (ports of mail submission), RFC 3207 (STARTTLS).
    """
    if smtp_type not in ("SSL", "STARTTLS"):
        raise InvalidDefinitionError(f"smtp_type is 'SSL' or 'STARTTLS', not {smtp_type!r}")

    def tell(context: RunFailureSensorContext) -> None:
        message = EmailMessage()
        message["From"], message["To"] = email_from, ", ".join(email_to)
        subject = email_subject_fn(context) if email_subject_fn else f"Run failed: {context.dagster_run.job_name}"
        message["Subject"] = " ".join(subject.split())
        message.set_content(email_body_fn(context) if email_body_fn else failure_text(context, webserver_base_url))
        port = smtp_port or (465 if smtp_type == "SSL" else 587)
        _send(message, smtp_host, port, smtp_type, smtp_user or email_from, email_password)

    made: RunStatusSensorDefinition = run_failure_sensor(
        name=name or "email_on_run_failure",
        monitored_jobs=monitored_jobs or job_selection,
        monitor_all_code_locations=monitor_all_code_locations or monitor_all_repositories,
        default_status=default_status,
    )(tell)
    return made


def _send(message: EmailMessage, host: str, port: int, kind: str, user: str, password: str) -> None:
    secure = ssl.create_default_context()
    if kind == "SSL":
        with smtplib.SMTP_SSL(host, port, context=secure, timeout=TIMEOUT_S) as server:
            server.login(user, password)
            server.send_message(message)
        return
    with smtplib.SMTP(host, port, timeout=TIMEOUT_S) as server:
        server.starttls(context=secure)
        server.login(user, password)
        server.send_message(message)


def make_webhook_on_run_failure_sensor(
    url: str,
    *,
    name: str = "webhook_on_run_failure",
    headers: Mapping[str, str] | None = None,
    payload_fn: Callable[[RunFailureSensorContext], Mapping[str, Any]] | None = None,
    webserver_base_url: str | None = None,
    monitored_jobs: Sequence[Any] | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
) -> RunStatusSensorDefinition:
    """A sensor that posts each failed run as JSON to a URL.

    An answer other than success fails the evaluation, which is then tried again. An attempt may take 20 seconds.

    Args:
        url: Address that gets the POST request; begins with https:// or http://.
        name: Name of the sensor.
        headers: Further headers of the request, such as one with a token.
        payload_fn: Function of the context that returns the JSON object; None: `{"text": …}`, which chat tools
            understand.
        webserver_base_url: Address below which `/runs/<id>` shows a run; the text then ends in a link. None: no link.
        monitored_jobs: What is watched: jobs of the sensor's own code location, and `JobSelector`s and
            `CodeLocationSelector`s for others. None watches the runs of all code locations.
        default_status: Whether it is on before anybody switched it on or off.

    Raises:
        InvalidDefinitionError: for another kind of address.
    """
    if not url.startswith(("https://", "http://")):
        raise InvalidDefinitionError(f"A webhook's URL begins with https://, not {url!r}")

    def tell(context: RunFailureSensorContext) -> None:
        payload = payload_fn(context) if payload_fn else {"text": failure_text(context, webserver_base_url)}
        request = urllib.request.Request(
            url,
            data=json.dumps(payload).encode(),
            headers={"Content-Type": "application/json", **(headers or {})},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):
            return

    made: RunStatusSensorDefinition = run_failure_sensor(
        name=name,
        monitored_jobs=monitored_jobs,
        monitor_all_code_locations=not monitored_jobs,
        default_status=default_status,
    )(tell)
    return made


def make_log_on_run_failure_sensor(
    *,
    name: str = "log_on_run_failure",
    monitored_jobs: Sequence[Any] | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
) -> RunStatusSensorDefinition:
    """A sensor that writes each failed run to the log of its process, as an error of `cellmill.alerts`.

    Args:
        name: Name of the sensor.
        monitored_jobs: What is watched: jobs of the sensor's own code location, and `JobSelector`s and
            `CodeLocationSelector`s for others. None watches the runs of all code locations.
        default_status: Whether it is on before anybody switched it on or off.
    """

    def tell(context: RunFailureSensorContext) -> None:
        log.error("%s", failure_text(context))

    made: RunStatusSensorDefinition = run_failure_sensor(
        name=name,
        monitored_jobs=monitored_jobs,
        monitor_all_code_locations=not monitored_jobs,
        default_status=default_status,
    )(tell)
    return made
