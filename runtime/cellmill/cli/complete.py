"""What a shell completes: names of assets, jobs, schedules, sensors and partitions, ids of runs and backfills."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from cellmill.cli.app import App
from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import CellmillError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.workspace import partitions as stored_partitions
else:
    stored_partitions = on_first_use("cellmill.workspace.partitions")

#: Ids that are offered, newest first.
_RECENT = 50


def _app(ctx: click.Context) -> App:
    """Return the command line's workspace and instance; completing runs no cell."""
    given = ctx.find_root().params
    options = {
        **(ctx.find_root().obj or {}),
        "workspace": given.get("workspace"),
        "files": given.get("python_file") or (),
        "modules": given.get("module_name") or (),
        "home": given.get("home"),
    }
    app = App(options)
    app.describe = False
    return app


def _completer(values: Callable[[App, click.Context], Iterable[str]]) -> Callable[..., list[str]]:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        root = ctx.find_root()
        try:
            with root.scope(cleanup=False):
                return [value for value in values(_app(ctx), ctx) if value.startswith(incomplete)]
        except (CellmillError, click.ClickException, OSError):
            return []  # a line that is being typed is no place for a message
        finally:
            root.close()

    return complete


def _partition_keys(app: App, ctx: click.Context) -> Iterable[str]:
    """Yield the partitions of the assets that stand on the line already."""
    # behind an option that waits for its value nothing is parsed yet
    given: Any = ctx.params.get("selection") or ctx.params.get("asset") or ctx.args
    for word in (given,) if isinstance(given, str) else given:
        entry = app.workspace.asset(AssetKey.from_user_string(word.strip("*+") or "*"))
        if entry is not None and entry.partitions is not None:
            definition = stored_partitions.partitions_from_json(entry.partitions)
            yield from reversed(definition.get_partition_keys(dynamic_partitions_store=app.instance))


def _dynamic_names(app: App, ctx: click.Context) -> Iterable[str]:
    for entry in app.workspace.manifest.assets:
        partitions = entry.partitions or {}
        text = str(partitions.get("text", ""))
        if partitions.get("kind") == "dynamic":
            yield str(partitions["name"])
        elif text.startswith("dynamic:"):
            yield text.removeprefix("dynamic:")


def _run_ids(app: App, ctx: click.Context) -> Iterable[str]:
    return ("last", *(record.run.run_id for record in app.instance.get_run_records(limit=_RECENT)))


complete_asset = _completer(lambda app, ctx: [entry.name for entry in app.workspace.manifest.assets])
complete_job = _completer(lambda app, ctx: [entry.name for entry in app.workspace.manifest.jobs])
complete_schedule = _completer(lambda app, ctx: [entry.name for entry in app.workspace.manifest.schedules])
complete_sensor = _completer(lambda app, ctx: [entry.name for entry in app.workspace.manifest.sensors])
complete_partition = _completer(_partition_keys)
complete_dynamic = _completer(_dynamic_names)
complete_run_id = _completer(_run_ids)
complete_what = _completer(
    lambda app, ctx: [*(entry.name for entry in app.workspace.manifest.assets), *_run_ids(app, ctx)]
)
complete_backfill = _completer(
    lambda app, ctx: [one.backfill_id for one in app.instance.backfills.search(limit=_RECENT)]
)
