import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.unicorex.programs.java import find_java, find_maven, java_version

DEBIAN_17 = "openjdk 17.0.15 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6-Debian-1deb12u1)\n"
OLD_8 = 'openjdk version "1.8.0_402"\nOpenJDK Runtime Environment\n'


@pytest.mark.parametrize(
    ("said", "version"),
    [(DEBIAN_17, 17), (OLD_8, 8), ("openjdk 25 2025-09-16\nRuntime\n", 25), ("java 21.0.1 2023-10-17 LTS\n", 21), ("hello", 0)],
)
def test_the_version_that_java_tells(said: str, version: int) -> None:
    assert java_version(said) == version


def test_java_that_is_new_enough() -> None:
    assert str(find_java(lambda _: "/usr/bin/java", lambda _: DEBIAN_17)) == "/usr/bin/java"


@pytest.mark.parametrize(("said", "what"), [("openjdk 11.0.2 2019-01-15\n", "is Java 11"), ("hello", "of an unknown version")])
def test_java_that_is_too_old(said: str, what: str) -> None:
    with pytest.raises(LocalSiteError, match=what) as refused:
        find_java(lambda _: "/usr/bin/java", lambda _: said)
    assert "`make setup SERVER=unicorex`" in str(refused.value)


def test_what_is_missing_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(LocalSiteError, match=r"no `java` .*default-jre-headless.*make setup SERVER=unicorex"):
        find_java(lambda _: None)
    with pytest.raises(LocalSiteError, match=r"no `mvn` .*maven.*make setup SERVER=unicorex"):
        find_maven(lambda _: None)
