import pytest

from esd_build.building.history import Standing, standing
from esd_build.building.stage import Stage

NOW = {"definition": "1", "requirements.txt": "2", "base": "3"}


@pytest.mark.parametrize(
    ("inputs", "last", "kept", "expected"),
    [
        (NOW, NOW, True, Standing("kept", "in the cache")),
        (NOW, None, False, Standing("rebuild", "never built here")),
        (NOW, NOW, False, Standing("rebuild", "no longer in the cache")),
        (NOW, {**NOW, "requirements.txt": "0"}, False, Standing("rebuild", "requirements.txt changed")),
        (
            NOW,
            {"definition": "0", "base": "3", "apt.txt": "9"},
            False,
            Standing("rebuild", "apt.txt removed, definition changed, requirements.txt added"),
        ),
        ({**NOW, "base: g++": None, "base: python3": None}, NOW, False, Standing("waits", "decided once base is built")),
    ],
)
def test_why_a_stage_is_made(inputs: dict[str, str | None], last: dict[str, str | None] | None, kept: bool, expected: Standing) -> None:
    assert standing(Stage("nest", "image", inputs), last, kept=kept) == expected
