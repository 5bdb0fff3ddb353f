"""The one word that a host and its kernel share."""

from __future__ import annotations

#: Answers come back under this MIME type.
ANSWER_MIME = "application/vnd.cellmill.host+json"
