"""A small client of a cellmill server: `CellmillClient("http://localhost:8888", token="…")`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from cellmill.errors import CellmillError

#: Path of the API below a server's base URL.
PATH = "/cellmill/graphql"
#: Seconds between two questions whether a run has ended.
_POLL_S = 0.5
_FINAL = frozenset({"SUCCESS", "FAILURE", "CANCELED"})

_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on RunConfigValidationInvalid { errors { message } }
  ... on Error { message } } }"""
_STATUS = "query($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } ... on Error { message } } }"
_TERMINATE = """mutation($id: String!) { terminateRun(runId: $id) { __typename ... on Error { message } } }"""
_RELOAD = """mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) {
  __typename ... on Error { message }
  ... on WorkspaceLocationEntry { locationOrLoadError { __typename ... on Error { message } } } } }"""
_ASSETS = "{ assetNodes { assetKey { path } groupName jobNames staleStatus dependencyKeys { path } } }"
_REPORT = """mutation($params: ReportRunlessAssetEventsParams!) { reportRunlessAssetEvents(eventParams: $params) {
  __typename ... on Error { message } } }"""


class ClientError(CellmillError):
    """A cellmill server could not be asked, or refused what it was asked."""


@dataclass(frozen=True, slots=True)
class AssetView:
    """One asset as a server shows it."""

    key: tuple[str, ...]
    group: str
    state: str
    upstream: tuple[tuple[str, ...], ...]


class CellmillClient:
    """Asks a Jupyter server with cellmill; every method raises `ClientError` with the server's own words."""

    def __init__(self, url: str, *, token: str | None = None, timeout_s: float = 60.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ClientError(f"{url!r} is no address of a server; write http://localhost:8888.")
        path = parts.path.rstrip("/")
        path = path if path.endswith(PATH) else path.removesuffix("/cellmill") + PATH
        self.url = f"{parts.scheme}://{parts.netloc}{path}"
        self._token = token
        self._timeout_s = timeout_s

    def answer(self, query: str, variables: Mapping[str, Any] | None = None, operation: str | None = None) -> Any:
        """Return the whole answer to a GraphQL document, errors included, as JSON data."""
        body = {"query": query, "variables": dict(variables or {}), "operationName": operation}
        headers = {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"token {self._token}"
        request = Request(self.url, json.dumps(body).encode(), headers)
        try:
            with urlopen(request, timeout=self._timeout_s) as response:
                return json.loads(response.read())
        except HTTPError as error:
            remedy = " Give the server's token." if error.code in (401, 403) else ""
            raise ClientError(f"{self.url} answered {error.code} {error.reason}.{remedy}") from None
        except (URLError, OSError) as error:
            raise ClientError(f"{self.url} cannot be reached ({getattr(error, 'reason', error)}).") from None
        except ValueError:
            raise ClientError(f"{self.url} answered no JSON: is it a Jupyter server with cellmill?") from None

    def query(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Return the data of a GraphQL document."""
        answer = self.answer(query, variables)
        if answer.get("errors"):
            raise ClientError(answer["errors"][0]["message"])
        return answer["data"]

    # -- runs --------------------------------------------------------------------------------------------------

    def run_job(
        self,
        name: str,
        *,
        location: str | None = None,
        run_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        ops: Sequence[str] | None = None,
    ) -> str:
        """Start a run of a job, and return its id."""
        selector: dict[str, Any] = {"jobName": name, "repositoryLocationName": location, "solidSelection": ops}
        return self._launch(selector, run_config, tags)

    def materialize(
        self, *assets: str | Sequence[str], partition: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Start a run that makes these assets (``"flights"``, or the parts of a key), and return its id."""
        paths = [asset.split("/") if isinstance(asset, str) else list(asset) for asset in assets]
        marked = {**(tags or {}), **({"dagster/partition": partition} if partition else {})}
        return self._launch({"assetSelection": [{"path": path} for path in paths]}, None, marked)

    def run_status(self, run_id: str) -> str:
        """Return the state of a run, such as ``STARTED`` or ``SUCCESS``."""
        status: str = _good(self.query(_STATUS, {"id": run_id})["runOrError"], "Run")["status"]
        return status

    def wait(self, run_id: str, *, timeout_s: float | None = None) -> str:
        """Return the final state of a run as soon as it has one."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (status := self.run_status(run_id)) not in _FINAL:
            if deadline is not None and time.monotonic() > deadline:
                raise ClientError(f"Run {run_id} is still {status} after {timeout_s:g} s.")
            time.sleep(_POLL_S)
        return status

    def terminate(self, run_id: str) -> None:
        """Stop a run; what it has made stays."""
        _good(self.query(_TERMINATE, {"id": run_id})["terminateRun"], "TerminateRunSuccess")

    def _launch(
        self, selector: Mapping[str, Any], run_config: Mapping[str, Any] | None, tags: Mapping[str, str] | None
    ) -> str:
        given = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        params = {"selector": selector, "runConfigData": run_config or {}, "executionMetadata": {"tags": given}}
        found: str = _good(self.query(_LAUNCH, {"params": params})["launchRun"], "LaunchRunSuccess")["run"]["runId"]
        return found

    # -- definitions and assets --------------------------------------------------------------------------------

    def assets(self) -> list[AssetView]:
        """Return every asset with its state."""
        return [
            AssetView(
                tuple(node["assetKey"]["path"]),
                node["groupName"],
                node["staleStatus"],
                tuple(tuple(key["path"]) for key in node["dependencyKeys"]),
            )
            for node in self.query(_ASSETS)["assetNodes"]
        ]

    def reload_location(self, name: str) -> None:
        """Read a code location again; a location that cannot be loaded is an error."""
        entry = _good(self.query(_RELOAD, {"name": name})["reloadRepositoryLocation"], "WorkspaceLocationEntry")
        _good(entry["locationOrLoadError"], "RepositoryLocation")

    def report_materialization(
        self, asset: str | Sequence[str], *, partition: str | None = None, description: str | None = None
    ) -> None:
        """Record that an asset was made outside cellmill."""
        path = asset.split("/") if isinstance(asset, str) else list(asset)
        params = {
            "eventType": "ASSET_MATERIALIZATION",
            "assetKey": {"path": path},
            "partitionKeys": [partition] if partition else None,
            "description": description,
        }
        _good(self.query(_REPORT, {"params": params})["reportRunlessAssetEvents"], "ReportRunlessAssetEventsSuccess")


def _good(found: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
    if found["__typename"] == wanted:
        return found
    details = "; ".join(error["message"] for error in found.get("errors") or ())
    raise ClientError(details or found.get("message") or found["__typename"])
