"""Checking and resolving config values against a schema."""

from __future__ import annotations

from typing import Any

from cellmill.definitions.config.config_type import ConfigType
from cellmill.definitions.config.evaluation import EvaluateValueResult, Problems
from cellmill.definitions.config.field import convert_to_field


def as_config_type(schema: Any) -> ConfigType:
    """The config type of a type, a Field or any shorthand."""
    return schema if isinstance(schema, ConfigType) else convert_to_field(schema).config_type


def validate_config(config_schema: Any, config_value: Any) -> EvaluateValueResult:
    """The value as given, or every problem with it; defaults and environment variables are left alone."""
    problems = Problems()
    as_config_type(config_schema).check(config_value, (), problems)
    return EvaluateValueResult.for_errors(problems) if problems else EvaluateValueResult.for_value(config_value)


def resolve_defaults(config_schema: Any, config_value: Any) -> EvaluateValueResult:
    """A valid value with the defaults filled in; environment variables are left alone."""
    return _resolve(config_schema, config_value, environment=False)


def post_process_config(config_schema: Any, config_value: Any) -> EvaluateValueResult:
    """A valid value with defaults filled in, environment variables read and enum members looked up."""
    return _resolve(config_schema, config_value, environment=True)


def process_config(config_schema: Any, config_value: Any) -> EvaluateValueResult:
    """The value that user code gets for a config value, or every problem with it."""
    config_type = as_config_type(config_schema)
    checked = validate_config(config_type, config_value)
    return post_process_config(config_type, config_value) if checked.success else checked


def _resolve(config_schema: Any, config_value: Any, environment: bool) -> EvaluateValueResult:
    problems = Problems()
    value = as_config_type(config_schema).resolve(config_value, (), problems, environment)
    return EvaluateValueResult.for_errors(problems) if problems else EvaluateValueResult.for_value(value)
