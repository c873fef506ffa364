"""make release: what it makes of the changelog and of the versions. Pure."""

import runpy
from pathlib import Path

import pytest

RELEASE = runpy.run_path(str(Path(__file__).parents[2] / "ci" / "release.py"))
changelog, numbered = RELEASE["changelog"], RELEASE["numbered"]
BEFORE = "# Changelog\n\n## Unreleased\n\n### Added\n\n- a thing\n"


def test_what_was_unreleased_becomes_the_section_with_its_images() -> None:
    after = changelog(BEFORE + "\n## 0.1.0 - 2026-01-01\n\n- older\n", "0.2.0", "2026-12-01", ["r/nest:edge@sha256:1"])
    assert after == (
        "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-12-01\n\n### Added\n\n- a thing\n\n### Images\n\n- `r/nest:edge@sha256:1`\n"
        "\n## 0.1.0 - 2026-01-01\n\n- older\n"
    )


def test_a_first_release_without_images() -> None:
    assert changelog(BEFORE, "0.1.0", "2026-12-01", []).endswith("## 0.1.0 - 2026-12-01\n\n### Added\n\n- a thing\n")


def test_a_release_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing under"):
        changelog("# Changelog\n\n## Unreleased\n\n## 0.1.0\n", "0.2.0", "2026-12-01", [])


def test_only_the_projects_own_version_changes() -> None:
    text = 'minversion = "8"\nversion = "0.1.0"\npython_version = "3.11"\n'
    assert numbered(text, r'^(version = ").*(")$', "0.2.0") == text.replace("0.1.0", "0.2.0")


def test_two_versions_are_refused() -> None:
    with pytest.raises(ValueError, match="found 2"):
        numbered("version: 1\nversion: 2\n", r"^(version: ).*()$", "3")
