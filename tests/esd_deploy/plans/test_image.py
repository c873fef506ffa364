import pytest

from esd_build.data.errors import UsageError
from esd_deploy.plans.image import ImageWord, parse

WORDS = {
    "nest": "r.example:5000/esd/nest:edge",
    "nest:25.04": "r.example:5000/esd/nest:25.04",
    "other.example/hpc/nest:1": "other.example/hpc/nest:1",
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_names_an_image(word):
    found = parse(word, known=lambda: ["nest"])

    assert str(found.at("r.example:5000", "esd") if isinstance(found, ImageWord) else found) == WORDS[word]


def test_a_whole_reference_needs_no_checkout():
    assert parse("other.example/hpc/nest:1", known=lambda: pytest.fail("nobody asks which images there are"))


def test_an_unknown_image_offers_the_nearest():
    with pytest.raises(UsageError, match=r"unknown image 'nst'; did you mean 'nest'\?"):
        parse("nst", known=lambda: ["nest", "base"])
