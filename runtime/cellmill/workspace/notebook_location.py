"""The notebooks of a workspace as one code location, read without running them and cached by content."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellmill.first_use import on_first_use
from cellmill.workspace.cache import ScanCache
from cellmill.workspace.config import LocationConfig
from cellmill.workspace.described_notebooks import DescribedNotebooks, Description
from cellmill.workspace.discovery import find_notebooks
from cellmill.workspace.location import Hosted
from cellmill.workspace.manifest import MANIFEST_VERSION, Manifest, merge_manifests, problem_of

if TYPE_CHECKING:
    from cellmill.notebooks import decorators
    from cellmill.workspace import factories as factory_modules
else:
    decorators = on_first_use("cellmill.notebooks.decorators")
    factory_modules = on_first_use("cellmill.workspace.factories")

Key = tuple[str, ...]
_WORDS = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class _Names:
    """The first look at a notebook: the assets it makes, and the words by which it could read others."""

    keys: tuple[Key, ...]
    words: frozenset[str]
    #: Whether it makes more than its text shows; and the variables that hold partitions of its asset cells.
    computed: bool = False
    variables: tuple[str, ...] = ()
    #: Files that its cells `%run`, by their paths from the workspace's root.
    runs: tuple[str, ...] = ()


class NotebookLocation(Hosted):
    """All notebooks of a location.

    Two cached looks at each notebook: which assets it makes and which words it uses (by its content), then what it
    offers (by its content, the assets of others that its words could mean, and the local modules it imports).
    So an edit reads one notebook again, and those that a new asset's name concerns. What a text does not show is asked
    of the location's host, unless `describe` is False: then it is told as not known, or taken from the cache.
    """

    def __init__(
        self,
        config: LocationConfig,
        settings: Mapping[str, Any],
        cache: ScanCache,
        *,
        root: Path,
        all_load: bool = False,
        describe: bool = True,
    ) -> None:
        super().__init__(config, settings)
        self._cache = cache
        self.root = root
        self._described = DescribedNotebooks(self, cache, ask=describe)
        self._only_cellmill = all_load
        # both looks of the last reading by their keys: the next one decodes only what changed
        self._seen_names: dict[str, _Names] = {}
        self._seen_entries: dict[str, Manifest] = {}

    def forget_failure(self) -> None:
        """Ask for the descriptions again that could not be given."""
        self._described.forget_failures()

    def paths(self) -> list[Path]:
        """Return the location's notebooks."""
        return find_notebooks(
            self.root, self.config.targets, exclude=self.config.exclude, only_cellmill=self._only_cellmill
        )

    def read(self, other_assets: Iterable[Key] = ()) -> Manifest:
        """Return what the notebooks offer; a notebook that cannot be read is a problem and harms no other.

        `other_assets` are the keys that modules define: names in cells may mean them.
        """
        paths = self.paths()
        digests = self._cache.digests(paths)
        names = self._first_look(digests)
        modules = _LocalModules(self.root, self._cache)
        computed = {
            path: found.variables
            for path, found in names.items()
            if found.computed
            or (found.runs and self._run_definitions(found, names))
            or (modules.stamp(found.words) and not found.words.isdisjoint(modules.factories()))
        }
        described = self._described.read({path: (digests[path], variables) for path, variables in computed.items()})
        index: dict[str, list[Key]] = {}
        every = [
            *(key for found in names.values() for key in found.keys),
            *(k for d in described.values() for k in d.keys),
        ]
        for key in dict.fromkeys([*other_assets, *every]):
            index.setdefault(key[-1], []).append(key)
        try:
            return self._second_look(paths, digests, names, index, modules, described)
        finally:
            forget_scans()

    def modules(self) -> Mapping[str, str]:
        """Return the sources of the workspace's Python modules by their dotted names."""
        return _LocalModules(self.root, self._cache).sources()

    # -- first look --------------------------------------------------------------------------------------------

    def _first_look(self, digests: Mapping[Path, str]) -> dict[Path, _Names]:
        keys = {path: f"names:{_VERSION}:{digest}" for path, digest in digests.items()}
        seen = self._seen_names
        kept = self._cache.get_many(key for key in keys.values() if key not in seen)
        found, fresh = {}, {}
        for path, key in keys.items():
            if key in seen:
                found[path] = seen[key]
                continue
            data = kept.get(key)
            if data is None:
                data = fresh[key] = _reading().first_look(path, self.relative(path))
            found[path] = _Names(
                tuple(map(tuple, data["keys"])),
                frozenset(data["words"]),
                data.get("computed", False),
                tuple(data.get("variables", ())),
                tuple(data.get("runs", ())),
            )
        self._cache.put_many(fresh)
        self._seen_names = {keys[path]: names for path, names in found.items()}
        return found

    def relative(self, path: Path) -> str:
        """Return the path as shown: from the workspace's root."""
        below, base = os.fspath(path), os.path.join(self.root, "")
        # the rule for a notebook below the root, and half the time of a warm look over a thousand of them
        inside = below.startswith(base) and os.pardir not in below
        return (below[len(base) :] if inside else os.path.relpath(path, self.root)).replace(os.sep, "/")

    # -- second look -------------------------------------------------------------------------------------------

    def _second_look(
        self,
        paths: list[Path],
        digests: Mapping[Path, str],
        names: Mapping[Path, _Names],
        index: Mapping[str, list[Key]],
        modules: _LocalModules,
        described: Mapping[Path, Description],
    ) -> Manifest:
        wanted: dict[Path, tuple[str, list[Key]]] = {}
        for path, found in names.items():
            own = {*found.keys, *(described[path].keys if path in described else ())}
            words, ran = self._with_runs(found, names)
            others = sorted(key for word in words & index.keys() for key in index[word] if key not in own)
            facts = [self.relative(path), digests[path], others, modules.stamp(words), *ran]
            if path in described:
                facts.append(described[path].digest)
            wanted[path] = ("entries:" + _VERSION + ":" + _hash(repr(facts)), others)
        before = self._seen_entries
        now: dict[str, Manifest] = {}
        kept = self._cache.get_many(key for key, _ in wanted.values() if key not in before)
        parts, fresh = [], {}
        for path in paths:
            if path not in wanted:
                error = OSError(f"{self.relative(path)} cannot be read.")
                problem = problem_of(error, kind="notebook", notebook=self.relative(path), location=self.name)
                parts.append(Manifest(problems=(problem,)))
                continue
            key, others = wanted[path]
            data = kept.get(key)
            if key in before:
                now[key] = before[key]
            elif data is None:
                words, _ = self._with_runs(names[path], names)
                sources = modules.sources() if modules.stamp(words) else {}
                told = described[path].data if path in described else None
                read: Manifest = _reading().second_look(path, self.relative(path), others, sources, told)
                fresh[key] = read.to_json()
                now[key] = read.located(self.name)
            else:
                now[key] = Manifest.from_json(data, self.name)
            parts.append(now[key])
        parts += [found.problems(self.name) for found in described.values() if found.failed]
        self._cache.put_many(fresh)
        self._seen_entries = now
        return merge_manifests(*parts)

    def _with_runs(self, found: _Names, names: Mapping[Path, _Names]) -> tuple[frozenset[str], list[str]]:
        """Return the words of a notebook and of the files that it runs, and what changes when one of those changes."""
        words, ran = found.words, []
        for path in self._files_run(found, names):
            digest = self._cache.digests([path]).get(path)
            ran.append(f"{path.name} {digest}")
            if digest is None:
                continue
            other = names.get(path)
            words |= other.words if other is not None else frozenset(words_of(path.read_text("utf-8", "replace")))
        return words, sorted(ran)

    def _files_run(self, found: _Names, names: Mapping[Path, _Names]) -> list[Path]:
        """Return the files that a notebook runs, and those that these run; one that is not there is among them."""
        files = dict.fromkeys(self.root / run for run in found.runs)
        todo = list(files)
        while todo:
            other = names.get(todo.pop())
            more = [self.root / run for run in (other.runs if other is not None else ())]
            todo += [path for path in more if path not in files]
            files.update(dict.fromkeys(more))
        return list(files)

    def _run_definitions(self, found: _Names, names: Mapping[Path, _Names]) -> bool:
        """Return whether a script that a notebook runs says that it defines something: only running it tells what."""
        scripts = (path for path in self._files_run(found, names) if path.suffix == ".py" and path.is_file())
        may_define = decorators.may_define
        return any(may_define(path.read_text("utf-8", "replace")) for path in scripts)


class _LocalModules:
    """The Python modules of the workspace, whose code counts in the versions of assets that import them."""

    def __init__(self, root: Path, cache: ScanCache) -> None:
        self._cache = cache
        self._paths: dict[str, Path] = {}
        for path in find_notebooks(root, ["**/*.py"]):
            parts = list(path.relative_to(root).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            for start in range(len(parts)):
                # A notebook imports from the root and from its own folder.
                self._paths.setdefault(".".join(parts[start:]), path)
        self._tops = {name.partition(".")[0] for name in self._paths}
        self._digest = _hash(repr(sorted(cache.digests(set(self._paths.values())).items()))) if self._paths else ""
        self._sources: dict[str, str] | None = None
        self._factories: frozenset[str] | None = None

    def stamp(self, words: frozenset[str]) -> str:
        """Return what changes when a module changes that a notebook with these words may import; else nothing."""
        return self._digest if words & self._tops else ""

    def factories(self) -> frozenset[str]:
        """Return the names of what makes assets when it is called, by which modules offer it."""
        if self._factories is None:
            key = f"factories:{_VERSION}:{self._digest}"
            kept = self._cache.get_many([key])
            if key not in kept:
                kept[key] = {"names": sorted(factory_modules.factory_names(self.sources().values()))}
                self._cache.put_many(kept)
            self._factories = frozenset(kept[key]["names"])
        return self._factories

    def sources(self) -> Mapping[str, str]:
        """Return the source of each module by its dotted name."""
        if self._sources is None:
            self._sources = {}
            for name, path in self._paths.items():
                try:
                    self._sources[name] = path.read_text("utf-8")
                except (OSError, UnicodeDecodeError):
                    continue
        return self._sources


def words_of(text: str) -> list[str]:
    """Return the distinct identifiers in a text."""
    return sorted(set(_WORDS.findall(text)))


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


#: Part of every cache key: another form, Python or analyser reads anew.
_VERSION = f"{MANIFEST_VERSION}.{sys.version_info[0]}.{sys.version_info[1]}"


def forget_scans() -> None:
    """Let go of the syntax trees that the two looks shared."""
    module = sys.modules.get(_READING)
    if module is not None:
        module.forget_scans()


_READING = "cellmill.workspace.notebook_reading"


def _reading() -> Any:
    """Return the module that reads notebooks: 200 ms of imports that a warm cache never needs."""
    return import_module(_READING)
