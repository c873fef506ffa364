"""Every parser at an edge, with what nobody foresaw: a good sample, altered at random, gives a value or an error of this project.

The samples are the files of `tests/data/fuzz/<parser>/`: good ones, and what once went wrong. The number of examples is
$ESD_FUZZ (default: 60, so that the whole takes seconds); `make fuzz` runs many.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from esd_build.data import documents
from esd_build.data.errors import EsdError
from esd_build.data.reference import ImageReference
from esd_build.net.answers import parsed, printable
from esd_build.registry import manifests
from esd_build.signing import PublicKey, bundles, simple
from esd_build.tools import sif
from esd_deploy.backends import inventory, nmpi_answers, unicore_answers, unicore_folder
from esd_deploy.errands import image_cache, probe
from esd_deploy.fetching.wanted import todo
from esd_deploy.plans import paths
from esd_deploy.plans.bundle import bundle
from esd_deploy.runs import ending, reports, results
from esd_deploy.runs.record import RunRecord
from esd_deploy.sites.config import SiteConfig
from esd_localsite.description.fields import read_object
from esd_localsite.description.resources import DescriptionError
from esd_localsite.jobs import batch
from esd_localsite.jobs.records import JobRecord
from esd_localsite.jobs.shelf import UnkeptError

DATA = Path(__file__).parents[1] / "data"
EXAMPLES = int(os.environ.get("ESD_FUZZ", "60"))
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="ESD_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
EXPECTED = (EsdError, DescriptionError, ValidationError, UnkeptError)
NASTY = tuple(
    text.encode("latin-1")
    for text in (
        "",
        "\0",
        "[" * 300,
        "{" * 300,
        "9" * 400,
        "1e999",
        "-1",
        "\xff",
        "\\ud800",
        "../",
        "/",
        "\n",
        "\x1b]52;c;x\x07",
        "null",
        "{}",
    )
)


@st.composite
def altered(draw: st.DrawFn, samples: tuple[bytes, ...]) -> bytes:
    """A sample with some places replaced, cut out or doubled."""
    content = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 12)))
        put = draw(st.sampled_from(NASTY) | st.binary(max_size=8) | st.just(content[begin:end] * 2))
        content = content[:begin] + put + content[end:]
    return content


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


@pytest.mark.parametrize("parser", READERS)
def test_a_parser_gives_a_value_or_an_error_of_ours(parser: str) -> None:
    samples = samples_of(parser)

    @MANY
    @given(altered(samples))
    def holds(content: bytes) -> None:
        try:
            READERS[parser](content)
        except EXPECTED as error:
            str(error).encode(errors="strict")

    for sample in samples:
        try:
            READERS[parser](sample)
        except EXPECTED:
            continue
    holds()


@pytest.mark.parametrize("kind", ["site-file", "zip", "tar.gz", "sif", "report"])
def test_a_file_gives_a_value_or_an_error_of_ours(kind: str, tmp_path: Path) -> None:
    samples = samples_of(kind)
    known = RunRecord.model_validate_json(samples_of("record")[0])
    (tmp_path / "esd").mkdir()
    file = tmp_path / {"site-file": "x.yaml", "report": "metrics.json"}.get(kind, f"x.{kind}")
    readers: dict[str, Callable[[], object]] = {
        "site-file": lambda: documents.load(file, SiteConfig, name="x"),
        "zip": lambda: bundle(file),
        "tar.gz": lambda: bundle(file),
        "sif": lambda: sif.objects(file),
        "report": lambda: reports.understood(known, tmp_path).save(tmp_path),
    }

    def read(content: bytes) -> None:
        file.write_bytes(content)
        with suppress(*EXPECTED):
            readers[kind]()

    for sample in samples:
        read(sample)
    MANY(given(altered(samples))(read))()
