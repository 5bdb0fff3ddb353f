"""`cellmill materialize`: make assets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cellmill.cli.app import App, pass_app, problem_text
from cellmill.cli.choice import Choice, chosen_assets, partition_keys
from cellmill.cli.complete import complete_asset, complete_partition
from cellmill.cli.launch import RunOrder, executor_tags, parse_tags, read_config_file, start_and_follow
from cellmill.definitions.asset_key import AssetKey
from cellmill.first_use import on_first_use
from cellmill.planning.run import MEMOIZED_TAG, PARTITION_RANGE_END_TAG, PARTITION_RANGE_START_TAG, PARTITION_TAG
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.run_names import ASSET_JOB, PARALLEL_TAG
from cellmill.workspace.validate import first_cycle

if TYPE_CHECKING:
    from cellmill.cli import plan
    from cellmill.cli import stale as stale_assets
else:
    stale_assets = on_first_use("cellmill.cli.stale")
    plan = on_first_use("cellmill.cli.plan")


@click.command()
@click.argument("selection", nargs=-1, shell_complete=complete_asset)
@click.option("-u", "--upstream", is_flag=True, help="Also everything upstream.")
@click.option("--stale", is_flag=True, help="Only what is stale or missing; of partitioned assets, those partitions.")
@click.option("--partition", metavar="KEY", shell_complete=complete_partition, help="Of this partition.")
@click.option("--partition-range", metavar="FIRST..LAST", help="Of these partitions, both ends included.")
@click.option(
    "--config", "config_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Run config."
)
@click.option("--executor", help="in_process, multiprocess, dask or dask:ADDRESS.")
@click.option("--parallel", type=click.IntRange(1), help="Notebooks at the same time [2].")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag of the run.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@click.option("--detach", is_flag=True, help="Write the run's id and do not wait.")
@pass_app
def materialize(
    app: App,
    selection: Sequence[str],
    upstream: bool,
    stale: bool,
    partition: str | None,
    partition_range: str | None,
    config_file: Path | None,
    executor: str | None,
    parallel: int | None,
    tags: tuple[str, ...],
    dry_run: bool,
    detach: bool,
) -> int:
    """Make the assets of SELECTION, in the notebooks' own kernels; only the cells they need are run.

    Upstreams that are not selected are loaded from where they are stored. With --stale alone, all assets are meant,
    and all their partitions that are stale or missing (--partition-range limits them).
    """
    if not dry_run:
        app.prepare_run()
    app.warn_problems()
    choice = chosen_assets(
        app, selection, upstream=upstream, stale=stale, partition=partition, partition_range=partition_range
    )
    entries = choice.entries
    if not entries:
        app.console.print("Everything is fresh.", style="green")
        return 0
    if dry_run:
        plan.show_plan(app, choice)
        return 0
    if (circle := first_cycle(entries, app.workspace.manifest)) is not None:
        raise click.ClickException(problem_text(circle))
    _refuse_missing_upstreams(app, entries, partition)
    run_tags = parse_tags(tags)
    if parallel:
        run_tags[PARALLEL_TAG] = str(parallel)
    if stale:
        # What turns out to be fresh because its upstreams came out the same is left out.
        run_tags[MEMOIZED_TAG] = "true"
    if executor:
        run_tags |= executor_tags(executor)
    config = read_config_file(config_file)
    parts = _parts(app, choice, partition, partition_range)
    for number, (keys, tags_of_part) in enumerate(parts, start=1):
        if len(parts) > 1 and not detach:
            of = " to ".join(tags_of_part.values()) or ", ".join(key.to_user_string() for key in keys)
            app.console.print(f"Run {number} of {len(parts)}: {of}", style="bold")
        order = RunOrder(job_name=ASSET_JOB, assets=keys, tags={**run_tags, **tags_of_part}, run_config=config)
        if code := start_and_follow(app, order, detach=detach):
            return code
    return 0


def _parts(
    app: App, choice: Choice, partition: str | None, partition_range: str | None
) -> list[tuple[list[AssetKey], dict[str, str]]]:
    """Return the assets and the tags of each run, in the order in which they are to be made."""
    if choice.targets is not None and any(keys is not None for keys in choice.targets.values()):
        units = stale_assets.units_of(app, choice.entries, choice.targets)
        return [([AssetKey.from_escaped_user_string(name) for name in unit.assets], unit.tags) for unit in units]
    keys = [entry.asset_key for entry in choice.entries]
    if choice.targets is not None:
        return [(keys, {})]
    wanted = partition_keys(app, choice.entries, partition, partition_range)
    return [(keys, tags) for tags in _partition_tags(wanted, choice.entries)]


def _partition_tags(keys: Sequence[str | None], entries: Sequence[AssetEntry]) -> list[dict[str, str]]:
    """Return the tags of each run that `keys` need: one run a key, or fewer where all assets' policies allow it."""
    limits = [entry.backfill_limit for entry in entries if entry.partitions]
    if len(keys) < 2 or any(limit is None for limit in limits):
        return [{} if key is None else {PARTITION_TAG: key} for key in keys]
    size = min((limit for limit in limits if limit), default=len(keys))
    chunks = [keys[at : at + size] for at in range(0, len(keys), size)]
    return [
        {PARTITION_TAG: str(chunk[0])}
        if len(chunk) == 1
        else {PARTITION_RANGE_START_TAG: str(chunk[0]), PARTITION_RANGE_END_TAG: str(chunk[-1])}
        for chunk in chunks
    ]


def _refuse_missing_upstreams(app: App, entries: Sequence[AssetEntry], partition: str | None) -> None:
    chosen = {entry.key for entry in entries}
    by_key = app.workspace.assets_by_key
    needed: dict[tuple[str, ...], AssetEntry] = {}
    for entry in entries:
        for up in entry.upstream:
            if up not in chosen and up in by_key and by_key[up].materializable:
                needed.setdefault(up, entry)
    if not needed:
        return
    stored = app.instance.asset_states([AssetKey(key) for key in needed])
    missing = [key for key in needed if not _is_stored(stored.get(AssetKey(key)))]
    if missing:
        lines = [f"  {'/'.join(key)}, which {needed[key].name} reads" for key in missing[:10]]
        raise click.ClickException(
            "Some upstreams were never made:\n" + "\n".join(lines) + "\nAdd --upstream to make them too."
        )


def _is_stored(state: Any) -> bool:
    return state is not None and state.is_materialized
