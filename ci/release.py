"""make release VERSION=1.2.3: changelog section with the pushed images' digests, version, commit, tag, wheel. Pushes nothing."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNRELEASED = "## Unreleased\n"


def changelog(text: str, version: str, day: str, references: list[str]) -> str:
    """*Unreleased* becomes the section of the version; the digests of its images come last. Raises ValueError if there are none."""
    head, found, rest = text.partition(UNRELEASED)
    entries, _, older = rest.partition("\n## ")
    if not found or not entries.strip():
        raise ValueError("CHANGELOG.md: nothing under '## Unreleased'")
    images = "\n\n### Images\n\n" + "\n".join(f"- `{reference}`" for reference in references) if references else ""
    section = f"## {version} - {day}\n{entries.rstrip()}{images}\n"
    return f"{head}{UNRELEASED}\n{section}" + (f"\n## {older}" if older else "")


def numbered(text: str, pattern: str, version: str) -> str:
    """The text with its one version replaced. Raises ValueError where the pattern is not there exactly once."""
    changed, count = re.subn(pattern, rf"\g<1>{version}\g<2>", text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"expected one version by {pattern!r}, found {count}")
    return changed


def git(*words: str) -> str:
    """What git answers. Raises CalledProcessError, after its own message, where it fails."""
    return subprocess.run(("git", *words), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()  # noqa: S607 - the user's git


def refusal(version: str) -> str | None:
    """Why this cannot be released now; None where it can."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        return f"'{version}' is no version: make release VERSION=1.2.3"
    if git("status", "--porcelain"):
        return "the working tree has changes: commit or remove them first"
    if git("tag", "--list", f"v{version}"):
        return f"the tag v{version} exists: choose the next version"
    return None


def main(version: str) -> int:
    """Exit code 3 and one message where the call or the checkout is not fit for a release."""
    reason = refusal(version)
    if reason:
        sys.stderr.write(f"release: {reason}\n")
        return 3
    today = datetime.now(UTC).date().isoformat()
    references = [path.read_text().strip() for path in sorted((ROOT / "dist" / "images").glob("*.reference"))]
    changes: dict[str, Callable[[str], str]] = {
        "CHANGELOG.md": lambda text: changelog(text, version, today, references),
        "pyproject.toml": lambda text: numbered(text, r'^(version = ").*(")$', version),
        "CITATION.cff": lambda text: numbered(numbered(text, r"^(version: ).*()$", version), r"^(date-released: ).*()$", today),
    }
    try:
        texts = {name: change((ROOT / name).read_text()) for name, change in changes.items()}
    except ValueError as error:
        sys.stderr.write(f"release: {error}\n")
        return 3
    for name, text in texts.items():
        (ROOT / name).write_text(text)
    git("commit", "--quiet", "--message", f"Release {version}", "--", *changes)
    git("tag", "--annotate", "--message", f"esd-images {version}", f"v{version}")
    subprocess.run((sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist"), cwd=ROOT, check=True)
    sys.stdout.write(f"v{version} is ready; look at it, then: git push --follow-tags\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
