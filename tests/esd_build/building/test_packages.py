from esd_build.building import packages


def test_lists_with_comments() -> None:
    assert packages.parse("# a=b\ngcc=14.2\nlibc6=2.41-12+deb13u1\n\n") == {"gcc": "14.2", "libc6": "2.41-12+deb13u1"}


def test_every_difference_has_a_line() -> None:
    assert packages.differences({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == (
        "b: 1 → 2",
        "c: 1 → not there",
        "d: not recorded → 1",
    )


def test_nothing_recorded_is_nothing_to_compare_with() -> None:
    assert packages.differences({}, {"a": "1"}) == ()
