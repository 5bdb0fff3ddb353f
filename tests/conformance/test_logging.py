"""Logging: levels, loggers of jobs, messages as events."""

import logging

import pytest

from tests.conformance.api import dg


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_log_levels(level):
    """Each level of the log is an event with that level."""

    @dg.op
    def talks(context):
        getattr(context.log, level)("hello")

    @dg.job
    def j():
        talks()

    instance = dg.DagsterInstance.ephemeral()
    run_id = j.execute_in_process(instance=instance).run_id
    (line,) = [one_ for one_ in instance.all_logs(run_id) if one_.user_message == "hello"]

    assert line.level == getattr(logging, level.upper())


def test_own_logger_gets_messages():
    """A job's own logger gets what ops log."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(record.dagster_meta["orig_message"] if hasattr(record, "dagster_meta") else record.msg)

    @dg.logger(config_schema={"level": dg.Field(str, default_value="INFO")})
    def keeping(context):
        made = logging.Logger("keeping", level=context.logger_config["level"])
        made.addHandler(Keep())
        return made

    @dg.op
    def talks(context):
        context.log.info("hello")
        context.log.debug("quiet")

    @dg.job(logger_defs={"keeping": keeping})
    def j():
        talks()

    assert j.execute_in_process(run_config={"loggers": {"keeping": {"config": {}}}}).success
    assert any("hello" in line for line in lines)
    assert not any("quiet" in line for line in lines)


def test_custom_logger():
    """A logger definition receives the job's messages."""
    seen = []

    @dg.logger(config_schema={"level": dg.Field(str, is_required=False, default_value="INFO")})
    def capture(init_context):
        class Handler(logging.Handler):
            def emit(self, record):
                seen.append(record.getMessage())

        log = logging.Logger("capture", level=init_context.logger_config["level"])
        log.addHandler(Handler())
        return log

    @dg.op
    def talk(context):
        context.log.info("hello there")
        context.log.debug("not this")

    @dg.job(logger_defs={"capture": capture})
    def j():
        talk()

    j.execute_in_process(run_config={"loggers": {"capture": {}}})

    assert any("hello there" in m for m in seen)
    assert not any("not this" in m for m in seen)


def test_log_messages_are_events():
    """What is logged is kept with the run."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.op
    def talk(context):
        context.log.warning("careful")

    @dg.job
    def j():
        talk()

    result = j.execute_in_process(instance=instance)

    assert any("careful" in e.user_message for e in instance.all_logs(result.run_id))
