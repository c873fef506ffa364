"""Judges NEST's own MPI tests; each file runs in a separate step. Pure."""

from collections import Counter
from collections.abc import Iterable

from esd_deploy.plans.launch import Shape
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import LONG_S, Launcher
from esd_deploy.validation.terms.observations import Facts, Observations, Output
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict, failed, passed, skipped, unknown

TEST_FILES = {2: 18, 4: 9}
"""Ranks → most files of NEST's MPI tests to run with so many ranks. NEST 3.10 has these, and two for three ranks."""
# NEST's tests start more threads than a validation has processors, so a waiting thread must not keep a processor busy.
_PATIENT = ("env", "OMP_WAIT_POLICY=passive", "OMPI_MCA_mpi_yield_when_idle=1")
_ADVICE = "the cause is the image, if 'wireup-nodes' passed; esd/steps/nest-testsuite-*/stderr in the validation's folder has tracebacks"
_TOLD = 3
"""Most failures that the verdict lists; it counts the rest."""


class Failure(Facts):
    """A failed test, the ranks on which it failed, and its error in one line."""

    ranks: tuple[int, ...]
    message: str


class Tests(Facts):
    """Output of `testsuite.py` for one file; `files`: how many files NEST has for the same number of ranks."""

    missing: str | None
    ranks: int
    file: str
    files: int
    tests: int
    skipped: tuple[str, ...]
    failed: dict[str, Failure]


def testsuite(observed: Observations) -> Verdict:
    """NEST's own MPI tests, as the image has them. One file that fails or hangs does not stop the others."""
    steps = [mpi_tests_step(ranks, number) for ranks in _ranks(observed) for number in range(1, TEST_FILES[ranks] + 1)]
    outputs = [observed.output(step) for step in steps]
    ended = [output for output in outputs if output is not None and output.code is not None]
    files = [output.facts(Tests)[0] for output in ended if output.succeeded]
    missing = sorted({tests.missing for tests in files if tests.missing})
    wrong = [*(_end(output) for output in ended if not output.succeeded), *(text for tests in files for text in _failures(tests))]
    told = _told(observed, files)
    if wrong:
        more = f"; {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        return failed(f"{'; '.join(wrong[:_TOLD])}{more}. {told}", _ADVICE)
    if len(ended) < len(steps):
        return unknown(f"{len(steps) - len(ended)} of {len(steps)} files did not finish: {observed.job.why}. {told}")
    if missing:
        return skipped(_cannot(missing)) if all(tests.missing for tests in files) else unknown(told)
    return passed(told) if any(tests.tests for tests in files) else unknown("the image has no tests")


def _cannot(missing: Iterable[str]) -> str:
    return f"this image cannot run them: {', '.join(missing)}"


def _ranks(observed: Observations) -> tuple[int, ...]:
    return tuple(ranks for ranks in TEST_FILES if observed.nodes > 1 or ranks <= 2)


def _end(output: Output) -> str:
    name = output.step.removeprefix("nest-testsuite-")
    if output.hung:
        return f"file {name} did not end within {output.limit_s} s"
    return f"file {name} ends with {output.code}: {output.last_words}"


def _failures(tests: Tests) -> Iterable[str]:
    for name, failure in tests.failed.items():
        yield f"{tests.file} {name} on rank {', '.join(map(str, failure.ranks))}: {failure.message}"


def _told(observed: Observations, files: list[Tests]) -> str:
    looked = [tests for tests in files if tests.file and not tests.missing]
    missing = sorted({tests.missing for tests in files if tests.missing})
    reasons = Counter(reason for tests in looked for reason in tests.skipped)
    left_out = f", {reasons.total()} skipped ({', '.join(sorted(reasons))})" if reasons else ""
    total = sum(tests.tests for tests in looked)
    more = sum({tests.ranks: max(0, tests.files - TEST_FILES.get(tests.ranks, 0)) for tests in files}.values())
    rest = f"; {more} more files were not run" if more else ""
    ranks = sorted({tests.ranks for tests in looked}) or _ranks(observed)
    absent = f"; {_cannot(missing)}" if missing else ""
    return f"{total} tests in {len(looked)} files for {' and '.join(map(str, ranks))} ranks{left_out}{rest}{absent}"


def mpi_tests_step(ranks: int, number: int) -> str:
    """The name of the step that runs one file of NEST's MPI tests with so many ranks."""
    return f"nest-testsuite-{ranks}-{number}"


def _steps(at: Launcher) -> tuple[Step, ...]:
    shapes = {2: Shape(1, 2), **({4: Shape(2, 2)} if at.nodes > 1 else {})}
    return tuple(
        Step(mpi_tests_step(ranks, number), (*_PATIENT, *at.inside(shape, "python3", "esd/testsuite.py", str(number))), LONG_S)
        for ranks, shape in shapes.items()
        for number in range(1, TEST_FILES[ranks] + 1)
    )


_TESTS = tuple(mpi_tests_step(ranks, number) for ranks, files in TEST_FILES.items() for number in range(1, files + 1))


TOPIC = Topic(
    steps=_steps,
    checks=(
        Check(
            "nest-testsuite",
            "NEST's own MPI tests",
            tags("nest"),
            testsuite,
            _TESTS,
            ("nest",),
            quick=False,
            on_request=True,
            parts=True,
        ),
    ),
)
