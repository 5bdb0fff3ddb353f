"""Known secrets, taken out of whatever is written: events, journals of notebooks, captured output.

A secret is the value of an environment variable that a config or resource referred to, or whose name says that it
is one (``DB_PASSWORD``, ``API_TOKEN`` …), that of a field of config that is declared to be one, and the password inside
a URL.  With no secret known it costs little.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping

MASK = "[redacted]"
#: Values shorter than this are words that stand everywhere: to take them out would spoil more than it hides.
MINIMUM = 6
_SECRET_NAME = re.compile(r"PASS(WORD|WD|PHRASE)?($|_)|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(\w://[^\s:/@\"']*):[^\s/@\"']+@")


def _forms(value: str) -> tuple[str, ...]:
    """A value as it stands in text, in JSON and in JSON that is kept to ASCII."""
    return tuple(dict.fromkeys((value, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1])))


def _of_environment() -> tuple[str, ...]:
    values = [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]
    return _ordered(form for value in values if len(value) >= MINIMUM for form in _forms(value))


def _ordered(forms: Iterable[str]) -> tuple[str, ...]:
    # Longer ones first: a secret may contain another.
    return tuple(sorted(dict.fromkeys(forms), key=len, reverse=True))


_known: tuple[str, ...] = _of_environment()


def learn(value: str | None) -> None:
    """Takes a value for a secret from now on."""
    global _known
    if value is not None and len(value) >= MINIMUM and value not in _known:
        _known = _ordered((*_known, *_forms(value)))


def learn_all(value: object) -> None:
    """Takes every text inside a value of config for a secret from now on."""
    if isinstance(value, str):
        learn(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            learn_all(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            learn_all(item)


def redacted(text: str) -> str:
    """The text without known secrets and without passwords in URLs."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, MASK)
    if "://" in text and "@" in text:
        text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    return text


def redacted_bytes(data: bytes) -> bytes:
    """As `redacted`, for what a process wrote."""
    if not _known and b"://" not in data:
        return data
    return redacted(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
