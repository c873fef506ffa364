import pytest

from esd_build.data.errors import UsageError
from esd_deploy.plans.image import reference

WORDS = {
    "nest": "r.example:5000/esd/nest:edge",
    "nest:25.04": "r.example:5000/esd/nest:25.04",
    "other.example/hpc/nest:1": "other.example/hpc/nest:1",
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_names_an_image(word):
    assert str(reference(word, registry="r.example:5000", repository="esd", known=["nest"])) == WORDS[word]


def test_an_unknown_image_offers_the_nearest():
    with pytest.raises(UsageError, match=r"unknown image 'nst'; did you mean 'nest'\?"):
        reference("nst", registry="r.example", repository="esd", known=["nest", "base"])
