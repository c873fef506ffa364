import copy
import json
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.esd_build.providers.spack.conftest import LOCK, NEST, PYTHON

from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.providers.spack import binaries
from esd_build.providers.spack.binaries import Place, mirrors, tags
from esd_build.providers.spack.locks.lockfile import Lock
from esd_build.signing.keys import PrivateKey, PublicKey
from esd_build.signing.signatures import Verdict


def test_packages_that_the_base_image_brings_along_are_not_in_a_cache(tmp_path: Path) -> None:
    content = copy.deepcopy(LOCK)
    content["concrete_specs"][PYTHON]["external"] = {"path": "/usr", "module": None}  # type: ignore[index]
    (tmp_path / "spack.lock").write_text(json.dumps(content))
    assert tags(Lock.read(tmp_path / "spack.lock")) == (
        f"arbor-0.9.0-{'a' * 32}.spack",
        f"nest-3.8-{'n' * 32}.spack",
        f"py-pynn-0.12.3-{'y' * 32}.spack",
        f"py-wheel-0.45.1-{'w' * 32}.spack",
    )


@pytest.mark.parametrize("text", ["localhost:5000/esd/built", "oci://localhost:5000/esd/built/"])
def test_a_place_in_a_registry(text: str) -> None:
    place = Place.parse(text, None)
    assert place.url == "oci://localhost:5000/esd/built"
    assert str(place.package("nest-3.8-abc.spack")) == "localhost:5000/esd/built:nest-3.8-abc.spack"


def test_a_place_that_is_none() -> None:
    with pytest.raises(UsageError, match="not a valid registry"):
        Place.parse("built/packages", None)


def test_the_account_goes_to_its_registry_only_and_by_variables() -> None:
    text = mirrors("file:///srv/built", "oci://host:5000/built", "oci://host:5000/built", with_account=True)
    assert text == (
        "mirrors:\n"
        "  origin: {url: 'file:///srv/built', signed: false}\n"
        "  target: {url: 'oci://host:5000/built', signed: false, "
        "access_pair: {id_variable: ESD_OCI_CACHE_USER, secret_variable: ESD_OCI_CACHE_PASSWORD}}\n"
    )
    assert "access_pair" not in mirrors("a", "b", "b", with_account=False)


TAG = f"nest-3.8-{'n' * 32}.spack"
DIGEST = f"sha256:{'1' * 64}"


class FakeRegistry:
    """A registry with one package under the tag of NEST, signed or not."""

    def __init__(self, name: str = "nest", key: str = "n" * 32) -> None:
        self.config = {"spec": {"nodes": [{"name": name, "version": "3.8", "hash": key}]}}
        self.store: Any = self

    def tags(self, _reference: ImageReference) -> list[str]:
        return [TAG, "index.spack"]

    def digest(self, _reference: ImageReference) -> str:
        return DIGEST

    def manifest(self, _reference: ImageReference) -> bytes:
        return json.dumps({"config": {"digest": DIGEST, "size": 2}}).encode()

    def get_blob(self, _reference: ImageReference, _digest: str, _size: int) -> bytes:
        return json.dumps(self.config).encode()


def one_package(tmp_path: Path) -> Lock:
    content = copy.deepcopy(LOCK)
    content["concrete_specs"] = {NEST: {**content["concrete_specs"][NEST], "dependencies": []}}  # type: ignore[index, call-overload]
    content["roots"] = content["roots"][:1]  # type: ignore[index]
    (tmp_path / "spack.lock").write_text(json.dumps(content))
    return Lock.read(tmp_path / "spack.lock")


def pull(monkeypatch: pytest.MonkeyPatch, registry: FakeRegistry, lock: Lock) -> int:
    def stop(*_arguments: object, **_options: object) -> None:
        raise AssertionError("Spack was called")

    monkeypatch.setattr(binaries, "Registry", lambda _host, ca_file: registry)
    monkeypatch.setattr(binaries, "require", lambda _registry, _package, _keys: "ours")
    spack: Any = stop
    return binaries.pull(spack, "group", Place.parse("localhost:5000/built", None), lock, (cast("PublicKey", None),))


@pytest.mark.parametrize(("name", "key"), [("arbor", "n" * 32), ("nest", "m" * 32)])
def test_a_signed_package_under_the_tag_of_another_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, key: str) -> None:
    with pytest.raises(UsageError, match=f"is refused: it is {name}-3.8-{key}.spack, which somebody put under this tag"):
        pull(monkeypatch, FakeRegistry(name, key), one_package(tmp_path))


def test_what_is_no_package_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.config = {}
    with pytest.raises(UsageError, match="it is not a package of a Spack build cache"):
        pull(monkeypatch, registry, one_package(tmp_path))


def test_what_others_put_there_is_not_signed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key, registry = PrivateKey(ec.generate_private_key(ec.SECP256R1()), "mine.key"), FakeRegistry()
    asked: list[tuple[str, ...]] = []

    def no_signature(_registry: object, _image: ImageReference, keys: tuple[PublicKey, ...]) -> Verdict:
        asked.append(tuple(known.source for known in keys))
        return Verdict("failed", None, 0)

    monkeypatch.setattr(binaries, "Registry", lambda _host, ca_file: registry)
    monkeypatch.setattr(binaries, "check", no_signature)
    spack: Any = None
    with pytest.raises(UsageError, match=rf"has 1 packages that this key has not signed: {TAG}; `--replace`"):
        binaries.push(spack, "group", Place.parse("localhost:5000/built", None), one_package(tmp_path), key, replace=False)
    assert asked == [("mine.key",)]
