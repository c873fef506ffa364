"""One job of the soak: 300 kB that only its number determines, names that shells and URLs dislike, links in circles."""

import os
import random
import sys
import time
from pathlib import Path

with Path("ran.txt").open("a") as ran:
    ran.write(os.environ.get("SLURM_JOB_ID", "login") + "\n")
number = int(sys.argv[1])
generator = random.Random(number)
content = generator.randbytes(300_000)
time.sleep(generator.uniform(0, 2))
Path("result.bin").write_bytes(content)
for name in ("with blank", "quote'\"", "$(touch evil)", "größe", "percent%20", "question?mark#"):
    Path(name).write_text(f"{number}\n")
deep = Path("/".join(f"d{depth}" for depth in range(36)))
deep.mkdir(parents=True)
(deep / "deep.dat").write_text(f"{number}\n")
Path("d0/up").symlink_to("..")
Path(os.fsdecode(b"caf\xe9")).write_text(f"{number}\n")
