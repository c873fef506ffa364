import pytest

from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:5000/esd/nest:edge",
        "docker-registry.ebrains.eu/hpc-containers/nest:25.04",
        f"localhost/nest@{DIGEST}",
        f"127.0.0.1:5000/esd/nest:edge@{DIGEST}",
    ],
)
def test_canonical_form_is_what_was_parsed(text: str) -> None:
    assert str(ImageReference.parse(text)) == text
    assert ImageReference.parse(f"oras://{text}") == ImageReference.parse(text)


def test_digest_wins_over_tag_when_pulling() -> None:
    reference = ImageReference.parse("127.0.0.1:5000/esd/nest:edge")
    assert reference.oras == "oras://127.0.0.1:5000/esd/nest:edge"
    assert reference.with_digest(DIGEST).oras == f"oras://127.0.0.1:5000/esd/nest@{DIGEST}"
    assert reference.with_digest(DIGEST).tag == "edge"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nest:edge", "no registry"),
        ("esd/nest:edge", "'esd' is not a valid registry"),
        ("host.eu/nest", "neither tag nor digest"),
        ("host.eu/NEST:edge", "'NEST' is not a valid repository; registries take lower-case names only"),
        ("host.eu/nest:ed ge", "'ed ge' is not a valid tag"),
        ("host.eu/nest@sha256:abc", "'sha256:abc' is not a valid digest"),
        ("host.eu/../nest:edge", "'../nest' is not a valid repository"),
        ("host.eu/nest:$(id)", "is not a valid tag"),
    ],
)
def test_wrong_reference_names_its_wrong_part(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("$", r"\$").replace("(", r"\(").replace(")", r"\)")):
        ImageReference.parse(text)


def test_digest_is_checked() -> None:
    with pytest.raises(UsageError, match="not a digest"):
        ImageReference.parse("host.eu/nest:edge").with_digest("sha256:short")
