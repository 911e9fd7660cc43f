"""Documents on refs of a git server, each replaced by compare-and-swap."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from scorefly import interruption
from scorefly.confidential import Confidential
from scorefly.git.process import Done, Git, told
from scorefly.problems import ExternalError, Place, external_error

_FILE = "document"
_RETRIES = (1.0, 4.0)  # seconds before a server that failed is asked again

# The helper is asked for this server alone, wherever it may redirect to. `printf` is the shell's own: no argument of
# a process holds the token.
_HELPER = """!f() { if test "$1" = get; then printf 'username=%s\\npassword=%s\\n' \
"$SCOREFLY_GIT_USERNAME" "$SCOREFLY_GIT_PASSWORD"; fi; }; f"""


class Credentials(Confidential, frozen=True):
    """The credentials for a server. `server` is its URL without a path; no other server receives them."""

    server: str
    username: str
    password: str


class Address(Confidential, frozen=True):
    """A repository: its URL, in which there is no secret, and who we are there."""

    url: str
    credentials: Credentials | None = None


class Version(Struct, frozen=True):
    """A document as it stands on a ref: the commit's id, and the content."""

    id: str
    content: bytes


# What git and GitHub say, in words; what it means; what to do. The first that is found decides.
_FAILURES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("error: 403", "Permission to", "not granted"),
        "the token may not do that",
        "give the job `permissions: contents: write`; a pull request of a fork has no such token: rehearse there",
    ),
    (
        ("Authentication failed", "could not read Username", "could not read Password", "error: 401"),
        "the server wants to know who asks",
        "give github-token",
    ),
    (
        ("declined", "protected", "GH013"),
        "the repository has a rule or hook against it",
        "let the job write refs/scorefly*",
    ),
    (
        ("not found", "error: 404", "does not appear to be a git repository", "does not exist"),
        "there is no such repository, or the token may not see it",
        "check the repository and github-token",
    ),
    (("No space left on device",), "the disk is full", "make room; $TMPDIR says where"),
)
_FINAL = [word for words, _, _ in _FAILURES for word in words]


class GitRemote:
    """Refs of one repository, through a bare repository of our own in a temporary folder.

    So nothing depends on how the checkout was made, nothing is written to it, and a server's answer is seen by
    no one else. A context manager. All methods but `read` may be called by several threads at once.
    """

    def __init__(
        self, address: Address, environ: Mapping[str, str], *, sleep: Callable[[float], None] = interruption.sleep
    ) -> None:
        self.address = address
        self._environ = environ
        self._sleep = sleep
        self._made: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> GitRemote:
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="scorefly-git-")))
        except OSError as error:
            raise external_error(
                f"there is no temporary folder: {error.strerror}", "check the disk, and $TMPDIR"
            ) from error
        config, variables = credential_config(self.address.credentials)
        own = {"GIT_DIR": str(folder)}
        self._local = Git(folder, self._environ, variables=own)
        server = (("remote.origin.url", self.address.url), *config)
        self._server = Git(folder, self._environ, server, {**own, **variables})
        try:
            self._local.must("init", "--bare", "--quiet")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def tip(self, ref: str) -> str:
        """The commit a ref points to; empty when there is no such ref. Raises ExternalError."""
        return self._tip(ref, _RETRIES)

    def _tip(self, ref: str, retries: tuple[float, ...]) -> str:
        done = self._list(ref, retries)
        pairs = (line.split("\t") for line in done.text.splitlines())
        return next((commit for commit, name in pairs if name == ref), "")

    def refs(self, pattern: str) -> tuple[str, ...]:
        """The refs that match a pattern such as `refs/heads/*`. Raises ExternalError."""
        return tuple(line.partition("\t")[2] for line in self._list(pattern, _RETRIES).text.splitlines())

    def _list(self, pattern: str, retries: tuple[float, ...]) -> Done:
        """List refs; a server that fails is asked again. Raises ExternalError."""
        for wait in (*retries, None):
            done = self._server.run("ls-remote", "--quiet", "origin", pattern)
            if not done.code:
                return done
            if wait is None or _refused(done):
                break
            self._sleep(wait)
        raise self._failure(done, "read")

    def read(self, ref: str) -> Version | None:
        """The document on a ref, or None when there is no such ref. Raises ExternalError."""
        kept = "refs/fetched"
        for wait in (*_RETRIES, None):
            done = self._server.run(
                *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--force"),
                *("origin", f"+{ref}:{kept}"),
            )
            if not done.code:
                commit = self._local.must("rev-parse", "--verify", kept)
                blob = self._local.run("cat-file", "blob", f"{commit}:{_FILE}")
                return Version(commit, b"" if blob.code else blob.output)
            if not self.tip(ref):
                return None
            # A ref that is there now was made, replaced or removed meanwhile: a lock changes hands that way.
            if wait is None or _refused(done):
                break
            self._sleep(wait)
        raise self._failure(done, "read")

    def commit(self, content: bytes, message: str, parent: str = "") -> str:
        """Make a commit with this document that no ref names yet. `parent` is one that was read before."""
        blob = self._local.must("hash-object", "-w", "--stdin", content=content)
        tree = self._local.must("mktree", content=f"100644 blob {blob}\t{_FILE}\n".encode())
        parents = ("-p", parent) if parent else ()
        made = self._local.must("commit-tree", tree, *parents, "-m", message)
        self._made.add(made)
        return made

    def swap(self, ref: str, old: str, new: str) -> bool:
        """Points a ref from `old` to `new`, in one step, if it is still at `old`; empty stands for no ref.

        Returns whether it is at `new` now: an answer that got lost on its way is looked up. False means that somebody
        else moved it. Raises ExternalError when the server fails or refuses.
        """
        for wait in (*_RETRIES, None):
            done = self._push(ref, old, new)
            if not done.code:
                return True
            try:
                tip = self._tip(ref, ())
            except ExternalError:
                if wait is None or _refused(done):
                    raise self._failure(done, "written") from None
            else:
                if tip == new:
                    return True
                if tip != old and tip not in self._made:
                    return False
                if tip == old and (wait is None or _refused(done)):
                    raise self._failure(done, "written")
                # One of ours whose answer never came.
                old = tip
            self._sleep(wait or 0)
        return False

    def fetch_history(self, commits: tuple[str, ...], depth: int) -> bool:
        """Gets commits and so many before each, without their files, and says whether the server gave them."""
        done = self._server.run(
            *("fetch", "--quiet", f"--depth={depth}", "--filter=tree:0", "--no-tags", "--no-write-fetch-head"),
            *("origin", *commits),
        )
        return not done.code

    @property
    def git(self) -> Git:
        """git in the temporary repository, with no way to the server."""
        return self._local

    def _push(self, ref: str, old: str, new: str) -> Done:
        lease = f"--force-with-lease={ref}:{old}"
        return self._server.run("push", "--quiet", "--no-verify", lease, "origin", f"{new}:{ref}")

    def _failure(self, done: Done, what: str) -> ExternalError:
        where = Place(self.address.url, is_option=True)
        for words, message, hint in _FAILURES:
            if any(word in done.error for word in words):
                return external_error(f"the state cannot be {what}: {message}: {told(done)}", hint, where)
        return external_error(f"the state cannot be {what}: {told(done)}", "run it again", where)


def _refused(done: Done) -> bool:
    """Decide whether asking again would give the same answer."""
    return any(word in done.error for word in _FINAL)


def credential_config(known: Credentials | None) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    """Return configuration and environment that give the credentials to their server, and to no other."""
    if known is None:
        return (), {}
    helper = f"credential.{known.server}.helper"
    # An empty one forgets those of the user's own configuration. A git that can (2.46) asks nothing twice.
    config = ((helper, ""), (helper, _HELPER), (f"http.{known.server}.proactiveAuth", "basic"))
    return config, {"SCOREFLY_GIT_USERNAME": known.username, "SCOREFLY_GIT_PASSWORD": known.password}


def address_of(url: str, server: str, token: str) -> Address:
    """The address of a URL a user wrote: a password in it is taken out; the token is for `server` only."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return Address(url)
    if parts.scheme not in ("https", "http"):
        return Address(url)
    host = parts.netloc.rpartition("@")[2].lower()
    own = f"{parts.scheme}://{host}"
    url = parts._replace(netloc=host).geturl()
    if token and own == server.rstrip("/").lower():
        return Address(url, Credentials(own, "x-access-token", token))
    if parts.password:
        return Address(url, Credentials(own, unquote(parts.username or ""), unquote(parts.password)))
    return Address(url)
