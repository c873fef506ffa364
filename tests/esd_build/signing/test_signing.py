"""Keys and signatures; with cosign itself where it is installed."""

import base64
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.esd_build.registry.servers import AVAILABLE, Place, running_registry

from esd_build import signing
from esd_build.data.errors import UsageError
from esd_build.registry import Registry
from esd_build.signing import PrivateKey, PublicKey, bundles, keys, simple

DIGEST = "sha256:" + "a" * 64
DATA = Path(__file__).parents[2] / "data" / "signing"


@pytest.fixture(autouse=True)
def known_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "x")


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    signing.new_key_pair(tmp_path / "mine")
    return PrivateKey.read(tmp_path / "mine.key")


def test_signature_holds_for_its_digest_and_key_only(key: PrivateKey, tmp_path: Path) -> None:
    bundle = bundles.make(DIGEST, key)
    public = PublicKey.read(tmp_path / "mine.pub")
    assert bundles.says(bundle, DIGEST, public)
    assert not bundles.says(bundle, DIGEST.replace("a", "b"), public)
    other = PublicKey.read(signing.new_key_pair(tmp_path / "other"))
    assert not bundles.says(bundle, DIGEST, other)


def altered(bundle: bytes, old: bytes, new: bytes) -> bytes:
    content = json.loads(bundle)
    payload = base64.b64decode(content["dsseEnvelope"]["payload"])
    assert old in payload
    content["dsseEnvelope"]["payload"] = base64.b64encode(payload.replace(old, new)).decode()
    return json.dumps(content).encode()


def test_altered_bundles_are_no_signatures(key: PrivateKey) -> None:
    bundle = bundles.make(DIGEST, key)
    other = DIGEST.replace("a", "b")
    assert not bundles.says(altered(bundle, b"a" * 64, b"b" * 64), other, key.public)
    assert not bundles.says(altered(bundle, b"cosign/sign/v1", b"cosign/sign/v2"), DIGEST, key.public)
    assert not bundles.says(bundle.replace(b"in-toto+json", b"in-toto+yaml"), DIGEST, key.public)
    for broken in (b"", b"[]", b"{}", b'{"dsseEnvelope": {"payload": "?", "payloadType": "", "signatures": []}}', bundle[:-1]):
        assert not bundles.says(broken, DIGEST, key.public)


def test_statement_of_another_kind_by_the_same_key_is_no_signature(key: PrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as an attestation that an image is unsafe: rightly signed, and about this digest."""
    with monkeypatch.context() as patch:
        patch.setattr(bundles, "PREDICATE", "https://example.org/unsafe/v1")
        attestation = bundles.make(DIGEST, key)
        assert bundles.says(attestation, DIGEST, key.public)
    assert not bundles.says(attestation, DIGEST, key.public)


def test_bundle_and_keys_that_cosign_made_are_understood(tmp_path: Path) -> None:
    """Recorded from cosign 3.1.1: `cosign generate-key-pair`, `cosign sign --key`."""
    public = PublicKey.read(DATA / "cosign.pub")
    private = tmp_path / "cosign.key"
    private.write_bytes((DATA / "cosign-key.pem").read_bytes())
    private.chmod(0o600)
    assert PrivateKey.read(private).public.hint == public.hint
    bundle = (DATA / "bundle.json").read_bytes()
    assert json.loads(bundle)["verificationMaterial"]["publicKey"]["hint"] == public.hint
    assert bundles.says(bundle, (DATA / "digest").read_text().strip(), public)


def test_older_signature_of_cosign_is_understood_and_altered_ones_are_not() -> None:
    """Recorded from cosign 2.5.0: `cosign sign --key`."""
    public = PublicKey.read(DATA / "cosign.pub")
    payload = (DATA / "simple-payload.json").read_bytes()
    layer = json.loads((DATA / "simple-manifest.json").read_text())["layers"][0]
    signature = layer["annotations"]["dev.cosignproject.cosign/signature"]
    digest = "sha256:a9096801c49713796fceecd53533c8388a0a9a25a63e564217eda643e9170c3b"
    assert simple.says(payload, signature, digest, public)
    assert not simple.says(payload, signature, DIGEST, public)
    assert not simple.says(payload.replace(digest.encode(), DIGEST.encode()), signature, DIGEST, public)
    for broken in (b"", b"[]", b'{"critical": {}}', payload.replace(b"cosign container image signature", b"x")):
        assert not simple.says(broken, signature, digest, public)
    for forged in ("", "?", signature[:-4], "AAAA"):
        assert not simple.says(payload, forged, digest, public)


def test_private_key_is_encrypted_and_for_its_owner_only(key: PrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in repr(key)
    with pytest.raises(UsageError, match="already exists"):
        signing.new_key_pair(tmp_path / "mine")
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong")
    with pytest.raises(UsageError, match="wrong password"):
        PrivateKey.read(file)
    monkeypatch.delenv("COSIGN_PASSWORD")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UsageError, match=r"set \$COSIGN_PASSWORD"):
        PrivateKey.read(file)
    file.chmod(0o640)
    with pytest.raises(UsageError, match="a private key that others can read"):
        PrivateKey.read(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not a private key in cosign's format"),
        ("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n?\n-----END", "is damaged"),
        ("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n" + base64.b64encode(b'{"kdf": {}}').decode(), "is damaged"),
    ],
)
def test_bad_key_files_are_named(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "bad.key"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(UsageError, match=rf"bad\.key {words}"):
        PrivateKey.read(file)
    with pytest.raises(UsageError, match=r"bad\.key is not a public key"):
        PublicKey.read(file)
    with pytest.raises(UsageError, match=r"none\.pub is not a public key .*No such file"):
        PublicKey.read(tmp_path / "none.pub")


def test_key_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    _, _, rest = (DATA / "cosign-key.pem").read_text().partition("KEY-----")
    content = base64.b64decode(rest.partition("-----")[0]).replace(b'"N":65536', b'"N":4194304')
    file = tmp_path / "greedy.key"
    file.write_text(f"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{base64.b64encode(content).decode()}\n-----END")
    file.chmod(0o600)
    with pytest.raises(UsageError, match="is damaged"):
        PrivateKey.read(file)


def test_trusted_keys_are_a_folder_or_a_file(key: PrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (tmp_path, tmp_path / "mine.pub"):
        monkeypatch.setenv("ESD_TRUSTED_KEYS", str(place))
        assert [known.hint for known in signing.trusted_keys()] == [key.public.hint]
    monkeypatch.setenv("ESD_TRUSTED_KEYS", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"no trusted key: put the public key .* into .*none, or set \$ESD_TRUSTED_KEYS"):
        signing.trusted_keys()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if not AVAILABLE:
        pytest.skip("docker-registry is not installed: `make setup`")
    with running_registry(tmp_path_factory.mktemp("registry")) as server:
        yield Place(server.host, server.tls.ca_file, server.folder / "unfinished")


@pytest.fixture
def sif(tmp_path: Path) -> Path:
    path = tmp_path / "nest-edge.sif"
    path.write_text(str(tmp_path))
    return path


@pytest.mark.integration
def test_signed_image_is_taken_and_all_others_are_refused(place: Place, key: PrivateKey, sif: Path, tmp_path: Path) -> None:
    registry: Registry = place.registry
    image = registry.push(sif, place.reference("signed"), {}).reference
    with pytest.raises(UsageError, match=r"is refused: it has no signature, and you trust only .*mine\.key"):
        signing.require(registry, image, (key.public,))
    assert signing.sign(registry, image, key)
    assert not signing.sign(registry, image, key)
    assert str(signing.require(registry, image, (key.public,)).signer).endswith("mine.key")
    stranger = PublicKey.read(signing.new_key_pair(tmp_path / "stranger"))
    with pytest.raises(UsageError, match=r"its 2 signatures are by others, and you trust only .*stranger\.pub"):
        signing.require(registry, image, (stranger,))
    # The same tag with another content: what was signed is the digest.
    sif.write_text("tampered")
    tampered = registry.push(sif, place.reference("signed"), {}).reference
    with pytest.raises(UsageError, match="it has no signature"):
        signing.require(registry, tampered, (key.public,))
    # A signature of another image attached to it is none, either.
    signature = registry.read(image, registry.attachments(image)[0])
    stolen = tmp_path / "stolen.json"
    stolen.write_bytes(signature)
    registry.attach(tampered, signing.SIGNATURE, stolen)
    with pytest.raises(UsageError, match="its 1 signatures are by others"):
        signing.require(registry, tampered, (key.public,))
    for content in (simple.payload_of(image), b"{}"):
        registry.store.put_bytes(tampered, content)
    older = registry.store.manifest(replace(image, tag=f"{image.digest}.sig".replace(":", "-"), digest=None))
    assert older is not None
    registry.store.put_manifest(tampered, f"{tampered.digest}.sig".replace(":", "-"), older)
    with pytest.raises(UsageError, match="its 2 signatures are by others"):
        signing.require(registry, tampered, (key.public,))


@pytest.mark.integration
def test_tag_is_not_signed(place: Place, key: PrivateKey) -> None:
    with pytest.raises(UsageError):
        signing.sign(place.registry, place.reference("none"), key)


def version_of(cosign: str) -> int:
    """cosign's major version; Debian's does not tell, but 3 has an option that 2 has not."""
    told = subprocess.run((cosign, "sign", "--help"), capture_output=True, text=True, check=True).stdout
    return 3 if "--use-signing-config" in told else 2


@pytest.mark.integration
def test_cosign_takes_our_signatures_and_we_take_cosign_s(place: Place, key: PrivateKey, sif: Path, tmp_path: Path) -> None:
    cosign = shutil.which("cosign")
    if cosign is None:
        pytest.skip("cosign is not installed (Debian 13 has it)")
    image = place.registry.push(sif, place.reference("cosign"), {}).reference
    signing.new_key_pair(tmp_path / "theirs")

    def run(*arguments: str) -> int:
        command = (cosign, *arguments, "--registry-cacert", str(place.ca_file), str(image))
        return subprocess.run(command, capture_output=True, check=False).returncode

    signing.sign(place.registry, image, key)
    assert run("verify", "--key", str(tmp_path / "mine.pub"), "--insecure-ignore-tlog=true") == 0
    assert run("verify", "--key", str(tmp_path / "theirs.pub"), "--insecure-ignore-tlog=true") != 0
    newer = ("--use-signing-config=false",) if version_of(cosign) >= 3 else ()
    assert run("sign", "--key", str(tmp_path / "theirs.key"), *newer, "--tlog-upload=false", "--yes") == 0
    theirs = PublicKey.read(tmp_path / "theirs.pub")
    assert str(signing.require(place.registry, image, (theirs,)).signer).endswith("theirs.pub")


def test_no_half_of_a_key_pair_is_left_where_the_other_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*, new: bool) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(keys, "password", interrupted)
        with pytest.raises(KeyboardInterrupt):
            signing.new_key_pair(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []

    write = keys._write_new

    def full(path: Path, content: bytes, mode: int) -> None:
        if path.suffix == ".pub":
            raise OSError(28, "No space left on device", str(path))
        write(path, content, mode)

    monkeypatch.setattr(keys, "password", lambda *, new: "secret")
    monkeypatch.setattr(keys, "_write_new", full)
    with pytest.raises(UsageError, match=r"mine\.pub: No space left"):
        signing.new_key_pair(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_a_keys_name_is_kept_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "password", lambda *, new: "secret")
    assert signing.new_key_pair(tmp_path / "esd-25.04").name == "esd-25.04.pub"
    assert signing.new_key_pair(tmp_path / "other.key").name == "other.pub"
    assert {path.name for path in tmp_path.iterdir()} == {"esd-25.04.key", "esd-25.04.pub", "other.key", "other.pub"}
