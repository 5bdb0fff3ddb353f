"""What a materialization was made from: code version, and data versions of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.output import DataVersion

_CODE_VERSION = "dagster/code_version"
_USER_PROVIDED = "dagster/data_version_is_user_provided"
_INPUT_VERSION = "dagster/input_data_version/"
_INPUT_EVENT = "dagster/input_event_pointer/"


@dataclass(frozen=True, slots=True)
class DataProvenance:
    """What a materialization was made from."""

    code_version: str
    input_data_versions: Mapping[AssetKey, DataVersion] = field(default_factory=dict)
    input_storage_ids: Mapping[AssetKey, int | None] = field(default_factory=dict)
    is_user_provided: bool = False

    @staticmethod
    def from_tags(tags: Mapping[str, str]) -> DataProvenance | None:
        """Return the provenance that the tags of a materialization tell; None where they tell of none."""
        code_version = tags.get(_CODE_VERSION)
        if code_version is None:
            return None
        versions = {
            AssetKey.from_user_string(name.removeprefix(_INPUT_VERSION)): DataVersion(value)
            for name, value in tags.items()
            if name.startswith(_INPUT_VERSION)
        }
        pointers = {
            AssetKey.from_user_string(name.removeprefix(_INPUT_EVENT)): None if value == "NULL" else int(value)
            for name, value in tags.items()
            if name.startswith(_INPUT_EVENT)
        }
        return DataProvenance(code_version, versions, pointers, tags.get(_USER_PROVIDED) == "true")

    def has_input_asset(self, key: AssetKey) -> bool:
        """Return whether the asset was an input."""
        return key in self.input_data_versions
