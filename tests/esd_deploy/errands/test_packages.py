"""Packages of --requirements: put together here, asked for and installed at a site."""

import hashlib
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.esd_deploy.inputs.test_packages import OWN, with_packages

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.errands import packages, requirements
from esd_deploy.errands.image_contents import Package
from esd_deploy.errands.requirements import Built
from esd_deploy.inputs.content import OnDisk
from esd_deploy.runs.errand import Answer

THERE = (
    Package("numpy", "2.5.5", "pypi"),
    Package("NEST_Simulator", "3.10.0", "source"),
    Package("python3", "3.13.5-1", "deb"),
    Package("py-scipy", "1.18.1", "spack"),
    Package("libc6", "2.41", "deb"),
)


def test_python_packages_of_an_image_are_what_is_resolved_against():
    assert requirements.pinned(THERE) == {"numpy": "2.5.5", "nest-simulator": "3.10.0", "scipy": "1.18.1"}


@pytest.mark.parametrize("odd", [("--index-url", "1"), ("a b", "1"), ("x", "1\n--index-url https://example.org"), ("x", ""), ("-x", "1")])
def test_a_bill_of_materials_puts_no_options_into_uvs_files(odd):
    assert requirements.pinned((Package(odd[0], odd[1], "pypi"), *THERE)) == requirements.pinned(THERE)


@pytest.fixture
def uv(monkeypatch, tmp_path):
    """Instead of uv: notes its calls, writes the lock, installs two files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    calls = []

    def fake(*words):
        calls.append(words)
        if words[1] == "compile":
            constraints = Path(words[words.index("--constraints") + 1]).read_text()
            calls.append(constraints)
            Path(words[words.index("-o") + 1]).write_bytes(OWN.lock)
        else:
            tree = Path(words[words.index("--target") + 1])
            for name in ("pandas/__init__.py", "bin/pandas", ".lock"):
                (tree / name).parent.mkdir(exist_ok=True)
                (tree / name).write_text("#!/home/me/python\n")

    monkeypatch.setattr(requirements, "_uv", fake)
    return calls


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("pandas\n")
    return path


def test_they_are_resolved_for_the_python_of_the_image_and_packed_without_programs(uv, file):
    found = requirements.locked(file, THERE, OWN.image, {"org.label-schema.build-arch": "arm64"})

    compiled, constraints, installed = uv
    assert constraints == "numpy==2.5.5\nnest-simulator==3.10.0\nscipy==1.18.1\n"
    for words in (compiled, installed):
        assert tuple(words[words.index(one) + 1] for one in ("--python-version", "--python-platform")) == ("3.13", "aarch64-manylinux_2_28")
        assert words[words.index("--only-binary") + 1] == ":all:"
    assert [compiled[at + 1] for at, word in enumerate(compiled) if word == "--no-emit-package"] == ["numpy", "nest-simulator", "scipy"]
    with tarfile.open(found.archive.path) as tar:
        assert tar.getnames() == ["packages/pandas/__init__.py", "sums"]
        sums = tar.extractfile("sums").read()
    assert found.packages.sums == hashlib.sha256(sums).hexdigest()
    assert sums.decode() == f"{hashlib.sha256(b'#!/home/me/python' + bytes([10])).hexdigest()}  pandas/__init__.py\n"


def test_what_was_put_together_once_is_kept(uv, file):
    first = requirements.locked(file, THERE, OWN.image, {})
    calls = len(uv)

    assert requirements.built(first.packages) == first
    assert len(uv) == calls


NO_SOLUTION = "error: No solution found when resolving dependencies\n  cause: Because "
NO_INDEX = "error: Request failed after 3 retries in 8.7s\n  cause: Failed to fetch: https://index.example.org/simple/x/\n  cause: "


@pytest.mark.parametrize(
    ("said", "kind", "advice"),
    [
        (
            f"{NO_SOLUTION}you require numpy==2.2 and numpy==2.1",
            UsageError,
            "own packages keep their versions .*`esd-deploy image-contents`",
        ),
        (
            f"{NO_SOLUTION}x==1 has no usable wheels and you require x==1",
            UsageError,
            "ask for a version that has a wheel for the image's Python",
        ),
        (f"{NO_SOLUTION}x was not found in the package registry", UsageError, "check how the index spells the name"),
        ("error: Couldn't parse requirement in `r.txt` at position 0", UsageError, "at position 0$"),
        (f"{NO_INDEX}dns error", ToolError, "check its network, and HTTPS_PROXY"),
        (f"{NO_INDEX}invalid peer certificate: UnknownIssuer", ToolError, "SSL_CERT_FILE; UV_DEFAULT_INDEX names another index"),
    ],
)
def test_what_cannot_be_resolved_says_what_to_do_and_an_index_that_is_away_is_not_the_files_fault(monkeypatch, file, said, kind, advice):
    def fails(*_words):
        raise ToolError(said)

    monkeypatch.setattr(requirements, "_uv", fails)
    with pytest.raises(kind, match=rf"(?s)--requirements .*requirements.txt: error.*{advice}"):
        requirements.locked(file, THERE, OWN.image, {})


def test_a_lock_whose_packages_cannot_be_had_says_what_to_do(monkeypatch, tmp_path):
    def fails(*_words):
        raise ToolError(f"{NO_INDEX}Connection refused")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(requirements, "_uv", fails)
    with pytest.raises(ToolError, match=r"(?s)--requirements: the packages of the lock cannot be put together: .*check its network"):
        requirements.built(OWN)


def test_an_image_whose_python_is_not_known_is_refused(file):
    with pytest.raises(ToolError, match="does not say which Python"):
        requirements.locked(file, THERE[:2], OWN.image, {})


def test_a_file_that_adds_nothing_is_refused(monkeypatch, file):
    monkeypatch.setattr(requirements, "_lock", lambda *_arguments: b"")

    with pytest.raises(UsageError, match="the image has all of it already"):
        requirements.locked(file, THERE, OWN.image, {})


class Place:
    def connect(self):
        return None


@pytest.fixture
def asked(monkeypatch):
    """The site's answers, one a question, and the files that went with each."""
    sent, answers = [], []

    def run(_connection, spec):
        sent.append({path for path, _ in spec.files})
        return answers.pop(0)

    monkeypatch.setattr("esd_deploy.errands.errand.run", run)
    return sent, answers


def built(tmp_path, sums=OWN.sums):
    archive = tmp_path / "packages.tar"
    archive.write_bytes(b"tar")
    return lambda own: Built(replace(own, sums=sums), OnDisk(archive, 3))


def test_what_is_there_is_not_sent_again(asked, planned, tmp_path):
    sent, answers = asked
    answers += [Answer(0, "present\n", "")]
    plan = with_packages(planned)

    assert packages.ensured(Place(), plan, print, build=built(tmp_path)) == plan
    assert sent == [{"esd/install.sh", "esd/cache.sh", "esd/packages.sh"}]


def test_what_is_not_there_is_installed_and_told(asked, planned, tmp_path):
    sent, answers = asked
    answers += [Answer(0, "absent\n", ""), Answer(0, "present\n", "")]
    told = []

    plan = packages.ensured(Place(), with_packages(planned), told.append, build=built(tmp_path, "e" * 64))

    assert (packages.ARCHIVE in sent[1], plan.packages.sums) == (True, "e" * 64)
    assert told == ["installing 2 packages at valid: pandas, tabulate"]


def test_a_site_that_cannot_install_says_why(asked, planned, tmp_path):
    asked[1].extend([Answer(0, "absent\n", ""), Answer(1, "", "packages on login: disk full\n")])

    with pytest.raises(ToolError, match="cannot be installed: packages on login: disk full"):
        packages.ensured(Place(), with_packages(planned), print, build=built(tmp_path))


def test_a_run_without_packages_asks_nothing(planned):
    assert packages.ensured(None, planned, print) == planned


def test_only_an_image_gets_packages(planned, file):
    with pytest.raises(UsageError, match="only an image gets packages"):
        packages.required(None, replace(planned, image=None), file)
