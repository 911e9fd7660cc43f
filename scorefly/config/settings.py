"""Settings: every option of a run, typed once, wherever it was given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from scorefly.confidential import Confidential
from scorefly.config.workloads import WorkloadConfig
from scorefly.convert.build_spec import BuildSpec
from scorefly.github.context import Trigger
from scorefly.problems import InputError, Place, Problem

if TYPE_CHECKING:
    from scorefly.sources.access import Entry

PROVISIONERS = (".scorefly/*.provisioners.yaml",)
DEFAULT_ENVIRONMENTS = ("local", "production")  # of the CLI and of the Action


class Images(Struct, frozen=True):
    """References for containers whose image is `.`: one for all, and by `workload` or `workload.container`."""

    default: str = ""
    by_name: Mapping[str, str] = field(default_factory=dict)


class Override(Struct, frozen=True):
    """A Score fragment that is merged into a workload's file, and where the project file names it."""

    file: str
    place: Place


def is_preview(environment: str) -> bool:
    """Decide whether an environment has the name of a pull request's preview."""
    return re.fullmatch(r"pr-[1-9][0-9]*", environment, re.ASCII) is not None


class Settings(Confidential, frozen=True):
    """The contract's inputs. Times are seconds. An empty text means not given; `ha` None means Fly's default.

    `workspace` is absolute; all other paths are relative to it. `repository` is GitHub's `owner/name`, empty where
    there is none. `environ` is the process's environment, for child processes to be given parts of. It holds secrets
    and so has no repr. A run with a `scratch` folder is about untrusted code: it is simulated, with stand-ins for
    secrets, calls nothing outside, and keeps what it writes in that folder, which is removed at its end.
    `previews` is what `cleanup` takes for any preview: where these run may be said apart. `inputs_only` is what
    `preview` uses when the checkout is untrusted: the same settings without the project file. `unreadable` says what
    is wrong with that file, where it may not count. `environment_given` tells a name that was given from a default,
    and `environment_declared` one that has an entry in that file.
    `notices` are to be shown before the run. `invalid` is what is wrong with the file of a tree, whose other files may
    be wrong, too.

    A run of one unit of a tree has the unit's name as `environment`, and as `stage` the environment as scorefly.yaml
    names it. `project` and `folder` are the project's name and its folder below the workspace. `declared` are the names
    of all its workloads, also those that this run is not about; None outside of a tree. `checkouts` are the Score files
    of sources, with the workload's name. `granted` are the names of secrets of workloads that do not get all of them.
    `given` are the options as they were given, and `access` the credentials for repositories.
    """

    command: str
    workspace: Path
    in_action: bool = False
    score_files: tuple[str, ...] = ()
    environment: str = "local"
    environment_given: bool = False
    environment_declared: bool = False
    stage: str = ""
    project: str = ""
    folder: str = "."
    declared: frozenset[str] | None = None
    checkouts: Mapping[str, str] = field(default_factory=dict)
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    org: str = "personal"
    org_given: bool = False
    region: str = ""
    app_prefix: str = ""
    app_suffix: str = ""
    images: Images = field(default_factory=Images)
    images_from: str = ""
    build: Mapping[str, BuildSpec] = field(default_factory=dict)
    overrides_file: str = ""
    override_property: tuple[str, ...] = ()
    overrides: Mapping[str, Override] = field(default_factory=dict)
    workloads: Mapping[str, WorkloadConfig] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    provisioners: tuple[str, ...] = PROVISIONERS
    state: str = "file"
    state_key: str = ""
    new_state: bool = False
    lock_timeout: float = 300.0
    fly_api_token: str = ""
    github_token: str = ""
    artefacts: str = ".scorefly/out"
    max_parallel: int = 4
    wait_timeout: float = 300.0
    ha: bool | None = None
    auto_stop: str = ""
    isolate_previews: bool = True
    shared_in_previews: tuple[str, ...] = ()
    certificates: str = "auto"
    wait_for_certificates: bool = False
    strategy: str = ""
    deploy_args: tuple[str, ...] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)
    builder: str = "depot"
    build_secrets: Mapping[str, str] = field(default_factory=dict)
    build_secret_files: Mapping[str, str] = field(default_factory=dict)
    unused_secrets: str = "managed"
    keep_secrets: tuple[str, ...] = ()
    preview_ttl: float = 0.0
    cleanup: tuple[str, ...] = ("secrets", "previews", "resources")
    comment: bool = True
    allow_forks: bool = False
    subtrees: tuple[str, ...] = ()
    fail_fast: bool = False
    prune: bool = False
    prune_limit: int = 33
    drift: str = ""
    attempts: int = 1
    attempt_timeout: float = 0.0
    commit_status: bool = True
    source_cache: str = ""
    unsupported: str = "error"
    force: bool = False
    replace: tuple[str, ...] = ()
    workload: tuple[str, ...] = ()
    to: str = ""
    dry_run: bool = False
    rehearse: bool = False
    scratch: Path | None = None
    fly_base_url: str = "https://api.machines.dev"
    repository: str = ""
    trigger: Trigger = field(default_factory=Trigger)
    environ: Mapping[str, str] = field(default_factory=dict)
    access: tuple[Entry, ...] = ()
    given: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    previews: Settings | None = None
    inputs_only: Settings | None = None
    notices: tuple[Problem, ...] = ()
    invalid: tuple[Problem, ...] = ()
    unreadable: InputError | None = None

    @property
    def untrusted(self) -> bool:
        """Decide whether the run is about code that gets no secrets and calls nothing outside."""
        return self.scratch is not None

    def config(self, workload: str) -> WorkloadConfig:
        """Return the settings of one workload; those of a workload without any are empty."""
        return self.workloads.get(workload) or WorkloadConfig()

    @property
    def custom_domains(self) -> bool:
        """Decide whether the environment uses the custom hosts of its Score files; a preview only on request."""
        return self.certificates != "auto" or not is_preview(self.environment)

    @property
    def requests_certificates(self) -> bool:
        """Decide whether a deploy requests certificates for custom hosts."""
        return self.certificates != "never" and self.custom_domains

    def app_name(self, stem: str) -> str:
        """Return the name of a workload's Fly app: the one it is given, else its own within prefix and suffix."""
        if not is_preview(self.environment) and (app := self.config(stem).app):
            return app
        return f"{self.app_prefix}{stem}{self.app_suffix}"
