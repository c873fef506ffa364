"""What the builder must know of an Apptainer definition file: its stages and the names of its arguments.

Follows Apptainer's user guide, "Definition Files": a stage begins at a `Bootstrap:` line; `%arguments` gives the defaults of `{{ name }}`.
"""

import re
from dataclasses import dataclass

_ARGUMENT_USE = re.compile(r"{{\s*([A-Za-z_][A-Za-z0-9_]*)\s*}}")
_STAGE_START = re.compile(r"^bootstrap:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Definition:
    """The text of a definition file."""

    text: str

    @property
    def arguments(self) -> frozenset[str]:
        """Names of the arguments that the text uses; Apptainer refuses to be given others."""
        return frozenset(_ARGUMENT_USE.findall(self.text))

    @property
    def stages(self) -> dict[str, str]:
        """The text of each stage, by the name that its `Stage:` line gives (`final` where there is none)."""
        starts = [match.start() for match in _STAGE_START.finditer(self.text)]
        texts = [self.text[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
        return {_stage_name(text): text for text in texts}


def _stage_name(text: str) -> str:
    found = re.search(r"^stage:\s*(\S+)", text, re.IGNORECASE | re.MULTILINE)
    return found.group(1) if found else "final"
