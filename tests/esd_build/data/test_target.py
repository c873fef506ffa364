import archspec.cpu
import pytest

from esd_build.data import target
from esd_build.data.errors import UsageError


@pytest.mark.parametrize(
    ("name", "compiler"),
    [("x86_64", "x86-64"), ("x86_64_v2", "x86-64-v2"), ("x86_64_v3", "x86-64-v3"), ("x86_64_v4", "x86-64-v4"), ("aarch64", "armv8-a")],
)
def test_what_the_compiler_calls_it(name: str, compiler: str) -> None:
    assert target.march(name) == compiler


def test_unknown_target_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown target 'x86-64-v3'; did you mean 'x86_64_v3'"):
        target.march("x86-64-v3")


def test_another_kind_of_processor_gets_its_generic_target_unless_one_was_chosen() -> None:
    assert target.for_machine("x86_64_v3", "x86_64", chosen=False) == "x86_64_v3"
    assert target.for_machine("x86_64_v3", "aarch64", chosen=False) == "aarch64"
    assert target.for_machine("neoverse_v1", "aarch64", chosen=True) == "neoverse_v1"
    with pytest.raises(UsageError, match="is for x86_64 processors, but this machine is aarch64"):
        target.for_machine("x86_64_v4", "aarch64", chosen=True)


def test_image_for_a_newer_processor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archspec.cpu, "host", lambda: archspec.cpu.TARGETS["haswell"])
    target.require_runs_here("x86_64_v3")
    with pytest.raises(UsageError, match=r"x86_64_v4 does not run on this machine \(haswell lacks avx512"):
        target.require_runs_here("x86_64_v4")
