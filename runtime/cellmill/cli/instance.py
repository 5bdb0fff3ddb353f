"""`cellmill instance`: look at, migrate, export, examine and wipe the stored state."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_json, size_text
from cellmill.cli.run_record import run_row
from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import SchemaVersionError, StorageError
from cellmill.execution.retention import RetentionPolicy, release
from cellmill.instance.wire import dumps

#: Runs that are read at a time for an export.
_PAGE = 200


@click.group()
def instance() -> None:
    """Look at, migrate, export and wipe the stored state."""


@instance.command("info")
@json_option
@pass_app
def info(app: App, as_json: bool) -> None:
    """Say where the instance is, how large it is, and what it holds."""
    found = app.instance.info()
    found["values_bytes"] = _folder_size(app.home / "storage")
    if as_json:
        show_json(found)
        return
    app.console.print(f"home      {found['home']}")
    app.console.print(f"database  {found['database']}, schema {found['schema']}, {size_text(found['bytes'])}")
    app.console.print(f"values    {size_text(found['values_bytes'])}")
    for table, count in found["rows"].items():
        if count:
            app.console.print(f"  {table:<22}{count:>12,}")


def _folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


@instance.command("migrate")
@pass_app
def migrate(app: App) -> None:
    """Bring the database to this version's schema; nothing is lost."""
    app.console.print(f"The schema is at {app.instance.upgrade()}.")


@instance.command("wipe")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def wipe(app: App, yes: bool) -> None:
    """Forget all runs, events and states. Stored values stay where they are."""
    if not yes:
        click.confirm(f"Forget everything that is recorded in {app.home}?", abort=True)
    app.instance.wipe()
    app.console.print("Wiped.")


@instance.command("purge")
@click.option("--dry-run", is_flag=True, help="Only say which values would go.")
@click.option("--keep", type=click.IntRange(min=1), help="Versions of each value that stay.")
@click.option("--events-days", type=click.FloatRange(min=0), help="Days for which events stay [for ever].")
@click.option("--ticks-days", type=click.FloatRange(min=0), help="Days for which ticks stay [for ever].")
@pass_app
def purge(app: App, dry_run: bool, keep: int | None, events_days: float | None, ticks_days: float | None) -> None:
    """Let go of old versions of values, old events and old ticks, by [retention] of the workspace's file.

    What is current, what a run that goes on may still read, and what state is computed from always stays.
    """
    policy = retention_policy(app)
    policy = replace(
        policy,
        keep=policy.keep if keep is None else keep,
        events_days=policy.events_days if events_days is None else events_days,
        ticks_days=policy.ticks_days if ticks_days is None else ticks_days,
    )
    done = release(app.instance, policy, dry_run=dry_run)
    values = len(done.garbage.versions)
    if dry_run:
        for path in done.garbage.versions:
            app.console.print(path)
        app.errors.print(f"{values} values would go.")
        return
    app.console.print(f"{values} values, {done.purged.events} events and {done.ticks} ticks are gone.")


def retention_policy(app: App) -> RetentionPolicy:
    """What the workspace's file and the metadata of its assets say is kept."""
    metadata = {AssetKey(list(entry.key)): entry.metadata for entry in app.workspace.manifest.assets}
    return RetentionPolicy.of(app.config.settings.get("retention", {}), metadata)


@instance.command("export")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File [standard output].")
@pass_app
def export(app: App, output: Path | None) -> None:
    """Write all runs and their events as JSON lines, oldest first."""
    stream = output.open("w", encoding="utf-8") if output else sys.stdout
    try:
        count = 0
        cursor: str | None = None
        while True:
            records = app.instance.get_run_records(limit=_PAGE, cursor=cursor, ascending=True)
            for record in records:
                line: dict[str, Any] = {"run": run_row(record)}
                line["events"] = [json.loads(dumps(event)) for event in app.instance.all_logs(record.run_id)]
                stream.write(json.dumps(line, default=str) + "\n")
                count += 1
            if len(records) < _PAGE:
                break
            cursor = records[-1].run_id
    finally:
        if output:
            stream.close()
    app.errors.print(f"{count} runs written.")


@instance.command("doctor")
@json_option
@pass_app
def doctor(app: App, as_json: bool) -> int:
    """Look for what is wrong with the stored state."""
    findings = examine(app)
    bad = [finding for finding in findings if not finding["ok"]]
    if as_json:
        show_json({"ok": not bad, "findings": findings})
    else:
        for finding in findings:
            mark = "[green]ok[/]   " if finding["ok"] else "[red]wrong[/]"
            app.console.print(f"{mark} {finding['what']}: {finding['message']}".replace("\n", "\n      "))
    return EXIT_FAILED if bad else 0


def examine(app: App) -> list[dict[str, Any]]:
    """Return what is right and what is wrong with the stored state, each with its remedy."""
    findings: list[dict[str, Any]] = []

    def note(what: str, ok: bool, message: str) -> None:
        findings.append({"what": what, "ok": ok, "message": message})

    try:
        stored = app.instance
    except SchemaVersionError as error:
        note("schema", False, str(error))
        return findings
    except (StorageError, OSError) as error:
        note("storage", False, str(error))
        return findings
    facts = stored.info()
    note("storage", True, f"{facts['database']} in {app.home}, {size_text(facts['bytes'])}")
    if stored.db.dialect == "sqlite":
        result = stored.db.rows("PRAGMA quick_check")[0][0]
        note("integrity", result == "ok", "no damage" if result == "ok" else f"{result}\nRestore a copy of the file.")
    lost = stored.leases.expired_runs(limit=100)
    note(
        "runs",
        not lost,
        "every running run has a live process"
        if not lost
        else f"{len(lost)} runs have no process any more: {', '.join(run.run_id[:8] for run in lost)}\n"
        "Start 'cellmill daemon' (it fails them), or 'cellmill runs cancel' them.",
    )
    missing = _missing_values(app)
    note(
        "values",
        not missing,
        "every stored value is where it should be"
        if not missing
        else f"values are gone: {', '.join(missing[:10])}\nMaterialize them again.",
    )
    return findings


def _missing_values(app: App) -> list[str]:
    missing = []
    for key, state in app.instance.asset_states().items():
        ref = state.value_ref
        if ref is not None and "://" not in ref.path and not (app.home / "storage" / ref.path).exists():
            missing.append(key.to_user_string())
    return missing
