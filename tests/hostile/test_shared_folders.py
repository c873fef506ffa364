"""A neighbour in a folder that everybody can write to: /tmp of a node, a scratch folder, a folder of keys, a build cache."""

import importlib.resources
import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.esd_deploy.job.test_job_scripts import IMAGE, SHA256, Login

from esd_build import signing
from esd_build.building.cache import Cache
from esd_build.data.errors import ToolError, UsageError
from esd_build.tools.process import Account
from esd_deploy.plans import launch
from esd_deploy.records.lock import HeldError, _take_file

integration = pytest.mark.integration
PROBES = importlib.resources.files("esd_deploy") / "validation" / "job"
NUMBER = "4711"
SBCAST = """#!/bin/bash
[ "${1:-}" != --force ] || shift
[ ! -e "$2" ] && [ ! -L "$2" ] || { echo "sbcast: error: $2: File exists" >&2; exit 1; }
cp "$1" "$2"
"""


@pytest.fixture
def login(tmp_path) -> Login:
    place = Login(tmp_path)
    (tmp_path / "scratch").chmod(0o777)
    place.environment["SLURM_JOB_ID"] = NUMBER
    return place


def bash(login: Login, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(("bash", "-c", text), cwd=folder, env=login.environment, capture_output=True, text=True, timeout=60, check=False)


@integration
def test_the_copy_on_a_node_has_a_name_that_nobody_knows_before(login, config, planned, tmp_path):
    node = tmp_path / "node"
    node.mkdir(mode=0o777)
    thesis = tmp_path / "thesis"
    thesis.write_text("three years of work")
    (node / f"esd-{NUMBER}.sif").symlink_to(thesis)
    login.fake("sbcast", SBCAST)
    login.fake("srun", '#!/bin/bash\nwhile [ "$1" != rm ]; do shift; done\n"$@"\n')
    site = config.model_copy(update={"broadcast_nodes": 2, "broadcast_folder": str(node)})
    job = login.job("one")
    (job / "esd" / "image.sif").write_bytes(IMAGE)
    lines = launch.broadcast(site, planned.shape)

    done = bash(login, job, " &&\n".join((*lines, "readlink esd/image.sif", "ls " + str(node))))

    assert (done.returncode, done.stderr) == (0, "")
    place = Path(done.stdout.splitlines()[0])
    assert (place.parent, NUMBER in place.name, len(place.stem) > 40) == (node, True, True)
    assert thesis.read_text() == "three years of work"
    assert [path.name for path in node.iterdir()] == [f"esd-{NUMBER}.sif"]  # ours is gone at the end
    assert "--force" not in "".join(lines)


@integration
@pytest.mark.parametrize("trap", ["folder", "link"])
def test_programs_are_unpacked_into_no_folder_that_a_neighbour_made(login, tmp_path, trap):
    node = tmp_path / "node"
    node.mkdir(mode=0o777)
    waiting, theirs = node / f"esd-tree-{NUMBER}", tmp_path / "theirs"
    theirs.mkdir(mode=0o777)
    (waiting.mkdir if trap == "folder" else lambda: waiting.symlink_to(theirs))()
    login.environment["TMPDIR"] = str(node)
    login.fake("apptainer", '#!/bin/bash\n[ "$3" = sh ] && { mkdir -p t/usr && tar -C t -cf - usr; } || echo "export TREE=$5"\n')
    job = login.job("one")
    for name in ("unpack.sh", "layout.py"):
        (job / "esd" / name).write_bytes((PROBES / name).read_bytes())

    code, errors = login.run(job, "unpack.sh", "apptainer", "image")

    tree = Path((job / "esd" / "tree.path").read_text().strip())
    assert (code, errors, tree.parent, tree.stat().st_mode & 0o777) == (0, "", node, 0o700)
    assert (tree / "usr").is_dir()
    assert [*waiting.iterdir(), *theirs.iterdir()] == []
    assert login.run(job, "unpack.sh", "--remove")[0] == 0
    assert not tree.exists()


@integration
def test_looking_whether_a_folder_can_be_written_to_empties_no_file(login, tmp_path):
    thesis = tmp_path / "thesis"
    thesis.write_text("three years of work")
    (tmp_path / "scratch" / f".esd-validation-{NUMBER}-c1").symlink_to(thesis)
    login.environment |= {"SLURMD_NODENAME": "c1", "ESD_IMAGE_REFERENCE": "oras://127.0.0.1:1/x"}
    job = login.job("one")
    (job / "esd" / "node.sh").write_bytes((PROBES / "node.sh").read_bytes())

    done = bash(login, job, "bash esd/node.sh")

    told = dict(line.split("\t")[1:] for line in done.stdout.splitlines())
    assert [told[f"{name}_writable"] for name in ("scratch", "folder", "tmp")] == ["yes"] * 3
    assert thesis.read_text() == "three years of work"
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == [f".esd-validation-{NUMBER}-c1"]


@integration
def test_tidying_up_removes_only_what_a_pull_left(login):
    login.run(login.job("one"))
    old = login.cache.stat().st_mtime - 10 * 86400
    for name in (".config.backup", f".{SHA256}.abc123"):
        (login.cache / name).mkdir()
        os.utime(login.cache / name, (old, old))
    job = login.job("two")
    (job / "esd" / "images.sh").write_bytes((importlib.resources.files("esd_deploy") / "job" / "images.sh").read_bytes())
    login.environment |= {"ESD_ACTION": "gc", "ESD_KEEP_DAYS": "30"}

    assert login.run(job, "images.sh")[0] == 0

    assert ((login.cache / ".config.backup").is_dir(), (login.cache / f".{SHA256}.abc123").exists()) == (True, False)


@integration
def test_a_link_to_another_folder_of_ones_own_is_not_the_cache(login, tmp_path):
    """Whoever may rename in the scratch folder leads the pull into the user's home, say, whose mode it would change."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    login.cache.symlink_to(home)
    code, errors = login.run(login.job("one"))
    assert (code, "is no folder of your own" in errors) == (1, True)
    assert (home.stat().st_mode & 0o777, list(home.iterdir())) == (0o755, [])


def test_a_key_that_others_can_replace_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setenv("COSIGN_PASSWORD", "x")
    place = tmp_path / "keys"
    place.mkdir()
    key = signing.new_key_pair(place / "maintainer")
    monkeypatch.setenv("ESD_TRUSTED_KEYS", str(place))
    assert len(signing.trusted_keys()) == 1
    for path, mode in ((key, 0o666), (place, 0o777), (key, 0o664)):
        before = path.stat().st_mode & 0o777
        path.chmod(mode)
        with pytest.raises(UsageError, match="could add any key"):
            signing.trusted_keys()
        path.chmod(before)
    assert len(signing.trusted_keys()) == 1


def test_a_build_cache_that_everybody_can_write_to_is_not_used(tmp_path):
    import pwd

    entry = pwd.getpwuid(os.geteuid())
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))
    root = tmp_path / "cache"
    root.mkdir()
    root.chmod(0o777)
    with pytest.raises(ToolError, match="is writable for everybody"):
        Cache.at(root, account)
    root.chmod(0o755)
    assert Cache.at(root, account).root == root


@pytest.mark.parametrize(
    "text", ["[" * 10_000, '{"host": 1}', json.dumps({"host": os.uname().nodename, "process": 10**30}), "\xff", "9" * 5000]
)
def test_a_lock_file_of_another_form_is_somebody_elses(tmp_path, text):
    (tmp_path / ".lock.held").write_bytes(text.encode("latin-1"))
    with pytest.raises(HeldError):
        _take_file(tmp_path / ".lock.held")
