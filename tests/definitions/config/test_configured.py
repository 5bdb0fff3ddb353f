"""`configured`, config mappings and config from files: config that is made before it is checked."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from cellmill.definitions.config.config_mapping import ConfigMapping, config_mapping
from cellmill.definitions.config.configured import configured
from cellmill.definitions.config.env_var import EnvVar, is_env_var
from cellmill.definitions.config.field import Field
from cellmill.definitions.config.files import (
    config_from_files,
    config_from_pkg_resources,
    config_from_yaml_strings,
    deep_merge,
)
from cellmill.definitions.config.source import StringSource
from cellmill.definitions.init_resource_context import InitResourceContext
from cellmill.definitions.logger import LoggerDefinition, colored_console_logger
from cellmill.definitions.resource import ResourceDefinition, resource
from cellmill.definitions.resource_scope import build_init_resource_context
from cellmill.errors import (
    CheckError,
    ConfigMappingFunctionError,
    InvalidConfigError,
    InvariantViolationError,
    ParameterCheckError,
)


@resource(config_schema={"a": int, "b": Field(str, default_value="q")})
def shown(context: InitResourceContext) -> Any:
    """A resource that is its config."""
    return context.resource_config


def made(definition: ResourceDefinition, config: Any = None) -> Any:
    """What the resource is for this config."""
    return definition(build_init_resource_context(config=config))


def test_fixed_config() -> None:
    """A resource configured with a dictionary needs no config, and gets the defaults of what was not given."""
    assert made(shown.configured({"a": 3})) == {"a": 3, "b": "q"}


def test_config_by_function() -> None:
    """A resource configured by a function takes the function's config and gets what the function returns."""

    @configured(shown, config_schema=int)
    def doubled(value: int) -> dict[str, int]:
        return {"a": value * 2}

    assert made(doubled, 4) == {"a": 8, "b": "q"}


def test_configured_twice() -> None:
    """What is configured can be configured again."""
    once = shown.configured(lambda value: {"a": value["n"]}, config_schema={"n": int})

    assert made(once.configured({"n": 5})) == {"a": 5, "b": "q"}


def test_the_result_of_the_function_is_checked() -> None:
    """Config that a function makes must fit the schema it is made for."""
    with pytest.raises(InvalidConfigError, match='Value "x"'):
        made(shown.configured(lambda _: {"a": "x"}), {})


def test_wrong_fixed_config_is_found() -> None:
    """Fixed config must fit the schema too."""
    with pytest.raises(InvalidConfigError, match="Received unexpected config entry"):
        made(shown.configured({"a": 1, "z": 2}))


def test_an_error_in_the_function_names_it() -> None:
    """A function that raises gives an error with the cause."""
    with pytest.raises(ConfigMappingFunctionError, match="ZeroDivisionError") as caught:
        made(shown.configured(lambda _: 1 / 0), {})

    assert isinstance(caught.value.user_exception, ZeroDivisionError)


def test_a_logger_can_be_configured() -> None:
    """Loggers are configured as resources are."""
    quiet = colored_console_logger.configured({"log_level": "ERROR"})

    assert isinstance(quiet, LoggerDefinition)
    assert not quiet.config_field.is_required


def test_only_definitions_can_be_configured() -> None:
    """Anything but a definition is refused."""
    with pytest.raises(CheckError):
        configured(3)({})  # type: ignore[type-var]


def test_a_mapping_is_a_function_with_a_schema() -> None:
    """The decorator makes a mapping whose outer config is checked and resolved before the function gets it."""

    @config_mapping(config_schema={"n": Field(int, default_value=2)})
    def outer(config: dict[str, int]) -> dict[str, Any]:
        return {"ops": {"a": {"config": config["n"]}}}

    assert outer.resolve_from_unvalidated_config({}) == {"ops": {"a": {"config": 2}}}
    with pytest.raises(InvalidConfigError):
        outer.resolve_from_unvalidated_config({"n": "x"})


def test_a_bare_mapping_takes_any_config() -> None:
    """Without a schema the function gets what is given."""

    @config_mapping
    def outer(config: Any) -> dict[str, Any]:
        return {"got": config}

    assert isinstance(outer, ConfigMapping)
    assert outer.resolve_from_unvalidated_config({"x": 1}) == {"got": {"x": 1}}


def test_a_mapping_may_get_config_as_written() -> None:
    """With receive_processed_config_values=False the function gets defaults, and variables as they are written."""
    outer = ConfigMapping(lambda config: dict(config), {"n": Field(int, default_value=2), "s": StringSource}, False)

    assert outer.resolve_from_unvalidated_config({"s": {"env": "X"}}) == {"n": 2, "s": {"env": "X"}}


def test_a_mapping_must_return_a_dictionary() -> None:
    """A result that is no dictionary is named in the error."""
    with pytest.raises(InvalidConfigError, match="must return a dictionary; got 3"):
        ConfigMapping(lambda _: 3).resolve_from_unvalidated_config({})


def test_a_mapping_needs_a_function() -> None:
    """A mapping is made of a function."""
    with pytest.raises(ParameterCheckError):
        ConfigMapping(3)  # type: ignore[arg-type]


def test_files_are_merged_in_order(tmp_path: pathlib.Path) -> None:
    """Later files win, and nested dictionaries are merged."""
    (tmp_path / "a.yaml").write_text("ops:\n  x: {config: 1}\n  y: {config: 2}\n")
    (tmp_path / "b.yaml").write_text("ops:\n  y: {config: 3}\n")

    assert config_from_files([str(tmp_path / "*.yaml")]) == {"ops": {"x": {"config": 1}, "y": {"config": 3}}}


def test_a_pattern_without_files_is_an_error(tmp_path: pathlib.Path) -> None:
    """A path that names no file is refused."""
    with pytest.raises(InvariantViolationError, match="produced no results"):
        config_from_files([str(tmp_path / "none.yaml")])


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2", "just text"])
def test_yaml_that_is_no_dictionary_is_an_error(text: str) -> None:
    """Broken YAML and YAML of another form are refused."""
    with pytest.raises(InvariantViolationError):
        config_from_yaml_strings([text])


def test_yaml_texts() -> None:
    """Config is read from texts, empty ones included."""
    assert config_from_yaml_strings(["a: 1", "", "b: {c: 2}", "b: {d: 3}"]) == {"a": 1, "b": {"c": 2, "d": 3}}


def test_files_of_packages(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Config is read from files that are part of packages; what is not there is named."""
    package = tmp_path / "cellmill_test_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "c.yaml").write_text("a: 1")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert config_from_pkg_resources([("cellmill_test_package", "c.yaml")]) == {"a": 1}
    with pytest.raises(InvariantViolationError, match="none.yaml"):
        config_from_pkg_resources([("cellmill_test_package", "none.yaml")])
    with pytest.raises(InvariantViolationError, match="cellmill_no_such_package"):
        config_from_pkg_resources([("cellmill_no_such_package", "c.yaml")])


def test_merging_replaces_what_is_no_dictionary() -> None:
    """Only dictionaries are merged; lists and scalars are replaced."""
    assert deep_merge({"a": [1], "b": {"c": 1}}, {"a": [2], "b": 3}) == {"a": [2], "b": 3}


def test_env_vars_are_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference gives its variable's value on request, or a default."""
    monkeypatch.setenv("CELLMILL_TEST_VALUE", "7")

    assert EnvVar("CELLMILL_TEST_VALUE").get_value() == "7"
    assert EnvVar.int("CELLMILL_TEST_VALUE").get_value() == 7
    assert EnvVar("CELLMILL_NOT_SET").get_value() is None
    assert EnvVar("CELLMILL_NOT_SET").get_value("d") == "d"
    assert EnvVar.int("CELLMILL_NOT_SET").get_value(3) == 3


@pytest.mark.parametrize("use", [lambda: str(EnvVar("X")), lambda: f"{EnvVar.int('X')}", lambda: int(EnvVar.int("X"))])
def test_env_vars_are_not_taken_for_their_values(use: Any) -> None:
    """Using a reference as if it were the value is an error that says how to read it."""
    with pytest.raises(RuntimeError, match="environment variable"):
        use()


def test_env_vars_show_their_name() -> None:
    """A reference shows the variable's name, never its value."""
    assert repr(EnvVar("X")) == "EnvVar('X')"
    assert repr(EnvVar.int("X")) == "EnvVar.int('X')"
    assert is_env_var(EnvVar("X"))
    assert EnvVar("X") != "X"
