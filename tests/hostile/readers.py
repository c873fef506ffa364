"""Every parser at an edge, as a function of bytes: it returns, or raises an error of ours. What else it raises is a fault.

Used by test_fuzz.py (samples altered at random) and guided.py (led by the code that they reach).
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from esd_build.data import documents
from esd_build.data.errors import EsdError
from esd_build.data.reference import ImageReference
from esd_build.net.answers import parsed, printable
from esd_build.registry import manifests
from esd_build.signing import PublicKey, bundles, simple
from esd_build.tools import sif
from esd_deploy.backends import inventory
from esd_deploy.backends.nmpi import answers as nmpi_answers
from esd_deploy.backends.unicore import answers as unicore_answers
from esd_deploy.backends.unicore import folder as unicore_folder
from esd_deploy.errands import image_cache, probe
from esd_deploy.fetching.wanted import todo
from esd_deploy.inputs.bundle import bundle
from esd_deploy.plans import paths
from esd_deploy.records import ending, reports
from esd_deploy.records.record import RunRecord
from esd_deploy.runs import results
from esd_deploy.sites.config import SiteConfig
from esd_localsite.description.fields import read_object
from esd_localsite.description.resources import DescriptionError
from esd_localsite.jobs import batch
from esd_localsite.records.records import JobRecord
from esd_localsite.records.shelf import UnkeptError

DATA = Path(__file__).parents[1] / "data"
EXPECTED = (EsdError, DescriptionError, ValidationError, UnkeptError)


def text_of(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def record(content: bytes) -> None:
    """What is loaded can be saved, and its paths lead nowhere else."""
    one = RunRecord.model_validate_json(content)
    RunRecord.model_validate_json(one.model_dump_json())
    for path in (*one.staged, *(file.path for file in one.files), one.script.name, *one.script.inputs):
        assert paths.inside(Path("/runs/x"), path).is_relative_to("/runs/x")


def unicore(content: bytes) -> None:
    answer = parsed(content, "the answer")
    for read in (unicore_answers.state, unicore_answers.details, lambda found: unicore_folder.walk(lambda _path: found, lambda: ())):
        with suppress(LookupError, TypeError, ValueError, AttributeError, ArithmeticError):  # unicore_http.errors makes one error of them
            told = str(read(answer))  # type: ignore[arg-type]
            assert "\x1b" not in told or read not in {unicore_answers.state, unicore_answers.details}


def queue(content: bytes) -> None:
    nmpi_answers.JOB.validate_python(parsed(content, "the answer"))


def registry(content: bytes) -> None:
    manifests.parse(content, manifests.Manifest, "the answer")
    manifests.parse(content, manifests.Index, "the answer")
    manifests.published_image(IMAGE, content)


def signature(content: bytes) -> None:
    """What is no signature over this digest is none, whatever it holds."""
    key = PublicKey.read(DATA / "signing" / "cosign.pub")
    assert simple.claims(content, "AAAA", str(IMAGE.digest), key) is None
    assert bundles.claims(content, str(IMAGE.digest), key) is None


def listing(content: bytes) -> None:
    """Whatever a job notes of its folder, all that is made of it lies inside of ours."""
    found = inventory.parse(content, b"")
    plan = todo((), found, {"net.py": None})
    for place in (*(one.place for one in plan.files), *(one.place for one in plan.links), *plan.folders):
        try:
            assert results.target(Path("/runs/x"), place).is_relative_to("/runs/x")
        except EsdError:
            continue
    for link in plan.links:
        leads_to = os.path.normpath(Path("/runs/x", link.place).parent / link.target)
        assert Path(leads_to).is_relative_to("/runs/x") or Path(link.place).is_absolute() or ".." in link.place


def words_of_slurm(content: bytes) -> None:
    text = text_of(content)
    assert all(one.partition("_")[0].isdecimal() for one in batch.parse_queue(text))
    assert all(one.isdecimal() for one in batch.candidates(text, "6a1f"))
    batch.parse_details(text)
    ending.ended_early(ending.batch_details(text))


def words_of_a_site(content: bytes) -> None:
    said = probe.sections(text_of(content))
    probe.understood(said, said, datetime.now(UTC))
    image_cache.understood(text_of(content))


def description(content: bytes) -> None:
    """What a client may send is kept, and loaded again."""
    found = read_object(content)
    kept = JobRecord(id="a", created=datetime.now(UTC), owner="ada", directory=Path("/tmp"), submitted=found)
    JobRecord.model_validate_json(kept.model_dump_json())


def shown(content: bytes) -> None:
    assert not set(printable(text_of(content))) & set(map(chr, (*range(9), 11, *range(13, 32), *range(127, 160), 0x202E)))


IMAGE = ImageReference("registry.example.org", "esd/nest", "edge", "sha256:" + "a" * 64)
READERS: dict[str, Callable[[bytes], None]] = {
    "record": record,
    "unicore": unicore,
    "queue": queue,
    "registry": registry,
    "signature": signature,
    "listing": listing,
    "slurm": words_of_slurm,
    "site": words_of_a_site,
    "description": description,
    "shown": shown,
}


def samples_of(parser: str) -> tuple[bytes, ...]:
    """Good ones, and what once went wrong."""
    more = ("bundle.json", "simple-payload.json") if parser == "signature" else ()
    files = [*sorted((DATA / "fuzz" / parser).glob("*")), *(DATA / "signing" / name for name in more)]
    return tuple(path.read_bytes() for path in files)


FILES = ("site-file", "zip", "tar.gz", "sif", "report")
"""Parsers that read a file."""


def file_reader(kind: str, folder: Path) -> Callable[[bytes], None]:
    """A parser of files, which are written below `folder`, an empty one, first."""
    known = RunRecord.model_validate_json(samples_of("record")[0])
    (folder / "esd").mkdir()
    file = folder / {"site-file": "x.yaml", "report": "metrics.json"}.get(kind, f"x.{kind}")
    readers: dict[str, Callable[[], object]] = {
        "site-file": lambda: documents.load(file, SiteConfig, name="x"),
        "zip": lambda: bundle(file),
        "tar.gz": lambda: bundle(file),
        "sif": lambda: sif.objects(file),
        "report": lambda: reports.understood(known, folder).save(folder),
    }

    def read(content: bytes) -> None:
        file.write_bytes(content)
        readers[kind]()

    return read
