"""What a release takes from the repository: `check VERSION`, `notes VERSION` and `pin IMAGE`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(version: str, changelog: str) -> str:
    """A version's section of the changelog, without its heading. Raises SystemExit when there is none."""
    found = re.search(rf"^## \[?{re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise SystemExit(f"CHANGELOG.md says nothing of {version}")
    return found[1].strip() + "\n"


def check(version: str, package: str) -> None:
    """Raises SystemExit unless the package says that it is this version."""
    if f'__version__ = "{version}"\n' not in package:
        raise SystemExit(f"scorefly/__init__.py is not of version {version}")


def pin(image: str, definition: str) -> str:
    """action.yml with a built image, by digest, in the place of the Dockerfile."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+@sha256:[0-9a-f]{64}", image):
        raise SystemExit(f"not an image by digest: {image}")
    pinned, count = re.subn(r"^  image: Dockerfile$", f"  image: docker://{image}", definition, flags=re.MULTILINE)
    if count != 1:
        raise SystemExit("action.yml does not name the Dockerfile once")
    return pinned


def main() -> None:
    """Reads and writes the repository's own files."""
    action, changelog = ROOT / "action.yml", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    match sys.argv[1:]:
        case ["check", version]:
            check(version, (ROOT / "scorefly/__init__.py").read_text(encoding="utf-8"))
            notes(version, changelog)
        case ["notes", version]:
            sys.stdout.write(notes(version, changelog))
        case ["pin", image]:
            action.write_text(pin(image, action.read_text(encoding="utf-8")), encoding="utf-8")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
