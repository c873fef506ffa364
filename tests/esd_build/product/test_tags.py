from datetime import date
from pathlib import Path

import pytest

from esd_build.product import tags
from esd_build.product.finished import Product

LABELS = {"org.label-schema.build-date": "Saturday_21_November_2026_7:41:17_UTC"}


def product(label: str = "25.04", **labels: str) -> Product:
    return Product(
        image="nest",
        environment="25.04",
        label=label,
        provider="debian",
        key="k",
        sha256="758ada9c7ef3" + "0" * 52,
        size=1,
        stages={},
        labels=labels,
    )


def test_tags_name_environment_day_and_content() -> None:
    own = tags.tags_of(product(**LABELS), Path("none"))
    assert (own.moving, own.immutable) == ("25.04", "25.04-20261121-758ada9c")
    assert [tag for tag, _ in own.explanation] == [own.moving, own.immutable]


def test_image_for_another_processor_does_not_move_the_environment_s_tag() -> None:
    own = tags.tags_of(product(label="25.04-x86_64_v4", **LABELS), Path("none"))
    assert (own.moving, own.immutable) == ("25.04-x86_64_v4", "25.04-x86_64_v4-20261121-758ada9c")


@pytest.mark.parametrize(
    ("labels", "day"),
    [
        (LABELS, date(2026, 11, 21)),
        ({**LABELS, "org.opencontainers.image.created": "2026-11-20T23:30:00-02:00"}, date(2026, 11, 21)),
        ({"org.opencontainers.image.created": "2026-11-20T23:30:00Z"}, date(2026, 11, 20)),
        ({"org.label-schema.build-date": "yesterday"}, None),
        ({}, None),
    ],
)
def test_day_of_a_build_is_in_its_labels(labels: dict[str, str], day: date | None) -> None:
    assert tags.built_on(labels) == day


def test_without_labels_the_file_s_own_day_counts(tmp_path: Path) -> None:
    import os

    file = tmp_path / "nest.sif"
    file.touch()
    os.utime(file, (86400 * 365, 86400 * 365))
    assert tags.tags_of(product(), file).immutable == "25.04-19710101-758ada9c"


@pytest.mark.parametrize(
    ("tag", "moving"),
    [("25.04-20261121-758ada9c", "25.04"), ("edge-rc-20261121-758ada9c", "edge-rc"), ("edge", None), ("edge-20261121", None), ("", None)],
)
def test_form_of_an_immutable_tag(tag: str, moving: str | None) -> None:
    assert tags.moving_of(tag) == moving
    assert tags.is_immutable(tag) == (moving is not None)
