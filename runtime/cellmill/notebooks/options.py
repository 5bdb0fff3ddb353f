"""The options of `%%asset`, `%%op`, `%%check` and `%%sensor`: one table for parser, help and completion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

OptionKind = Literal["flag", "text", "list", "pairs", "int", "float", "json"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `parameter` is the argument of the decorator that it stands for."""

    name: str
    parameter: str
    kind: OptionKind
    help: str
    example: str = ""
    #: what a flag sets; ``--no-output-required`` sets ``output_required`` to False
    value: bool = True
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The option as written: ``--group``."""
        return "--" + self.name

    @property
    def takes_value(self) -> bool:
        """False for flags."""
        return self.kind != "flag"


_DESCRIPTION = Option("description", "description", "text", "Text shown with it (else the leading string)")
_TAGS = Option("tags", "tags", "pairs", "Tags", "team=air,tier=1", aliases=("tag",))
_RESOURCES = Option(
    "resources", "required_resource_keys", "list", "Resources the body reads", "db", aliases=("required-resource-keys",)
)
_CONFIG = Option(
    "config",
    "config_schema",
    "json",
    "Fields of its config, as JSON of type names; int? may be left out",
    '{"limit": "int"}',
    aliases=("config-schema",),
)
_RETRIES = Option("retries", "max_retries", "int", "Tries after a failure", "3")
_RETRY_DELAY = Option("retry-delay", "retry_delay", "float", "Seconds between tries", "30")
_BACKOFF = Option("retry-backoff", "retry_backoff", "text", "How delays grow", choices=("linear", "exponential"))
_CODE_VERSION = Option("code-version", "code_version", "text", "Version instead of the fingerprint", "2")
_POOL = Option("pool", "pool", "text", "Concurrency pool", "database")
_INS = Option("ins", "ins", "pairs", "Names of the body that stand for other assets", "df=raw/flights")
_DEPS = Option("deps", "deps", "list", "Upstreams that are not loaded", "raw_files")
_NO_INFER = Option("no-infer", "infer", "flag", "Take upstreams from --deps and --ins only", value=False)
_IO = Option(
    "io-manager", "io_manager_key", "text", "Resource key of the IO manager", "warehouse", aliases=("io-manager-key",)
)
_OP_TAGS = Option("op-tags", "op_tags", "pairs", "Tags of its step", "dagster/priority=3")
_STATUS = Option("status", "default_status", "text", "At the start", choices=("running", "stopped"))

ASSET = (
    Option("key", "key", "text", "Whole asset key", "raw/flights"),
    Option("key-prefix", "key_prefix", "text", "What stands before the name in the key", "raw"),
    Option("group", "group_name", "text", "Group", "flights", aliases=("group-name",)),
    _DESCRIPTION,
    Option("metadata", "metadata", "pairs", "Metadata of the definition", "owner_url=https://example.org"),
    _TAGS,
    Option("owners", "owners", "list", "E-mail addresses or team:NAME", "team:air", aliases=("owner",)),
    Option("kinds", "kinds", "list", "Kinds shown as badges", "pandas,parquet", aliases=("kind",)),
    Option("compute-kind", "compute_kind", "text", "Older form of --kinds", "pandas"),
    _IO,
    Option("type", "dagster_type", "text", "Name of the type that the value is checked against", "DataFrame"),
    Option(
        "partitions", "partitions_def", "text", "Partitions: daily|hourly|weekly|monthly:START, static:A,B, "
        "dynamic:NAME, cron:EXPRESSION@START or a variable", "daily:2013-01-01", aliases=("partitions-def",),
    ),
    Option("partition-mapping", "partition_mapping", "pairs", "Upstream=mapping", "flights=last"),
    Option("backfill-policy", "backfill_policy", "text", "single_run or runs of N partitions", "single_run"),
    Option(
        "auto", "automation_condition", "text", "When it is made by itself: eager, on_missing or on_cron:EXPRESSION",
        "eager", aliases=("automation-condition",),
    ),
    Option("freshness", "freshness_policy", "text", "Longest age, as 24h or 30m", "24h"),
    Option("check", "check", "text", "A condition on the value; may be repeated", '"len(flights) > 0"'),
    _DEPS, _INS, _NO_INFER, _RESOURCES, _CONFIG, _CODE_VERSION, _OP_TAGS, _RETRIES, _RETRY_DELAY, _BACKOFF, _POOL,
    Option("optional", "output_required", "flag", "The body may give no value", value=False,
           aliases=("no-output-required",)),
    Option("can-subset", "can_subset", "flag", "Several names: each may be made alone"),
    Option("non-deterministic", "non_deterministic", "flag", "Every run gives a new data version"),
    Option("observable", "observable", "flag", "Only observed: the body returns a data version"),
    Option("verbose", "verbose", "flag", "Show cellmill's own lines in tracebacks"),
)  # fmt: skip

OP = (
    _DESCRIPTION, _TAGS, _INS, _NO_INFER, _IO, _RESOURCES, _CONFIG, _CODE_VERSION, _RETRIES, _RETRY_DELAY, _BACKOFF,
    _POOL,
    Option("out", "out", "list", "Names of several outputs", "train,test"),
    Option("optional", "is_required", "flag", "The body may give no value", value=False),
)  # fmt: skip

CHECK = (
    Option("asset", "asset", "text", "The asset that is checked (else the one named in the body)", "flights"),
    _DESCRIPTION,
    Option("blocking", "blocking", "flag", "Failure stops what is downstream"),
    Option("severity", "severity", "text", "How bad a failure is", choices=("ERROR", "WARN")),
    Option("metadata", "metadata", "pairs", "Metadata of the definition"),
    Option("auto", "automation_condition", "text", "When it is evaluated by itself", "eager"),
    _INS, _NO_INFER, _RESOURCES, _CONFIG, _RETRIES, _RETRY_DELAY, _BACKOFF, _POOL,
)  # fmt: skip

SENSOR = (
    Option("job", "job_name", "text", "Job that its requests run", "nightly"),
    Option("target", "target", "text", "Selection of assets that its requests run", "flights*", aliases=("selection",)),
    Option("interval", "minimum_interval_seconds", "int", "Seconds between evaluations", "30"),
    _DESCRIPTION, _TAGS, _STATUS, _RESOURCES,
)  # fmt: skip

SCHEDULE = (
    Option("name", "name", "text", "Name (else from the selection)", "nightly"),
    Option("timezone", "execution_timezone", "text", "Time zone of the cron line", "Europe/Berlin",
           aliases=("execution-timezone",)),
    _DESCRIPTION, _TAGS, _STATUS,
)  # fmt: skip

JOB = (
    _DESCRIPTION,
    _TAGS,
    Option("partitions", "partitions_def", "text", "Partitions of the job", "daily:2013-01-01"),
    _CONFIG,
)

GRAMMARS: Mapping[str, tuple[Option, ...]] = MappingProxyType(
    {"asset": ASSET, "op": OP, "check": CHECK, "sensor": SENSOR, "schedule": SCHEDULE, "job": JOB}
)
#: Cell magics of ours: their body is Python.
CELL_KINDS = ("asset", "op", "check", "sensor")

_BY_NAME: dict[str, dict[str, Option]] = {
    kind: {name: option for option in options for name in (option.name, *option.aliases)}
    for kind, options in GRAMMARS.items()
}


def find_option(kind: str, name: str) -> Option | None:
    """The option of that name (or alias), underscores and dashes alike."""
    return _BY_NAME[kind].get(name.replace("_", "-"))


def option_names(kind: str) -> tuple[str, ...]:
    """All names of options, without dashes, for completion and for the nearest name."""
    return tuple(_BY_NAME[kind])


def help_text(kind: str) -> str:
    """What ``%%asset?`` prints: usage, every option, examples."""
    lines = [_USAGE[kind], ""]
    for option in GRAMMARS[kind]:
        shown = option.flag if not option.takes_value else f"{option.flag} {_metavar(option)}"
        note = (
            f" ({'|'.join(option.choices)})" if option.choices else f"  e.g. {option.example}" if option.example else ""
        )
        lines.append(f"  {shown:<34} {option.help}{note}")
    return "\n".join([*lines, "", *_EXAMPLES[kind]])


def _metavar(option: Option) -> str:
    return {"list": "A,B", "pairs": "K=V,…", "int": "N", "float": "SECONDS", "json": "JSON"}.get(option.kind, "TEXT")


_USAGE = {
    "asset": "%%asset [NAME …] [options]\nMake this cell a software-defined asset: its value is the last "
    "expression, or "
    "the variable of that name.",
    "op": "%%op NAME [options]\nMake this cell an op: the names it reads and nothing binds are its inputs.",
    "check": "%%check [NAME] [options]\n"
    "Make this cell a check of an asset: its last expression is true when it passes.",
    "sensor": "%%sensor NAME --job JOB | --target SELECTION [options]\n"
    "Make this cell a sensor: its value is a RunRequest, a SkipReason or a SensorResult.",
    "schedule": '%schedule "CRON" SELECTION [options]\nDeclare a schedule of the selected assets.',
    "job": "%job NAME = SELECTION [options]\nDeclare a job of the selected assets.",
}
_EXAMPLES = {
    "asset": (
        "Examples:", "  %%asset daily_delays --group flights",
        '  %%asset daily_delays --partitions daily:2013-01-01 --check "len(daily_delays) > 0"',
        "  %%asset train test --deps raw_files",
        "  #| asset daily_delays --group flights      (the same, as a comment)",
    ),
    "op": ("Examples:", "  %%op clean --retries 3",),
    "check": ("Examples:", "  %%check no_nulls --asset flights --blocking", "  flights.dep_delay.notna().all()"),
    "sensor": ("Examples:", "  %%sensor new_file --target flights --interval 60",),
    "schedule": ("Examples:", '  %schedule "*/5 * * * *" daily_delays',
                 '  %schedule "0 6 * * *" *daily_delays --timezone Europe/Berlin --name morning'),
    "job": ("Examples:", "  %job nightly = group:flights",),
}  # fmt: skip
