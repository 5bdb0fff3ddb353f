"""Kinds of warnings about parts of the API: how settled they are, and what takes their place."""

from __future__ import annotations

import warnings


class BetaWarning(Warning):
    """Something is used that may still change between minor versions."""


class PreviewWarning(Warning):
    """Something is used that may change or go at any time."""


class SupersessionWarning(FutureWarning):
    """Something is used for which there is a better way by now."""


class ConfigArgumentWarning(SyntaxWarning):
    """Config stands where it is not taken as such: a value for a schema, a config class on another parameter."""


def deprecation_warning(
    subject: str, breaking_version: str, additional_warn_text: str | None = None, stacklevel: int = 3
) -> None:
    """Warn that something will be gone.

    Args:
        subject: What it is, in words.
        breaking_version: The version in which it will be gone.
        additional_warn_text: What to use instead, as a sentence.
        stacklevel: How many calls up the warning points, as of `warnings.warn`.
    """
    more = f" {additional_warn_text}" if additional_warn_text else ""
    warnings.warn(
        f"{subject} is deprecated and will be removed in {breaking_version}.{more}",
        category=DeprecationWarning,
        stacklevel=stacklevel,
    )
