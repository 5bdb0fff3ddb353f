"""Handlers that the settings of an instance describe: what runs log goes to them, too."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from logging.config import DictConfigurator
from typing import Any

from cellmill.errors import InvalidConfigError


def make_handlers(described: Mapping[str, Any]) -> list[logging.Handler]:
    """Return the handlers of a description in the form of `logging.config`: `handlers`, `formatters` and `filters`.

    No logger of the process is touched, as `logging.config.dictConfig` would.

    Args:
        described: By section and name, what each of them is.

    Raises:
        InvalidConfigError: with the name of what cannot be made.
    """
    maker = DictConfigurator(deepcopy({"version": 1, "formatters": {}, "filters": {}, "handlers": {}, **described}))
    made: list[logging.Handler] = []
    # In this order: handlers look for formatters and filters among those that were made.
    for section, make in (
        ("formatters", maker.configure_formatter),
        ("filters", maker.configure_filter),
        ("handlers", maker.configure_handler),
    ):
        named = maker.config[section]
        for name in sorted(named):
            try:
                one = named[name] = make(named[name])
            except Exception as error:
                raise InvalidConfigError(
                    f"{name!r} among the {section} of dagster_handler_config of python_logs cannot be made: "
                    f"{error.__cause__ or error}"
                ) from error
            if isinstance(one, logging.Handler):
                one.name = name
                made.append(one)
    return made
