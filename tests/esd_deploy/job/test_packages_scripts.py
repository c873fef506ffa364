"""install.sh and packages.sh as shell programs: packages in a user's cache, once and whole."""

import hashlib
import importlib.resources
import io
import os
import shutil
import subprocess
import tarfile

import pytest

pytestmark = pytest.mark.integration
JOB = importlib.resources.files("esd_deploy") / "job"
FILES = {"pandas/__init__.py": b"import numpy\n", "pandas/core/frame.py": b"pass\n"}
SUMS = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in FILES.items()).encode()
KEY = "0123456789abcdef"


class Site:
    """A scratch folder, and jobs that find their scripts."""

    def __init__(self, root):
        self.root, self.scratch = root, root / "scratch"
        self.scratch.mkdir()
        self.jobs = 0

    @property
    def packages(self):
        return self.scratch / f"images-{os.getuid()}" / f"packages-{KEY}"

    def job(self, line, *, archive=None, sums=SUMS):
        folder = self.root / f"job-{self.jobs}"
        self.jobs += 1
        (folder / "esd").mkdir(parents=True)
        for name in ("install.sh", "packages.sh", "cache.sh"):
            shutil.copy(JOB / name, folder / "esd" / name)
        if archive:
            (folder / "esd" / "packages.tar").write_bytes(archive)
        variables = {
            "ESD_PACKAGES_KEY": KEY,
            "ESD_PACKAGES_SUMS": hashlib.sha256(sums).hexdigest(),
            "ESD_IMAGE_CACHE": "images",
            "ESD_SCRATCH_VARIABLE": "SCRATCH",
            "SCRATCH": str(self.scratch),
            "PATH": os.environ["PATH"],
        }
        return folder, subprocess.run(("bash", "-c", line), cwd=folder, env=variables, capture_output=True, text=True, check=False)

    def install(self, **options):
        _, done = self.job("bash esd/install.sh", **options)
        return done.returncode, done.stdout.strip(), done.stderr

    def link(self):
        return self.job('die() { exit 9; }; source esd/cache.sh; source esd/packages.sh; link_packages "$PWD" "$SCRATCH"')


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def archive(files=FILES, sums=SUMS):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in {**{f"packages/{one}": text for one, text in files.items()}, "sums": sums}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o444
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def test_they_are_absent_then_installed_then_present(site):
    assert site.install()[:2] == (0, "absent")
    assert site.install(archive=archive())[:2] == (0, "present")
    assert site.install()[:2] == (0, "present")
    assert (site.packages / "pandas" / "__init__.py").read_bytes() == FILES["pandas/__init__.py"]


def test_a_job_gets_a_link_to_them(site):
    site.install(archive=archive())

    folder, done = site.link()

    assert (done.returncode, (folder / "esd" / "packages").resolve()) == (0, site.packages.resolve())


@pytest.mark.parametrize("harm", ["changed", "removed", "added"])
def test_what_was_changed_is_not_used_and_is_installed_anew(site, harm):
    site.install(archive=archive())
    one = site.packages / "pandas" / "__init__.py"
    one.chmod(0o644)
    if harm == "changed":
        one.write_text("import os\n")
    elif harm == "removed":
        one.unlink()
    else:
        (site.packages / "sitecustomize.py").write_text("import os\n")

    folder, done = site.link()
    assert (done.returncode, "were changed there" in done.stderr) == (1, True)
    assert (folder / "esd" / "failure.txt").read_text().startswith("packages on ")

    assert site.install()[:2] == (0, "absent")
    assert site.install(archive=archive())[:2] == (0, "present")
    assert site.link()[1].returncode == 0


@pytest.mark.parametrize("sent", [archive({"pandas/__init__.py": b"evil\n"}), archive(sums=b"other\n"), b"no archive"])
def test_an_archive_that_is_not_what_was_promised_is_refused(site, sent):
    code, out, err = site.install(archive=sent)

    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("packages on ")
