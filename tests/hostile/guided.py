"""Fuzzing that the reached code leads (libFuzzer, by atheris): `make fuzz-long`.

    python -m tests.hostile.guided PARSER [libFuzzer's options and folders]

The first folder is the corpus that grows; further ones are only read. An input that raises anything but an error of ours ends it
(code 77) and is kept (`-artifact_prefix=`): put it into tests/data/fuzz/PARSER/, where `make test` tries it from then on.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["esd_build", "esd_deploy", "esd_localsite", "tarfile", "zipfile", "yaml"]):
    from tests.hostile.readers import EXPECTED, FILES, READERS, file_reader


def main() -> None:
    """Until time or the number of inputs is over."""
    parser = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as folder:
        read = file_reader(parser, Path(folder)) if parser in FILES else READERS[parser]

        def one(content: bytes) -> None:
            try:
                read(content)
            except EXPECTED as error:
                str(error).encode(errors="strict")

        atheris.Setup(sys.argv, one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
