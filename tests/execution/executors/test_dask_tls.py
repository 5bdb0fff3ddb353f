"""A Dask cluster with TLS: certificates of our own, a real scheduler and worker, and strangers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cellmill import Instance
from cellmill.definitions.run_config import resolve_run_config
from cellmill.errors import InvalidConfigError
from cellmill.execution.executors import dask_pool
from cellmill.execution.executors.dask import DaskExecutor, cluster_from_config
from cellmill.execution.executors.dask_pool import DaskClusterGone
from cellmill.planning.planner import plan_job

from .jobs import diamond

# Dask and its event loop warn about themselves.
pytestmark = [pytest.mark.security, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@dataclass(frozen=True)
class Files:
    """A certificate signed by itself, and its key."""

    certificate: Path
    key: Path


def _signed_by_itself(folder: Path) -> Files:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cellmill test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    made = Files(folder / "cert.pem", folder / "key.pem")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What the cluster and its friends have."""
    return _signed_by_itself(tmp_path_factory.mktemp("tls") / "own")


@pytest.fixture(scope="module")
def address(files: Files) -> Iterator[str]:
    """A cluster that speaks with nobody who has not these files."""
    import distributed

    security = distributed.Security(
        tls_ca_file=str(files.certificate),
        tls_scheduler_cert=str(files.certificate),
        tls_scheduler_key=str(files.key),
        tls_worker_cert=str(files.certificate),
        tls_worker_key=str(files.key),
        tls_client_cert=str(files.certificate),
        tls_client_key=str(files.key),
        require_encryption=True,
    )
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        host="127.0.0.1",
        protocol="tls://",
        security=security,
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as cluster:
        yield cluster.scheduler_address


def _executor(address: str, files: Files | None) -> DaskExecutor:
    existing: dict[str, Any] = {"address": address}
    if files is not None:
        existing |= {
            "tls_ca_file": str(files.certificate),
            "tls_client_cert": str(files.certificate),
            "tls_client_key": str(files.key),
        }
    return DaskExecutor(cluster_from_config({"cluster": {"existing": existing}}))


def _carried_out(executor: DaskExecutor, instance: Instance) -> Any:
    run = instance.create_run(job_name=diamond.name)
    return executor.execute(diamond, plan_job(diamond), run, instance, resolve_run_config(diamond, {}))


def test_a_run_over_tls(address: str, files: Files, instance: Instance) -> None:
    """With the files the steps run; the address needs no word that allows it."""
    assert address.startswith("tls://")
    result = _carried_out(_executor(address, files), instance)

    assert result.success and result.output_for_node("total") == 6


def test_who_lacks_the_files_is_told_which(address: str, instance: Instance) -> None:
    """A `tls://` address without files is a mistake in the configuration."""
    with pytest.raises(InvalidConfigError, match="tls_ca_file, tls_client_cert and tls_client_key"):
        _carried_out(_executor(address, None), instance)


def test_who_has_other_files_is_kept_out(
    address: str, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that the scheduler does not know reaches nothing."""
    monkeypatch.setattr(dask_pool, "CONNECT_TIMEOUT_S", 2.0)
    with pytest.raises(DaskClusterGone, match=address):
        _carried_out(_executor(address, _signed_by_itself(tmp_path / "stranger")), instance)
