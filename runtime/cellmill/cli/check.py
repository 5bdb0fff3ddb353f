"""`cellmill check`: validate the whole workspace, running no user code where that is possible."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_json
from cellmill.first_use import on_first_use
from cellmill.workspace.manifest import ProblemEntry, entry_dict
from cellmill.workspace.validate import validate_manifest

if TYPE_CHECKING:
    from cellmill.cli import audit as notebook_audit
else:
    notebook_audit = on_first_use("cellmill.cli.audit")

#: Problems that are written out; the rest is counted.
_SHOWN = 200


@click.command()
@click.option(
    "--audit", is_flag=True, help="Also run fresh asset cells again in clean kernels and compare what they give."
)
@click.option(
    "--describe",
    is_flag=True,
    help="Also run, in their host, the cells that make what a notebook's text does not show.",
)
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@json_option
@pass_app
def check(app: App, audit: bool, describe: bool, strict: bool, as_json: bool) -> int:
    """Validate the workspace: cycles, missing upstreams, duplicate names, bad crons, cells that cannot be read.

    Exit code 0 without errors, 1 with. Modules are loaded in their hosts; notebooks are only read, and what only
    running them would tell is a warning, unless --describe is given or the answer is kept from before.
    """
    app.describe = describe
    manifest = app.workspace.manifest
    problems = validate_manifest(manifest)
    if audit:
        problems += notebook_audit.audit_notebooks(app)
    errors = [problem for problem in problems if problem.severity == "error"]
    failed = bool(errors or (strict and problems))
    if as_json:
        show_json({"ok": not failed, **_counts(app), "problems": [entry_dict(problem) for problem in problems]})
        return EXIT_FAILED if failed else 0
    for problem in problems[:_SHOWN]:
        app.console.print(problem_line(problem))
    if len(problems) > _SHOWN:
        app.console.print(f"… and {len(problems) - _SHOWN} more.")
    counts = _counts(app)
    what = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    tally = Counter(problem.severity for problem in problems)
    found = ", ".join(f"{tally[s]} {s}{'s' if tally[s] > 1 else ''}" for s in ("error", "warning") if tally[s])
    app.console.print(f"{what or 'nothing'}: {found or 'no problems'}.", style="red" if failed else "green")
    return EXIT_FAILED if failed else 0


def problem_line(problem: ProblemEntry) -> str:
    """Return a problem for people: severity, place, message, remedy."""
    colour = "red" if problem.severity == "error" else "yellow"
    place = str(problem.place) or problem.location
    message = problem.message.removeprefix(place).lstrip(": ") if place else problem.message
    lines = [f"[{colour}]{problem.severity}[/] [bold]{_escape(place)}[/]: {_escape(message)}"]
    if problem.remedy and problem.remedy not in message:
        lines.append(f"  {_escape(problem.remedy)}")
    return "\n".join(lines)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")


def _counts(app: App) -> dict[str, Any]:
    manifest = app.workspace.manifest
    notebooks = {entry.notebook for entry in manifest.assets if entry.notebook}
    return {
        "locations": len(app.workspace.locations),
        "notebooks": len(notebooks),
        "assets": len(manifest.assets),
        "jobs": len(manifest.jobs),
        "schedules": len(manifest.schedules),
        "sensors": len(manifest.sensors),
    }
