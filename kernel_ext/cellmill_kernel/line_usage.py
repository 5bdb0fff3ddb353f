"""The line magics: their names and usage, as help, completion and `%cellmill help` show them."""

from __future__ import annotations

from cellmill.notebooks.options import help_text

#: Line magics: name -> (function of `commands`, usage with examples); the function is imported at its first use.
LINES: dict[str, tuple[str, str]] = {
    "materialize": (
        "materialize",
        "%materialize [SELECTION] [--stale] [--upstream] [--partition KEY]\n"
        "Make the selected assets, upstreams first. In a run they are made as part of it, each at most once.\n\n"
        "Examples:\n"
        "  %materialize daily_delays\n  %materialize *daily_delays\n  %materialize group:flights --stale\n"
        "  %materialize daily_delays --partition 2013-01-05",
    ),
    "assets": (
        "assets",
        "%assets [SELECTION]\nList the assets of the workspace with their state.\n\n"
        "Examples:\n  %assets\n  %assets group:raw",
    ),
    "asset": (
        "asset",
        "%asset NAME\nShow one asset: description, code, upstreams, last materialization, preview.\n\n"
        "Examples:\n  %asset daily_delays",
    ),
    "lineage": (
        "lineage",
        "%lineage [SELECTION] [--static]\nShow the graph of assets, coloured by state and kept live.\n\n"
        "Examples:\n  %lineage\n  %lineage *daily_delays*\n  %lineage --static",
    ),
    "stale": ("stale", "%stale\nList the assets that are stale or missing, and why.\n\nExamples:\n  %stale"),
    "why": (
        "why",
        "%why NAME\nWhy an asset is stale, and what it depends on through which lines.\n\n"
        "Examples:\n  %why daily_delays",
    ),
    "load_asset": (
        "load_asset",
        "%load_asset NAME [--as VARIABLE] [--partition KEY]\nBind a stored value to its name.\n\n"
        "Examples:\n  %load_asset flights\n  %load_asset raw/flights --as df",
    ),
    "history": (
        "history",
        "%history NAME [--limit N] [--outputs]\nThe materializations of an asset, latest first; --outputs shows what "
        "its cell showed at the latest. Without the name of an asset this is IPython's own %history.\n\n"
        "Examples:\n  %history daily_delays\n  %history daily_delays --outputs",
    ),
    "diff": (
        "diff",
        "%diff NAME\nWhat changed between the last two stored versions of an asset.\n\nExamples:\n  %diff daily_delays",
    ),
    "runs": ("runs", "%runs [--limit N]\nThe latest runs.\n\nExamples:\n  %runs\n  %runs --limit 20"),
    "backfill": (
        "backfill",
        "%backfill [SELECTION] [--partition KEY] [--range FIRST..LAST] [--all]\n"
        "Have partitions of assets made by the daemon; without a selection, list the backfills.\n\nExamples:\n"
        "  %backfill daily_delays --all\n  %backfill daily_delays --range 2013-01-01..2013-01-31\n  %backfill",
    ),
    "resources": (
        "resources",
        "%resources\nThe resources that the notebook's Definitions give, and which assets use them.\n\n"
        "Examples:\n  %resources",
    ),
    "schedule": ("schedule", help_text("schedule")),
    "job": ("job", help_text("job")),
    "audit": (
        "audit",
        "%audit [on|off]\nWhat the cells that ran really did, against what their text says: "
        "hidden state, mutated upstreams, clocks and unseeded randomness. After %audit on every cell that runs is "
        "recorded: what it really read, bound and changed in place; Python loops are slow until %audit off.\n\n"
        "Examples:\n  %audit\n  %audit on\n  %audit off",
    ),
    "cellmill": (
        "cellmill",
        "%cellmill [status|help|verbose on|verbose off]\nThe state of this session, and all magics.\n\nExamples:\n"
        "  %cellmill\n  %cellmill help\n  %cellmill verbose on",
    ),
}
