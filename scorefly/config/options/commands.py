"""Groups of commands, for the options that they use."""

from __future__ import annotations

# Commands by what they do; an option lists the commands that use it, and the others refuse it.
DEPROVISION = "resources deprovision"
UPGRADE = "resources upgrade"
CONVERTING = (
    *("sync", "validate", "generate", "plan", "deploy", "preview"),
    *("export-secrets", "remove-unused-secrets", "cleanup", UPGRADE),
)
LOADING = (*CONVERTING, "resources list", "adopt")
TREE = ("repos", "pin")
AFTER = ("status", "logs", "open", "history", "rollback", "doctor")
STATE = ("state show", "state unlock", "state rotate-key", "state rebind", "state import", "resources move")
FLY = (
    *("sync", "deploy", "plan", "preview", "cleanup", "destroy", "remove-unused-secrets"),
    *(DEPROVISION, UPGRADE, "state import", "adopt", *AFTER),
)
DEPLOYING = ("sync", "deploy", "preview")
PLANNING = ("plan", *DEPLOYING)
ROLLING = (*PLANNING, "rollback")
REMOVING = ("destroy", DEPROVISION)
STATEFUL = (*LOADING, *TREE, "resources outputs", *REMOVING, *STATE, *AFTER)
ALL = (*STATEFUL, "provisioners list")
