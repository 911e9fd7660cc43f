"""Locks that a killed step left: given back by the same job, so that the next run need not wait for them to expire."""

from __future__ import annotations

from collections.abc import Mapping

from scorefly.git.remote import GitRemote, address_of
from scorefly.github.context import Trigger
from scorefly.state.git import LOCKS
from scorefly.state.git_lock import GitLock, Holder


def release_leftover_locks(trigger: Trigger, token: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Release every lock in the run's repository that names this very job, and return their refs.

    Raises ExternalError when the server cannot be asked.
    """
    address = address_of(f"{trigger.server}/{trigger.repository}", trigger.server, token)
    holder = Holder(trigger.actor, trigger.link, trigger.run)
    with GitRemote(address, environ) as remote:
        refs = remote.refs(f"{LOCKS}/*")
        return tuple(ref for ref in refs if GitLock(remote, ref, "", holder).release_leftover())
