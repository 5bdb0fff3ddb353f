"""The flights example on a Dask cluster: values in S3, the instance on PostgreSQL, all of it on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cellmill import AssetKey, Definitions, define_asset_job
from cellmill.definitions.run_config import resolve_run_config
from cellmill.execution.executors.dask import DaskExecutor
from cellmill.execution.executors.dask_pool import DaskCluster
from cellmill.instance.instance import Instance
from cellmill.planning.event import EventType
from cellmill.planning.planner import plan_job
from cellmill.planning.run import RunStatus
from moto import server as moto_server

# moto, botocore and Dask warn about themselves.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def bucket() -> Iterator[str]:
    """The address of an S3 server on this machine, with one empty bucket."""
    import s3fs

    from .flights_assets import BUCKET

    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = {"endpoint_url": endpoint, "region_name": "eu-central-1"}
    s3fs.S3FileSystem(key="test", secret="test", client_kwargs=client).mkdir(BUCKET)
    yield endpoint
    server.stop()


def test_flights_on_two_workers_with_s3_and_postgresql(
    bucket: str, dask_address: str, postgres_url: str, tmp_path: Path
) -> None:
    """Seven tables are made by two workers, lie in the bucket, are known to the catalog, and can be read back."""
    from .flights_assets import ASSETS, BUCKET, bucket_io_manager

    base = f"s3://{BUCKET}/values"
    stored = bucket_io_manager.configured({"base": base, "endpoint": bucket})
    definitions = Definitions(assets=ASSETS, jobs=[define_asset_job("flights_job")], resources={"io_manager": stored})
    job = definitions.get_job_def("flights_job")
    with Instance.get(tmp_path / "home", storage=postgres_url) as instance:
        run = instance.create_run(job_name=job.name)
        executor = DaskExecutor(DaskCluster(address=dask_address, allow_insecure=True))
        result = executor.execute(job, plan_job(job), run, instance, resolve_run_config(job, {}))

        assert result.success
        found = instance.get_run_by_id(run.run_id)
        assert found is not None and found.status is RunStatus.SUCCESS
        assert len(instance.all_logs(run.run_id, EventType.ASSET_MATERIALIZATION)) == len(ASSETS)
        for one in ASSETS:
            ref = instance.find_value_ref(AssetKey(one.key.path))
            assert ref is not None and ref.base == base
        assert definitions.load_asset_value("made_by", instance=instance) != os.getpid()
        assert len(definitions.load_asset_value("daily_delays", instance=instance)) == 365
        carriers = definitions.load_asset_value("carriers", instance=instance)
        assert int(carriers["flights"].sum()) == 328_521 and int(carriers["cancelled"].sum()) == 8_255
    assert not list((tmp_path / "home").glob("**/*.parquet"))
