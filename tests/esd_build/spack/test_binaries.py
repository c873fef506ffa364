import copy
import json
from pathlib import Path

import pytest
from tests.esd_build.spack.conftest import LOCK, PYTHON

from esd_build.errors import UsageError
from esd_build.spack.binaries import Place, mirrors, tags
from esd_build.spack.lockfile import Lock


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
