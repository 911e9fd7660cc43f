"""What a release makes of the repository."""

from __future__ import annotations

import runpy
from collections.abc import Callable

import pytest
import yaml

from scorefly import __version__
from workspaces import REPOSITORY

RELEASE = runpy.run_path(str(REPOSITORY / ".github/release.py"))
notes: Callable[[str, str], str] = RELEASE["notes"]
pin: Callable[[str, str], str] = RELEASE["pin"]
DIGEST = f"ghcr.io/acme/scorefly@sha256:{'a' * 64}"


def test_action_yml_changes_in_its_image_alone() -> None:
    definition = (REPOSITORY / "action.yml").read_text()
    pinned = yaml.safe_load(pin(DIGEST, definition))
    original = yaml.safe_load(definition)
    assert original["runs"]["image"] == "Dockerfile"
    original["runs"]["image"] = f"docker://{DIGEST}"
    assert pinned == original


@pytest.mark.parametrize("image", ["ghcr.io/acme/scorefly:1", "scorefly@sha256:1", f"{DIGEST}\n  x: y"])
def test_an_image_that_is_not_by_digest_is_refused(image: str) -> None:
    with pytest.raises(SystemExit, match="not an image by digest"):
        pin(image, "  image: Dockerfile\n")


def test_release_notes_are_the_versions_section() -> None:
    changelog = (
        "# Changelog\n\n## Unreleased\n\n- no\n\n## 1.2.0 - 2026-12-01\n\n### Added\n\n- yes\n\n## 1.1.0\n\n- old\n"
    )
    assert notes("1.2.0", changelog) == "### Added\n\n- yes\n"
    with pytest.raises(SystemExit, match=r"says nothing of 1\.2"):
        notes("1.2", changelog.replace("1.2.0", "1.20.0"))


def test_the_version_of_a_tag_is_the_packages() -> None:
    package = (REPOSITORY / "scorefly/__init__.py").read_text()
    RELEASE["check"](__version__, package)
    with pytest.raises(SystemExit, match="not of version"):
        RELEASE["check"]("99.0.0", package)
