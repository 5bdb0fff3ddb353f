"""What people type: examples for the help of every command."""

from __future__ import annotations

from collections.abc import Mapping

import click

#: Path of a command -> command lines that a new project understands, with what they are for where that is not plain.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "init": ("cellmill init", "cellmill init analysis --name analysis"),
    "adopt": ("cellmill adopt flights.ipynb", "cellmill adopt flights.ipynb --write --style comment"),
    "dev": ("cellmill dev", "cellmill dev --no-browser --port 8899", "cellmill dev --no-lab"),
    "assets list": ("cellmill assets list", "cellmill assets list 'group:weather' --json"),
    "assets show": ("cellmill assets show daily_delays",),
    "assets graph": ("cellmill assets graph '*daily_delays'", "cellmill assets graph --json --no-state"),
    "assets wipe": ("cellmill assets wipe daily_delays", "cellmill assets wipe 'group:scratch' --yes"),
    "plan": ("cellmill plan daily_delays --upstream", "cellmill plan --stale"),
    "materialize": (
        "cellmill materialize daily_delays --upstream",
        "cellmill materialize --stale",
        "cellmill materialize 'group:weather and not key:\"raw*\"' --partition 2024-05-01",
        "cellmill materialize weather --partition-range 2024-05-01..2024-05-07 --executor multiprocess",
    ),
    "run": (
        "cellmill run flights.ipynb",
        'cellmill run flights.ipynb -p year 2024 -p airports \'["ATL", "ORD"]\'',
        "cellmill run flights.ipynb --secret password DATABASE_PASSWORD",
    ),
    "jobs list": ("cellmill jobs list",),
    "jobs run": ("cellmill jobs run nightly", "cellmill jobs run nightly --tag reason=late-data"),
    "runs list": ("cellmill runs list --status failure", "cellmill runs list --tag team=data --limit 100 --json"),
    "runs show": ("cellmill runs show last", "cellmill runs show 1f3a -f"),
    "runs logs": ("cellmill runs logs last -f", "cellmill runs logs 1f3a --step daily_delays"),
    "runs cancel": ("cellmill runs cancel 1f3a",),
    "runs retry": ("cellmill runs retry last", "cellmill runs retry 1f3a --from-start"),
    "runs notebook": ("cellmill runs notebook last --open", "cellmill runs notebook 1f3a --html"),
    "runs debug": ("cellmill runs debug last", "cellmill runs debug 1f3a --step daily_delays -o look.ipynb"),
    "schedules list": ("cellmill schedules list",),
    "schedules show": ("cellmill schedules show morning",),
    "schedules preview": ("cellmill schedules preview morning", "cellmill schedules preview morning 20 --json"),
    "schedules start": ("cellmill schedules start morning",),
    "schedules stop": ("cellmill schedules stop morning evening",),
    "schedules tick": ("cellmill schedules tick morning", "cellmill schedules tick morning --at 2024-05-01T06:00Z"),
    "schedules pin": ("cellmill schedules pin morning",),
    "schedules promote": ("cellmill schedules promote morning",),
    "schedules unpin": ("cellmill schedules unpin morning",),
    "sensors list": ("cellmill sensors list",),
    "sensors preview": ("cellmill sensors preview new_files",),
    "sensors start": ("cellmill sensors start new_files",),
    "sensors stop": ("cellmill sensors stop new_files",),
    "sensors tick": ("cellmill sensors tick new_files",),
    "backfill start": (
        "cellmill backfill start weather --all -f",
        "cellmill backfill start 'weather+' --partition-range 2024-05-01..2024-05-31 --title May",
    ),
    "backfill list": ("cellmill backfill list --json",),
    "backfill show": ("cellmill backfill show b3k9",),
    "backfill cancel": ("cellmill backfill cancel b3k9",),
    "backfill pause": ("cellmill backfill pause b3k9",),
    "backfill resume": ("cellmill backfill resume b3k9",),
    "backfill retry": ("cellmill backfill retry b3k9",),
    "partitions list": ("cellmill partitions list weather --missing",),
    "partitions status": ("cellmill partitions status weather",),
    "partitions add": ("cellmill partitions add regions north south",),
    "partitions remove": ("cellmill partitions remove regions south",),
    "checks list": ("cellmill checks list",),
    "checks run": ("cellmill checks run daily_delays", "cellmill checks run 'group:weather' --json"),
    "check": ("cellmill check", "cellmill check --strict --json", "cellmill check --describe"),
    "verify": ("cellmill verify daily_delays", "cellmill verify 'group:weather' --json"),
    "diff": (
        "cellmill diff daily_delays --tolerance 1e-6",
        "cellmill diff 1f3a 9c0d",
    ),
    "export": ("cellmill export flights.ipynb --module flights.py",),
    "daemon": ("cellmill daemon", "cellmill daemon --only scheduler --only queue"),
    "daemon status": ("cellmill daemon status --json",),
    "instance info": ("cellmill instance info",),
    "instance doctor": ("cellmill instance doctor --json",),
    "instance migrate": ("cellmill instance migrate",),
    "instance export": ("cellmill instance export -o runs.jsonl",),
    "instance purge": ("cellmill instance purge --dry-run", "cellmill instance purge --keep 3 --events-days 90"),
    "instance wipe": ("cellmill instance wipe --yes",),
    "graphql": (
        "cellmill graphql '{ version }'",
        "cellmill graphql -t '{ version }' --remote http://127.0.0.1:8888",
    ),
    "doctor": ("cellmill doctor", "cellmill doctor --json"),
    "completion": ("cellmill completion bash",),
}


def with_examples(command: click.Command, path: str) -> click.Command:
    """Return the command with its examples at the end of its help, and those below it with theirs."""
    lines = EXAMPLES.get(path)
    if lines and not command.epilog:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            with_examples(inner, f"{path} {name}")
    return command
