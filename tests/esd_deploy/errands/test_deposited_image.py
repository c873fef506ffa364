"""A deposited image on its way to a site's cache."""

import pytest

from esd_build.data.errors import ToolError
from esd_deploy.errands import deposited_image
from esd_deploy.inputs.content import OnDisk
from esd_deploy.runs.errand import Answer


@pytest.fixture
def site(monkeypatch):
    """What the site is asked, and what it answers next."""
    asked, answers = [], []

    def run(_connection, spec):
        asked.append(spec)
        return answers.pop(0)

    monkeypatch.setattr("esd_deploy.errands.errand.run", run)
    return asked, answers


@pytest.fixture
def send(config, image, tmp_path):
    (tmp_path / "x.sif").write_bytes(b"x" * 1000)
    told = []
    sif = OnDisk(tmp_path / "x.sif", 1000)
    return lambda: (deposited_image.ensured(None, config, image, sif, told.append), told)[1]


def test_an_image_that_is_there_is_not_sent(site, send, image):
    asked, answers = site
    answers.append(Answer(0, "present\n", ""))

    assert send() == []
    assert dict(asked[0].environment) == {"ESD_IMAGE_SHA256": image.sif_digest.removeprefix("sha256:"), "ESD_IMAGE_SIZE": "1000"}
    assert "esd/image.sif" not in dict(asked[0].files)


def test_an_image_that_is_absent_is_sent_once(site, send):
    asked, answers = site
    answers += [Answer(0, "absent\n", ""), Answer(0, "present\n", "")]

    assert send() == ["sending the image to valid: 0 MB"]
    assert dict(asked[1].files)["esd/image.sif"].size == 1000


@pytest.mark.parametrize("last", [Answer(1, "", "disk full: 3 MB free"), Answer(0, "absent\n", "")])
def test_what_the_site_says_is_told(site, send, last):
    site[1].extend([Answer(0, "absent\n", ""), last])

    with pytest.raises(ToolError, match=r"disk full: 3 MB free|does not say why"):
        send()
