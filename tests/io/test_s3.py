"""Values in S3: a real HTTP server that speaks its protocol, the same store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from cellmill import ByTypeIOManager, build_input_context, build_output_context
from cellmill.errors import SecurityError, ValueNotFoundError
from cellmill.io.garbage import collect
from cellmill.io.value_store import ValueStore
from moto import server as moto_server

BUCKET = "cellmill-values"

# botocore and moto warn about themselves.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of an S3 server on this machine, with one empty bucket."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def options(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What a store needs to reach the bucket."""
    import s3fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = {"endpoint_url": endpoint}
    filesystem = s3fs.S3FileSystem(client_kwargs=client)
    if not filesystem.exists(BUCKET):
        filesystem.mkdir(BUCKET)
    return {"client_kwargs": client}


def test_values_in_a_bucket(options: dict[str, object], tmp_path: Path) -> None:
    """Tables, pickles, partitions, versions and garbage collection work in a bucket as in a folder."""
    base = f"s3://{BUCKET}/{tmp_path.name}"
    manager = ByTypeIOManager(base, key_folder=tmp_path, is_default=False, **options)
    frame = pd.DataFrame({"a": [1, 2]})
    ref = manager.handle_output(build_output_context(asset_key=["s", "a"]), frame)
    manager.handle_output(build_output_context(asset_key=["s", "a"]), {1: 2})
    assert ref is not None and ref.base == base

    pd.testing.assert_frame_equal(manager.store.read(ref), frame)
    assert manager.load_input(build_input_context(asset_key=["s", "a"])) == {1: 2}
    with pytest.raises(ValueNotFoundError):
        manager.load_input(build_input_context(asset_key="nothing"))
    gone = collect(manager.store, live=(), keep=1, grace_s=-3600)
    assert gone.versions == (ref.path,)


@pytest.mark.security
def test_a_pickle_that_another_key_signed_is_refused(options: dict[str, object], tmp_path: Path) -> None:
    """Whoever may write to the bucket may not run code here."""
    base = f"s3://{BUCKET}/{tmp_path.name}"
    ref = ValueStore(base, key_folder=tmp_path / "theirs", **options).write("assets/a", (1,))
    with pytest.raises(SecurityError, match="signature does not fit"):
        ValueStore(base, key_folder=tmp_path / "ours", **options).read(ref)
