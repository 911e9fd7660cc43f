"""Files of commits of git repositories, from the cache of repositories and with the credentials of `access`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from scorefly.config.access import access_entries
from scorefly.config.settings import Settings
from scorefly.config.workload_configs import WorkloadConfigs
from scorefly.problems import ExternalError, InputError, external_error, option_place
from scorefly.score.document import MAX_BYTES
from scorefly.sources.access import Access, Entry
from scorefly.sources.repository import Pin, Ref, RefKind, Source, parse_repository
from scorefly.sources.store import Store, cache_folder

PLACE = option_place("provisioners")


class GitFiles:
    """Reads files of repositories. `entries` are the credentials, by prefix."""

    def __init__(self, environ: Mapping[str, str], entries: Sequence[Entry] = (), cache: str = "") -> None:
        self._environ = environ
        self._entries = entries
        self._cache = cache

    def read(self, address: str, commit: str, path: str) -> bytes:
        """Return a file of a commit. Raises ExternalError."""
        source = Source(parse_repository(address, PLACE), Ref("commit", commit), "", PLACE)
        pin = Pin(source, commit, commit)
        with Access(self._entries, self._environ) as access:
            store = self._store(access)
            if problem := store.fetch([pin]).get(pin):
                raise ExternalError(problem)
            content = store.read(pin, path)
        if content is None:
            message = f"{source.repository.key} has no file {path!r} at {commit[:7]}"
            raise external_error(message, "check the path", PLACE)
        if len(content) > MAX_BYTES:
            raise external_error(f"{address} has more than {MAX_BYTES >> 20} MiB", "", PLACE)
        return content

    def find_commit(self, address: str, name: str) -> str:
        """Return the commit of a branch or a tag, or of the default branch. Raises ExternalError."""
        kinds: tuple[RefKind, ...] = ("branch", "tag") if name else ("head",)
        with Access(self._entries, self._environ) as access:
            repository = parse_repository(address, PLACE)
            sources = [Source(repository, Ref(kind, name), "", PLACE) for kind in kinds]
            found = self._store(access).find_commits(sources)
        pins = [each for each in found.values() if isinstance(each, Pin)]
        if not pins:
            raise ExternalError(*(each for each in found.values() if not isinstance(each, Pin)))
        return pins[0].commit

    def _store(self, access: Access) -> Store:
        return Store(cache_folder(self._cache, self._environ, option_place("source-cache")), access)


def git_files(settings: Settings) -> GitFiles:
    """Return a reader with the credentials of a run."""
    workloads = settings.workloads
    entries = settings.access
    if not entries and isinstance(workloads, WorkloadConfigs) and not settings.untrusted:
        try:
            entries = tuple(access_entries(settings, workloads.file))
        except InputError:
            entries = ()  # a tree reports it; elsewhere the section may be for other runs
    cache = settings.source_cache
    if cache and not Path(cache).is_absolute():
        cache = str(settings.workspace / cache)
    return GitFiles(settings.environ, entries, cache)
