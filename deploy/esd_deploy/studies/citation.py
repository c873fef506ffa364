"""Who made a run, and how to cite it: `CITATION.cff` (Citation File Format 1.2.0). Nobody is made up: without authors there is none."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ruamel.yaml import YAML

from esd_build.data.errors import UsageError
from esd_deploy.records.record import RunRecord

FILE_NAME = "CITATION.cff"
_SPDX = "https://spdx.org/licenses/"
_ORCID = "https://orcid.org/"
_AUTHOR = re.compile(r"(?P<name>[^<>\s][^<>]*?)(?:\s*<(?:https://orcid\.org/)?(?P<orcid>\d{4}-\d{4}-\d{4}-\d{3}[\dX])>)?")


@dataclass(frozen=True)
class Author:
    """A person; the last word of the name is the family name. `orcid`: the identifier without its address, or None."""

    name: str
    orcid: str | None = None

    @property
    def id(self) -> str:
        """The identifier in a research object."""
        return f"{_ORCID}{self.orcid}" if self.orcid else f"#author-{re.sub(r'[^A-Za-z0-9]+', '-', self.name)}"

    @property
    def entity(self) -> dict[str, str]:
        """The person in a research object."""
        return {"@type": "Person", "name": self.name}

    @property
    def cff(self) -> dict[str, str]:
        """The person in a citation file."""
        given, _, family = self.name.rpartition(" ")
        orcid = {"orcid": f"{_ORCID}{self.orcid}"} if self.orcid else {}
        return {**({"given-names": given} if given else {}), "family-names": family, **orcid}


def author(text: str) -> Author:
    """`Given Family` or `Given Family <ORCID>`. Raises UsageError."""
    found = _AUTHOR.fullmatch(text.strip())
    if found is None or (found["orcid"] and not _is_orcid(found["orcid"])):
        raise UsageError(f"--author '{text}': expected a name, or a name and an ORCID: 'Ada Lovelace <0000-0002-1825-0097>'")
    return Author(" ".join(found["name"].split()), found["orcid"])


def _is_orcid(text: str) -> bool:
    """Whether its last character is the checksum of the others (ISO 7064, mod 11-2)."""
    digits, last, total = text.replace("-", "")[:-1], text[-1], 0
    for digit in digits:
        total = (total + int(digit)) * 2
    return last == "0123456789X"[(12 - total % 11) % 11]


def cff(record: RunRecord, authors: Sequence[Author], license_url: str | None = None) -> str | None:
    """The text of the file; None without authors, whom the format requires."""
    if not authors:
        return None
    licence = {} if license_url is None else _licence(license_url)
    image = [] if record.image is None else [{"type": "other", "value": record.image.digest, "description": "the image of the run"}]
    content: dict[str, object] = {
        "cff-version": "1.2.0",
        "message": "If you use these results, please cite the run as below.",
        "type": "dataset",
        "title": f"Run {record.id} of {record.script.name} at {record.site}",
        "authors": [one.cff for one in authors],
        "date-released": record.states[-1].time.date().isoformat(),
        **licence,
        **({"identifiers": image} if image else {}),
        "keywords": [f"{name} {version}" for name, version in record.versions.items()] or ["simulation"],
    }
    written = io.StringIO()
    YAML().dump(content, written)
    return written.getvalue()


def _licence(url: str) -> dict[str, str]:
    return {"license": url.removeprefix(_SPDX)} if url.startswith(_SPDX) else {"license-url": url}
