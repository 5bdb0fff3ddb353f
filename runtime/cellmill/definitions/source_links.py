"""Assets that say where their functions are written: the file and line, or a link to a repository."""

from __future__ import annotations

import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellmill.definitions.code_references import CodeReference, LocalFileCodeReference, UrlCodeReference
from cellmill.definitions.metadata import CodeReferencesMetadataValue


class FilePathMapping(ABC):
    """Says where a local file lies in the repository that holds it."""

    @abstractmethod
    def convert_to_source_control_path(self, local_path: Path) -> str:
        """Return the path below the repository's root.

        Args:
            local_path: The path of a file on this machine.
        """


@dataclass(frozen=True)
class AnchorBasedFilePathMapping(FilePathMapping):
    """Knows the place of one file in the repository, and finds the others from there.

    Args:
        local_file_anchor: A file or folder on this machine.
        file_anchor_path_in_repository: The same file or folder, from the repository's root.
    """

    local_file_anchor: Path
    file_anchor_path_in_repository: str

    def convert_to_source_control_path(self, local_path: Path) -> str:
        """Return the path below the repository's root.

        Args:
            local_path: The path of a file on this machine.
        """
        from_anchor = os.path.relpath(local_path, Path(self.local_file_anchor).resolve())
        return os.path.normpath(os.path.join(self.file_anchor_path_in_repository, from_anchor)).replace(os.sep, "/")


def with_source_code_references(assets_defs: Sequence[Any]) -> list[Any]:
    """Return the assets, each with the file and line of its function in its metadata.

    Args:
        assets_defs: Definitions of assets; what has no function stays as it is.
    """
    return [_referred(one) for one in assets_defs]


def _referred(one: Any) -> Any:
    function = _function_of(one)
    if function is None:
        return one
    code = inspect.unwrap(function)
    path = inspect.getsourcefile(code) or code.__code__.co_filename
    reference = LocalFileCodeReference(str(Path(path).resolve()), code.__code__.co_firstlineno)
    return one.map_asset_specs(lambda spec: _with_references(spec, [*_references(spec), reference]))


def _function_of(one: Any) -> Any:
    node = getattr(one, "node_def", None)
    function = getattr(node, "compute_fn", None)
    function = getattr(function, "decorated_fn", function)
    return function if function is not None and hasattr(inspect.unwrap(function), "__code__") else None


def _references(spec: Any) -> Sequence[CodeReference]:
    found = spec.metadata.get("dagster/code_references")
    return found.code_references if found is not None else ()


def _with_references(spec: Any, references: Sequence[CodeReference]) -> Any:
    value = CodeReferencesMetadataValue(code_references=list(references))
    return spec.replace_attributes(metadata={**spec.metadata, "dagster/code_references": value})


def link_code_references_to_git(
    assets_defs: Sequence[Any],
    git_url: str,
    git_branch: str,
    file_path_mapping: FilePathMapping,
    platform: str | None = None,
) -> list[Any]:
    """Return the assets with their references to local files turned into links to the repository.

    Args:
        assets_defs: Assets with references, as `with_source_code_references` returns them.
        git_url: Address of the repository, such as `https://github.com/owner/name`.
        git_branch: Branch, tag or commit that the links show.
        file_path_mapping: Where local files lie in the repository.
        platform: "github" or "gitlab"; None finds out from the address.

    Raises:
        ValueError: for an address that is neither of GitHub nor of GitLab, where no platform is given.
    """
    base = _blob_url(git_url.rstrip("/"), git_branch, platform)

    def linked(reference: CodeReference) -> CodeReference:
        if isinstance(reference, UrlCodeReference):
            return reference
        path = file_path_mapping.convert_to_source_control_path(Path(reference.file_path))
        line = f"#L{reference.line_number}" if reference.line_number is not None else ""
        return UrlCodeReference(f"{base}/{path}{line}", reference.label)

    def changed(spec: Any) -> Any:
        references = _references(spec)
        return _with_references(spec, [linked(each) for each in references]) if references else spec

    return [one.map_asset_specs(changed) if hasattr(one, "map_asset_specs") else one for one in assets_defs]


def _blob_url(url: str, branch: str, platform: str | None) -> str:
    if platform == "gitlab" or (platform is None and "gitlab.com" in url):
        return f"{url}/-/tree/{branch}"
    if platform == "github" or (platform is None and "github.com" in url):
        return f"{url}/tree/{branch}"
    raise ValueError(
        f"The platform of {url!r} is unknown: give platform='github' or platform='gitlab', or the address of a "
        "repository there."
    )
