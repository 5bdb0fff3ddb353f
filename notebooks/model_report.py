"""The model's cells and the report on it, as one code location.

`cellmill -f notebooks/model_report.py materialize '*'` makes both.
"""

from __future__ import annotations

from pathlib import Path

from cellmill import AssetIn, Definitions, load_assets_from_notebooks, notebook_asset

HERE = Path(__file__).parent

model_report = notebook_asset(
    HERE / "report.ipynb",
    name="model_report",
    ins={"scores": AssetIn("scores")},
    group_name="model",
    description="The report on the model, executed with its scores.",
)

defs = Definitions(assets=[*load_assets_from_notebooks(HERE / "model.ipynb"), model_report])
