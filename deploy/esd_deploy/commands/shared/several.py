"""What the commands that take several runs share: which they are, and what becomes of the errors of some of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esd_build.data.errors import EsdError
from esd_build.net.words import say
from esd_deploy.commands.shared.console import printed_array
from esd_deploy.commands.shared.running import RunFailedError
from esd_deploy.records.record import RunRecord
from esd_deploy.several import selection


@dataclass(frozen=True)
class Chosen:
    """The runs that a command is about. `many`: they were named as several, be it by a tag that only one has."""

    ids: tuple[str, ...]
    many: bool

    @classmethod
    def of(cls, words: Sequence[str] | None, tag: str | None, output: Path) -> "Chosen":
        """Raises UsageError if nothing is named, or a word fits several runs."""
        return cls(tuple(selection.several(output, words or (), tag)), tag is not None or len(words or ()) > 1)

    def each(self, act: Callable[[str], None]) -> None:
        """Do it with each. What fails for one of several is told at once, and the others are done all the same.

        Raises the error of the only run; of several, RunFailedError where a job failed, else an error of the first one's kind.
        """
        if not self.many:
            act(*self.ids)
            return
        failed: list[EsdError] = []
        for run_id in self.ids:
            try:
                act(run_id)
            except EsdError as error:
                say(f"{run_id}: {error}", err=True)
                failed.append(error)
        if failed:
            worst = next((one for one in failed if isinstance(one, RunFailedError)), failed[0])
            raise type(worst)(f"{len(failed)} of {len(self.ids)} runs: see above")


@contextmanager
def printed(chosen: Chosen, *, as_json: bool) -> Iterator[list[RunRecord]]:
    """Records that are put into the list are printed as JSON, whatever else happens: an object of one run, an array of several."""
    found: list[RunRecord] = []
    try:
        yield found
    finally:
        if as_json:
            _print([one.model_dump_json(indent=2) for one in found], many=chosen.many)


def _print(texts: Sequence[str], *, many: bool) -> None:
    if many:
        printed_array(texts)
        return
    for text in texts:
        say(text)
