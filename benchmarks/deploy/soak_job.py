"""One job of the soak: writes 300 kB that only its number determines, and files with names that shells and URLs dislike."""

import random
import sys
import time
from pathlib import Path

number = int(sys.argv[1])
generator = random.Random(number)
content = generator.randbytes(300_000)
time.sleep(generator.uniform(0, 2))
Path("result.bin").write_bytes(content)
for name in ("with blank", "quote'\"", "$(touch evil)", "größe", "percent%20", "question?mark#"):
    Path(name).write_text(f"{number}\n")
