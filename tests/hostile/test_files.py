"""Files that mean harm to whoever reads them: site files, archives, options, Docker's configuration."""

import base64
import json
import time
import zipfile

import pytest
from pydantic import ValidationError

from esd_build.data import documents
from esd_build.data.errors import ConfigError, EsdError, UsageError
from esd_build.registry.credentials import Credentials
from esd_deploy.commands.shared import console, words
from esd_deploy.inputs.bundle import bundle
from esd_deploy.plans import launch, limits
from esd_deploy.sites.config import SiteConfig

_TENFOLD = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True))
BOMB = f"a: &a [x, x, x, x, x, x, x, x, x, x]\n{_TENFOLD}"
YAML = {
    "zero byte": "kind: a\0b\n",
    "deep": "kind: " + "[" * 5000 + "]" * 5000 + "\n",
    "deep maps": "{a: " * 2000 + "}" * 2000,
    "bomb": BOMB,
    "itself": "kind: &a [*a]\n",
    "digits": "kind: " + "9" * 5000 + "\n",
    "escapes": 'kind: "\\ud800"\n',
    "control": 'kind: "\\x1b]52;c;x\\x07"\n',
    "binary": "kind: !!binary aGk=\n",
    "python": "kind: !!python/object/apply:os.system [touch evil]\n",
    "date": "kind: 2026-99-99\n",
    "large": "#" * (9 * 1024**2),
}


@pytest.mark.parametrize("kind", YAML)
def test_a_strange_data_file_is_one_error_at_once(tmp_path, kind):
    file = tmp_path / "site.yaml"
    file.write_text(YAML[kind])
    begun = time.process_time()
    with pytest.raises(ConfigError, match=r"site\.yaml") as told:
        documents.load(file, SiteConfig, name="site")
    assert len(str(told.value)) < 20_000
    assert time.process_time() - begun < 20


EVIL = {
    "binds": (["$X$(touch evil)"], ["/tmp$(id)"], ["/a`id`"], ['/a"b'], ["/a\nb"], ["$X;id"], ["/a b"], ["$(id)"]),
    "partition": ("batch\n#SBATCH --wrap=id", "a b", "--wrap=id", "$(id)", "a;b", ""),
    "account": ("brain\nid", "$(id)", "a b", "-x"),
    "modules": (["a;id"], ["a\nid"], ["$(id)"], ["-x"]),
    "apptainer": ("apptainer; id", "$(id)", "a\nb", "-x"),
    "repository": ("esd/../..", "esd$(id)", "ESD", "esd\n"),
    "registry": ("user:secret@registry.example.org", "registry.example.org/x", "a b", "a\nb"),
    "url": ("https://esd:secret@unicore.example.org/SITE/rest/core", "http://unicore.example.org/SITE/rest/core", "https://a b/rest/core"),
    "activation": ("a\nid", "x {account.__class__.__mro__[9]}", "x {0}", "x {"),
    "environment": ({"A": "x\nid"}, {"A B": "x"}, {"A": "\x1b[2J"}),
    "broadcast_folder": ("/tmp/$(id)", '/tmp/"', "/tmp\n"),
    "image_cache": ("..", "../x", "a/b", "$(id)"),
    "image_cache_keeper": ("$(id)", "a b", "-x", "a\n"),
    "scratch": ("SCRATCH; id", "A B"),
    "description": ("\x1b]52;c;x\x07",),
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in EVIL.items() for value in values])
def test_a_value_that_would_be_more_than_a_value_is_refused(config, key, value):
    whole = {**config.model_dump(exclude={"name", "file"}, exclude_unset=True), "name": "valid", key: value}
    with pytest.raises(ValidationError, match=key):
        SiteConfig.model_validate(whole)


@pytest.mark.parametrize("word", ["a\n#SBATCH --wrap=id", "$(id)", "", "-x"])
def test_what_a_caller_names_is_checked_too(config, word):
    for chosen in ({"partition": word, "account": None}, {"partition": None, "account": word}):
        with pytest.raises(UsageError):
            limits.settled(config, **chosen)


def test_a_bind_with_a_variable_still_works(config):
    whole = config.model_dump(exclude={"file"}, exclude_unset=True)
    site = SiteConfig.model_validate({**whole, "name": "valid", "binds": ["$SCRATCH/data", "/p/scratch"]})
    assert site.binds == ("$SCRATCH/data", "/p/scratch")
    assert "$SCRATCH" in " ".join((*launch.prepare(site, contained=True), *launch.container(site)))


@pytest.mark.parametrize("text", ["9" * 5000, "1:00:00" + "0" * 5000, "٣", "-1", "1e9", "0"])
def test_a_time_without_end_is_one_error(text):
    with pytest.raises(UsageError, match="--time") as told:
        words.seconds(text)
    assert len(str(told.value)) < 250


def test_an_archive_of_many_empty_files_is_refused_at_once(tmp_path):
    file = tmp_path / "many.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("run.py", "print()")
        for number in range(12_000):
            archive.writestr(f"d/{number}", b"")
    begun = time.monotonic()
    with pytest.raises(UsageError, match="more than 10000 files"):
        bundle(file)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("name", ["stdout", "stderr", "STDOUT"])
def test_an_input_may_not_take_the_place_of_the_jobs_output(tmp_path, config, script, name):
    from esd_deploy.plans.request import Request

    (tmp_path / name).write_text("x")
    with pytest.raises(UsageError, match=f"rename {name}"):
        Request(script, image="nest", inputs=(tmp_path / name,)).checked(config)


def test_dockers_own_variable_says_where_its_logins_are(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    auth = base64.b64encode(b"me:secret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"registry.example.org": {"auth": auth}}}))
    assert Credentials.find("registry.example.org", {}).username == "me"
    assert Credentials.find("other.example.org", {}) is None
    for poison in ("{", "[]", '{"auths": 3}', "[" * 10_000):
        (tmp_path / "config.json").write_text(poison)
        with pytest.raises(EsdError):
            Credentials.find("registry.example.org", {})


def test_a_message_holds_no_orders_for_a_terminal(capsys):
    with pytest.raises(SystemExit):
        console.stop("a job said \x1b]52;c;ZXZpbA==\x07\nand \x1b[2J", 4)
    told = capsys.readouterr().err
    assert ("\x1b" in told, "\x07" in told, told.count("\n")) == (False, False, 2)
